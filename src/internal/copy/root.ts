/**
 * What a copy takes from the source: the whole of what a reference names, or one platform's image.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Endpoint, Selection } from "../../Copy.js"
import type * as Descriptor from "../../Descriptor.js"
import type * as Digest from "../../Digest.js"
import type * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import type { PlatformNotFound } from "../../OperationError.js"
import { NotAnIndex } from "../../RegistryError.js"
import { located } from "../names.js"
import * as platforms from "../platforms.js"
import * as sided from "./sided.js"

export interface Root {
  readonly descriptor: Descriptor.Descriptor
  /** The manifest, where it had to be read to know that. */
  readonly manifest?: Manifest.Manifest
  /** The digest of what the source's reference names. */
  readonly sourceDigest: Digest.Digest
}

const locate = ({ reference, repository }: Endpoint): string =>
  located(`${repository.registry}/${repository.name}`, reference)

export const find = Effect.fnUntraced(function*(
  source: Endpoint,
  selection: Selection
): Effect.fn.Return<Root, sided.Sided | PlatformNotFound> {
  const { platform } = selection
  const { reference, repository } = source
  if (platform === undefined) {
    const descriptor = yield* sided.root(repository.resolve(reference))
    yield* checkKind(source, { descriptor }, selection)
    return { descriptor, sourceDigest: descriptor.digest }
  }
  const manifest = yield* sided.root(repository.getManifest(reference))
  const { descriptor } = yield* platforms.select(repository, manifest, locate(source), platform).pipe(
    Effect.mapError((error) => error._tag === "PlatformNotFound" ? error : sided.make("source", error))
  )
  const sourceDigest = manifest.descriptor.digest
  return { descriptor, sourceDigest, ...(descriptor.digest === sourceDigest ? { manifest } : {}) }
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
