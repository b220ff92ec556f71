/**
 * The tag under which clients keep a list of referrers where the registry does not.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Descriptor from "../../Descriptor.js"
import * as Digest from "../../Digest.js"
import * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import type { Failure, Session } from "../../Repository.js"
import { parseJson } from "../json.js"
import { getManifest, putManifest } from "./manifests.js"
import { base, isStatus, readScopes, type Remote } from "./remote.js"

/** `sha256-<encoded>`; of a sha512 digest the first half stays. */
export const tagOf = (subject: Digest.Digest): string =>
  `${Digest.algorithm(subject).slice(0, 32)}-${Digest.encoded(subject).slice(0, 64)}`.replace(/[^a-zA-Z0-9._-]/g, "-")

const object = (raw: Uint8Array): Record<string, unknown> => {
  const content = parseJson(raw)
  return Predicate.isRecord(content) ? content : {}
}

const isDescriptor = Schema.is(Schema.Struct({ mediaType: Schema.String, digest: Digest.Digest, size: Schema.Number }))

/**
 * The manifest that this one refers to, whatever kind of manifest it is. A digest by another algorithm than the
 * registered ones may spell anything, `1.2:alpine` too, and a received manifest would choose which tag is rewritten.
 */
export const subjectOf = (raw: Uint8Array): { readonly digest: Digest.Digest } | undefined => {
  const { subject } = object(raw)
  return isDescriptor(subject) && Digest.isSupported(subject.digest) ? subject : undefined
}

/** how a list of referrers describes a manifest. */
export const entryOf = (manifest: Pick<Manifest.Manifest, "descriptor" | "raw">): Descriptor.Descriptor => {
  const { annotations, artifactType, config } = object(manifest.raw)
  const { digest, mediaType, size } = manifest.descriptor
  const type = typeof artifactType === "string" && artifactType !== ""
    ? artifactType
    : MediaType.isImageManifest(mediaType) && Predicate.isRecord(config) && typeof config.mediaType === "string"
    ? config.mediaType
    : undefined
  return {
    mediaType,
    digest,
    size,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(isAnnotations(annotations) ? { annotations } : {})
  }
}
const isAnnotations = Schema.is(Descriptor.Annotations)

/**
 * The list under the subject's tag, or none. What is there may be something else altogether: GitLab gives the subject
 * itself under that name.
 */
export const list = (remote: Remote, subject: Digest.Digest): Effect.Effect<Option.Option<Manifest.Index>, Failure> =>
  found(remote, subject).pipe(
    Effect.map(Option.filter((manifest) => isList(manifest, subject))),
    // what is no index lists no referrers.
    Effect.catchTag("ManifestInvalid", "UnsupportedMediaType", () => Effect.succeed(Option.none()))
  )

const isList = (manifest: Manifest.Manifest, subject: Digest.Digest): manifest is Manifest.Index =>
  Manifest.isIndex(manifest) && manifest.descriptor.digest !== subject

const found = (remote: Remote, subject: Digest.Digest): Effect.Effect<Option.Option<Manifest.Manifest>, Failure> =>
  getManifest(remote)(tagOf(subject)).pipe(
    Effect.map(Option.some),
    Effect.catchTag("NotFound", () => Effect.succeed(Option.none()))
  )

// Two changes to one list at the same time would lose one of them. The lock is the session's, as several objects may
// stand for one repository; other clients are beyond it.
const locks = new WeakMap<Session, Map<string, Effect.Semaphore>>()

const locked = (remote: Remote, tag: string) => <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    let all = locks.get(remote.session)
    if (all === undefined) locks.set(remote.session, all = new Map())
    const key = `${remote.registry}/${remote.name}:${tag}`
    let lock = all.get(key)
    if (lock === undefined) all.set(key, lock = Effect.unsafeMakeSemaphore(1))
    return lock.withPermits(1)(self)
  })

/** Changes the entries of the list, and writes it only when something changed; all else in it stays as it is. */
const change = (
  remote: Remote,
  subject: Digest.Digest,
  edit: (entries: ReadonlyArray<unknown>) => ReadonlyArray<unknown> | undefined
): Effect.Effect<void, Failure> => {
  const tag = tagOf(subject)
  return Effect.flatMap(found(remote, subject), (old) => {
    if (Option.isSome(old) && !isList(old.value, subject)) {
      return Effect.logWarning(
        `${remote.registry}/${remote.name}:${tag} is not a list of referrers and is left as it is`
      )
    }
    const before = Option.match(old, {
      onNone: (): Record<string, unknown> => ({ schemaVersion: 2, mediaType: MediaType.ociIndex }),
      onSome: ({ raw }) => object(raw)
    })
    const entries = edit(Array.isArray(before.manifests) ? before.manifests : [])
    if (entries === undefined) return Effect.void
    const raw = new TextEncoder().encode(JSON.stringify({ ...before, manifests: entries }))
    const mediaType = Option.match(old, {
      onNone: () => MediaType.ociIndex,
      onSome: ({ descriptor }) => descriptor.mediaType
    })
    return Effect.asVoid(putManifest(remote)({ descriptor: Descriptor.fromBytes(raw, mediaType), raw }, tag))
  }).pipe(locked(remote, tag))
}

const names = (digest: Digest.Digest) => (entry: unknown) => Predicate.isRecord(entry) && entry.digest === digest

/** Adds the manifest to its subject's list, unless it is there. */
export const remember = (
  remote: Remote,
  subject: Digest.Digest,
  manifest: Pick<Manifest.Manifest, "descriptor" | "raw">
): Effect.Effect<void, Failure> => {
  const entry = entryOf(manifest)
  return change(remote, subject, (entries) => entries.some(names(entry.digest)) ? undefined : [...entries, entry])
}

/** Takes a removed manifest out of its subject's list, where the registry has none of its own. */
export const forget = Effect.fnUntraced(function*(
  remote: Remote,
  subject: Digest.Digest,
  digest: Digest.Digest
): Effect.fn.Return<void, Failure> {
  if (yield* hasApi(remote, subject)) return
  yield* change(
    remote,
    subject,
    (entries) => entries.some(names(digest)) ? entries.filter((entry) => !names(digest)(entry)) : undefined
  )
})

const hasApi = (remote: Remote, subject: Digest.Digest): Effect.Effect<boolean, Failure> =>
  Effect.flatMap(base(remote), (path) =>
    remote.transport.execute({
      method: "GET",
      registry: remote.registry,
      url: `${path}/referrers/${subject}`,
      scopes: readScopes(remote),
      accept: [200],
      replay: true
    })).pipe(
      Effect.scoped,
      Effect.as(true),
      Effect.catchIf((error) => isStatus(error, 404), () => Effect.succeed(false))
    )

/** Stores a manifest and sees to it that it is found among its subject's referrers. */
export const putWithReferrers = (remote: Remote) =>
  Effect.fnUntraced(function*(
    manifest: Pick<Manifest.Manifest, "descriptor" | "raw">,
    options?: { readonly tag?: string | undefined }
  ): Effect.fn.Return<Digest.Digest, Failure> {
    const { digest, indexed } = yield* putManifest(remote)(manifest, options?.tag)
    const subject = indexed ? undefined : subjectOf(manifest.raw)
    if (subject !== undefined) yield* remember(remote, subject.digest, manifest)
    return digest
  })
