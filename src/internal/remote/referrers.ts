/**
 * Manifests that refer to another one (distribution-spec, "Listing Referrers").
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Descriptor from "../../Descriptor.js"
import type * as Digest from "../../Digest.js"
import type { Failure } from "../../Repository.js"
import type { Response } from "../http/transport.js"
import { checkDigest } from "../names.js"
import { entryOf, matches } from "../referrer.js"
import { getManifest } from "./manifests.js"
import { type Page, pages } from "./pages.js"
import * as Api from "./referrersApi.js"
import * as ReferrersTag from "./referrersTag.js"
import { maxManifestSize, type Remote } from "./remote.js"

interface Entry {
  readonly descriptor: Descriptor.Descriptor
  /** The registry has left out what does not match. */
  readonly filtered: boolean
}

/** What refers to one manifest is remembered by its digest until the list ends. */
const maxReferrers = 100_000

const filters = (response: Response): ReadonlyArray<string> =>
  (response.headers["oci-filters-applied"] ?? "").split(",").map((name) => name.trim().toLowerCase())

export const referrers = (remote: Remote) =>
(
  input: Digest.Digest,
  options?: { readonly artifactType?: string | undefined }
): Stream.Stream<Descriptor.Descriptor, Failure> => {
  const artifactType = options?.artifactType
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`
  return Stream.unwrap(Effect.gen(function*() {
    const digest = yield* checkDigest(input)
    const { headers, scopes, stay, url } = yield* Api.question(remote, digest)
    const seen = new Set<Digest.Digest>()
    let listed = false

    const page = (response: Response, limit: number): Effect.Effect<Page<Entry>, Failure | Api.NoApi> =>
      Effect.map(Api.listOf(remote, digest, response, limit), ({ manifests }) => {
        listed = true
        const filtered = filters(response).includes("artifacttype")
        return { items: manifests.map((descriptor) => ({ descriptor, filtered })) }
      })
    const isWanted = ({ descriptor, filtered }: Entry) => filtered || matches(descriptor, artifactType)

    const api = pages({
      transport: remote.transport,
      config: remote.config,
      registry: remote.registry,
      scopes,
      first: `${url}${query}`,
      headers,
      stay,
      limit: maxManifestSize(remote),
      most: maxReferrers,
      page
    }).pipe(
      Stream.filter(isWanted),
      Stream.map(({ descriptor }) => descriptor)
    )
    const asked = Api.isLacking(remote) ?
      fallback(remote, digest, artifactType) :
      Stream.catchAll(api, (error): Stream.Stream<Descriptor.Descriptor, Failure> => {
        const said = listed ? undefined : Api.verdict(remote, error)
        if (said === "NoSubject") return Stream.empty
        if (said === "NoApi") return fallback(remote, digest, artifactType)
        return Stream.fail(error._tag === "NoApi" ? Api.notAnIndex(remote, digest) : error)
      })
    return Stream.filter(
      asked,
      (descriptor) => !seen.has(descriptor.digest) && seen.add(descriptor.digest) !== undefined
    )
  }))
}

/** Where the registry has no API (distribution-spec, "Unavailable Referrers API"). */
const fallback = (
  remote: Remote,
  subject: Digest.Digest,
  artifactType: string | undefined
): Stream.Stream<Descriptor.Descriptor, Failure> =>
  Stream.unwrap(Effect.map(
    ReferrersTag.list(remote, subject),
    Option.match({
      onNone: () => Stream.empty,
      onSome: ({ content }) =>
        artifactType === undefined
          ? Stream.fromIterable(content.manifests)
          : Stream.filterEffect(
            Stream.fromIterable(content.manifests),
            (entry) => isOfType(remote, entry, artifactType)
          )
    })
  ))

/** Some writers of these lists, cosign among them, leave the type out of an entry; the manifest itself tells it. */
const isOfType = (
  remote: Remote,
  entry: Descriptor.Descriptor,
  artifactType: string
): Effect.Effect<boolean, Failure> =>
  entry.artifactType !== undefined
    ? Effect.succeed(entry.artifactType === artifactType)
    : getManifest(remote)(entry.digest, { expected: entry }).pipe(
      Effect.map((manifest) => matches(entryOf(manifest), artifactType)),
      Effect.catchTag("NotFound", () => Effect.succeed(false))
    )
