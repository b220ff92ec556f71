/**
 * What a copy takes from the source: the whole of what a reference names, one platform's image, or a subset.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Endpoint, Options, Selection } from "../../Copy.js"
import type * as Digest from "../../Digest.js"
import type * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import type { ParsePlatformError, PlatformNotFound } from "../../OperationError.js"
import { InvalidInput, NotAnIndex } from "../../RegistryError.js"
import type * as Repository from "../../Repository.js"
import { located } from "../names.js"
import * as platforms from "../platforms.js"
import * as sided from "./sided.js"
import * as subset from "./subset.js"
import { type Changes, unchanged } from "./tree.js"

export interface Root {
  /**
   * What the root is: the whole descriptor where a manifest names it or it has been read, the digest alone where a reference
   * does, as size and type are a hint then (see `Manifest.Expected`).
   */
  readonly expected: Manifest.Expected
  /** The manifest, where it had to be read to know that. */
  readonly manifest?: Manifest.Manifest | undefined
  /** The digest of what the source's reference names. */
  readonly sourceDigest: Digest.Digest
  readonly changes: Changes
}

const locate = ({ reference, repository }: Endpoint): string =>
  located(`${repository.registry}/${repository.name}`, reference)

export const find = Effect.fnUntraced(function*(
  source: Endpoint,
  options: Options & Selection
): Effect.fn.Return<Root, sided.Sided | PlatformNotFound | ParsePlatformError> {
  const { attestations = "keep", index = "filter", platform } = options
  const { reference, repository } = source
  const isPart = options.platforms !== undefined || attestations === "drop"
  if (platform !== undefined && isPart) {
    const reason = "one platform's image has no platforms or attestations to choose from"
    return yield* sided.make("none", new InvalidInput({ field: "platform", reason }))
  }
  yield* Effect.mapError(
    subset.check(options.platforms),
    (error) => error._tag === "ParsePlatformError" ? error : sided.make("none", error)
  )
  if (platform === undefined && !isPart) {
    const descriptor = yield* sided.root(repository.resolve(reference))
    const { digest } = descriptor
    const expected = { digest }
    if (yield* Effect.isSuccess(checkKind(source, { descriptor }, options))) {
      return { expected, changes: unchanged, sourceDigest: digest }
    }
    const manifest = yield* sided.source(repository.getManifest(digest, { expected }))
    yield* checkKind(source, manifest, options)
    return { expected, manifest, changes: unchanged, sourceDigest: digest }
  }
  const manifest = yield* sided.root(repository.getManifest(reference))
  const sourceDigest = manifest.descriptor.digest
  const apart = (error: Repository.Failure | PlatformNotFound | ParsePlatformError) =>
    error._tag === "PlatformNotFound" || error._tag === "ParsePlatformError" ? error : sided.make("source", error)
  if (platform === undefined) {
    yield* checkKind(source, manifest, options)
    const choice = { platforms: options.platforms, attestations, index }
    const taken = yield* Effect.mapError(subset.make(repository, manifest, choice, locate(source)), apart)
    return { expected: taken.root.descriptor, manifest: taken.root, changes: taken, sourceDigest }
  }
  const picked = platforms.select(repository, manifest, locate(source), platform)
  const { descriptor, manifest: read = descriptor.digest === sourceDigest ? manifest : undefined } = yield* Effect
    .mapError(picked, apart)
  return { expected: descriptor, manifest: read, changes: unchanged, sourceDigest }
})

/** An image where an index was wanted, or the other way about, is an error that says what to do. */
export const checkKind = (
  source: Endpoint,
  { descriptor }: Pick<Manifest.Manifest, "descriptor">,
  { kind = "any", platform }: Selection
): Effect.Effect<void, sided.Sided> => {
  const resource = locate(source)
  const { mediaType } = descriptor
  if ((kind === "image" || platform !== undefined) && MediaType.isIndex(mediaType)) {
    return Effect.fail(sided.make("source", platforms.notAnImage(resource, { descriptor })))
  }
  return kind === "index" && !MediaType.isIndex(mediaType)
    ? Effect.fail(sided.make("source", new NotAnIndex({ resource, mediaType, advice: "copy it with copyImage" })))
    : Effect.void
}
