/**
 * The tag under which clients keep a list of referrers where the registry does not (distribution-spec, "Referrers Tag
 * Schema").
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Descriptor from "../../Descriptor.js"
import * as Digest from "../../Digest.js"
import * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import { ManifestInvalid } from "../../RegistryError.js"
import type { Failure } from "../../Repository.js"
import { entryOf, object, type Stored, subjectOf } from "../referrer.js"
import { pause } from "./backoff.js"
import { type Fetched, fetchManifest, putManifest } from "./manifests.js"
import * as Api from "./referrersApi.js"
import { type Edit, together } from "./referrersEdits.js"
import { isStatus, reference, type Remote } from "./remote.js"

/** `sha256-<encoded>`; of a sha512 digest the first half stays. */
export const tagOf = (subject: Digest.Digest): string =>
  `${Digest.algorithm(subject).slice(0, 32)}-${Digest.encoded(subject).slice(0, 64)}`.replace(/[^a-zA-Z0-9._-]/g, "-")

/**
 * The list under the subject's tag, or none. What is there may be something else altogether: GitLab gives the subject
 * itself under that name.
 */
export const list = (remote: Remote, subject: Digest.Digest): Effect.Effect<Option.Option<Manifest.Index>, Failure> =>
  found(remote, tagOf(subject)).pipe(
    Effect.map((there) => there === undefined ? Option.none() : Option.some(there.manifest)),
    Effect.map(Option.filter((manifest) => isList(manifest, subject))),
    // What is no index lists no referrers.
    Effect.catchTag("ManifestInvalid", "UnsupportedMediaType", () => Effect.succeed(Option.none()))
  )

const isList = (manifest: Manifest.Manifest, subject: Digest.Digest): manifest is Manifest.Index =>
  Manifest.isIndex(manifest) && manifest.descriptor.digest !== subject

const found = (remote: Remote, tag: string): Effect.Effect<Fetched | undefined, Failure> =>
  Effect.catchTag(fetchManifest(remote)(tag), "NotFound", () => Effect.succeed(undefined))

/** How often a list is written that others write at the same time. */
const maxWrites = 5

/** Under what condition a list may take the place of the one that was read: nobody was faster. */
const conditionOf = (old: Fetched | undefined): Readonly<Record<string, string>> | undefined => {
  if (old === undefined) return { "if-none-match": "*" }
  // A weak one is equal to nothing in an If-Match.
  return old.etag?.startsWith("\"") === true ? { "if-match": old.etag } : undefined
}

/** The list with its entries edited, or undefined when that changes nothing. All else in it stays as it is. */
const rewritten = (old: Fetched | undefined, edits: ReadonlyArray<Edit>): Stored | undefined => {
  const before = old === undefined ? { schemaVersion: 2, mediaType: MediaType.ociIndex } : object(old.manifest.raw)
  const entries: ReadonlyArray<unknown> = "manifests" in before && Array.isArray(before.manifests)
    ? before.manifests
    : []
  const manifests = edits.reduce((list, edit) => edit(list), entries)
  if (manifests === entries) return undefined
  const raw = new TextEncoder().encode(JSON.stringify({ ...before, manifests }))
  return { descriptor: Descriptor.fromBytes(raw, old?.manifest.descriptor.mediaType ?? MediaType.ociIndex), raw }
}

/**
 * Brings the edits into the list and reads it again, because a registry may ignore the condition: what another client
 * has overwritten is brought in again, a few times.
 */
const settle = (remote: Remote, subject: Digest.Digest, edits: ReadonlyArray<Edit>): Effect.Effect<void, Failure> => {
  const tag = tagOf(subject)
  const resource = reference(remote, tag)
  const path = `/v2/${remote.name}/manifests/${tag}`
  /** A condition that failed although nobody had been faster: this registry means something else by it. */
  let unmet: string | undefined
  let last: string | undefined

  const from = (writes: number, isFresh: boolean): Effect.Effect<void, Failure> =>
    Effect.flatMap(found(remote, tag), (old) => {
      if (old !== undefined && !isList(old.manifest, subject)) {
        return Effect.logWarning(`${resource} is not a list of referrers and is left as it is`)
      }
      const next = rewritten(old, edits)
      if (next === undefined) return Effect.void
      if (writes === maxWrites) {
        const reason = `others overwrite this list of referrers as often as it is written (${maxWrites} times)`
        return new ManifestInvalid({ resource, reason, errors: [] })
      }
      if (!isFresh) return retry(writes, old?.url ?? path, "Overwritten")
      const condition = conditionOf(old)
      const spelled = JSON.stringify(condition)
      if (last === spelled) unmet = spelled
      return Effect.matchEffect(putManifest(remote)(next, tag, spelled === unmet ? undefined : condition), {
        onSuccess: () => from(writes + 1, false),
        onFailure: (error) => {
          if (!isStatus(error, 412)) return Effect.fail(error)
          last = spelled
          return retry(writes + 1, "url" in error ? error.url : path, "412")
        }
      })
    })

  const retry = (writes: number, url: string, reason: string): Effect.Effect<void, Failure> =>
    Effect.zipRight(pause(remote, { method: "PUT", url, reason }, writes), from(writes, true))

  return from(0, true)
}

const names = (digest: Digest.Digest) => (entry: unknown) => Predicate.isRecord(entry) && entry.digest === digest

const change = (remote: Remote, subject: Digest.Digest, edit: Edit): Effect.Effect<void, Failure> =>
  together(
    remote.session,
    `${remote.registry}/${remote.name}:${tagOf(subject)}`,
    edit,
    (edits) => settle(remote, subject, edits)
  )

/** Adds the manifest to its subject's list, unless it is there. */
export const remember = (
  remote: Remote,
  subject: Digest.Digest,
  manifest: Stored
): Effect.Effect<void, Failure> => {
  const entry = entryOf(manifest)
  return change(remote, subject, (entries) => entries.some(names(entry.digest)) ? entries : [...entries, entry])
}

/** Takes a removed manifest out of its subject's list, where the registry has none of its own. */
export const forget = Effect.fnUntraced(function*(
  remote: Remote,
  subject: Digest.Digest,
  digest: Digest.Digest
): Effect.fn.Return<void, Failure> {
  if (yield* Api.isServed(remote, subject)) return
  const isGone = names(digest)
  yield* change(remote, subject, (entries) => entries.some(isGone) ? entries.filter((one) => !isGone(one)) : entries)
})

/**
 * Stores a manifest and makes sure that it is listed among its subject's referrers. A registry that does so by itself
 * says it with `OCI-Subject` (distribution-spec, "Pushing Manifests with Subject"); Quay does so without a word.
 */
export const putWithReferrers = (remote: Remote) =>
  Effect.fnUntraced(function*(
    manifest: Stored,
    options?: { readonly tag?: string | undefined }
  ): Effect.fn.Return<Digest.Digest, Failure> {
    const { digest, indexed } = yield* putManifest(remote)(manifest, options?.tag)
    if (indexed) Api.isThere(remote)
    const subject = indexed ? undefined : subjectOf(manifest.raw)
    if (subject !== undefined && !(yield* Api.isServed(remote, subject))) yield* remember(remote, subject, manifest)
    return digest
  })
