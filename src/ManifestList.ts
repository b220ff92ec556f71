/**
 * Manifest lists built from images by platform: the same images always give the same bytes, and so the same digest.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Copy from "./Copy.js"
import * as Descriptor from "./Descriptor.js"
import type * as Digest from "./Digest.js"
import * as Image from "./Image.js"
import { copyOne } from "./internal/copy/run.js"
import * as MediaType from "./MediaType.js"
import { CopyError, type NotFound, type ParsePlatformError } from "./OperationError.js"
import * as Platform from "./Platform.js"
import { DigestMismatch, InvalidInput, type RegistryError } from "./RegistryError.js"

/**
 * What a list is like, and how its images are brought over.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The kind of list. By default Docker's when every image is Docker schema 2, else OCI's. */
  readonly format?: "docker" | "oci" | undefined
  /** How many blobs move at once when images have to be copied over first. 6 by default. */
  readonly concurrency?: number | undefined
}

/**
 * A list ready to be stored: its bytes and their descriptor.
 *
 * @since 0.1.0
 * @category models
 */
export interface ManifestList {
  readonly descriptor: Descriptor.Descriptor
  readonly raw: Uint8Array
}

const encoder = new TextEncoder()

/** Go's `json.Marshal` writes these escaped; the digest of a Docker list must not depend on who wrote it. */
const escapes: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029"
}

const stringify = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => escapes[character] ?? character)

/** One entry, its fields in the order in which go-containerregistry and Docker write them. */
const entry = ({ digest, mediaType, size }: Descriptor.Descriptor, platform: Platform.Platform) => ({
  mediaType,
  size,
  digest,
  platform: {
    architecture: platform.architecture,
    os: platform.os,
    "os.version": platform["os.version"],
    "os.features": platform["os.features"],
    variant: platform.variant
  }
})

/**
 * Builds a list out of image descriptors by platform string. Entries are sorted by that string, by code unit; the
 * platform's fields are written as given. Compact JSON without a trailing newline, fields in Docker's order.
 *
 * Fails with `ParsePlatformError` for a malformed platform, `InvalidInput` for an empty map or an entry that is an
 * index.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  images: Readonly<Record<string, Pick<Image.Image, "descriptor">>>,
  options: Options = {}
): Effect.fn.Return<ManifestList, ParsePlatformError | InvalidInput> {
  const keys = Object.keys(images).sort()
  if (keys.length === 0) {
    return yield* new InvalidInput({ field: "images", reason: "a manifest list needs at least one image" })
  }
  const entries = yield* Effect.forEach(
    keys,
    Effect.fnUntraced(function*(key) {
      const platform = yield* Platform.parse(key)
      const descriptor = images[key]?.descriptor
      if (descriptor === undefined || MediaType.isIndex(descriptor.mediaType)) {
        return yield* new InvalidInput({ field: `images["${key}"]`, reason: "it must be a single image" })
      }
      return entry(descriptor, platform)
    })
  )
  const isDocker = options.format === undefined
    ? entries.every(({ mediaType }) => mediaType === MediaType.dockerManifest)
    : options.format === "docker"
  const mediaType = isDocker ? MediaType.dockerManifestList : MediaType.ociIndex
  const raw = encoder.encode(stringify({ schemaVersion: 2, mediaType, manifests: entries }))
  return { descriptor: Descriptor.fromBytes(raw, mediaType), raw }
})

/**
 * Builds a list and pushes it; images of other repositories are copied to the destination first. When the tag names the
 * same list already, nothing is written.
 *
 * Fails as `make` does, with `CopyError` when an image could not be brought over, and with what the destination's
 * registry said.
 *
 * @since 0.1.0
 * @category pushing
 */
export const push = Effect.fnUntraced(function*(
  destination: Copy.Destination,
  images: Readonly<Record<string, Image.Image>>,
  options: Options = {}
): Effect.fn.Return<Digest.Digest, ParsePlatformError | RegistryError | NotFound | CopyError> {
  const { digest: expected, repository, tag } = destination
  const list = yield* make(images, options)
  const { digest } = list.descriptor
  if (expected !== undefined && expected !== digest) {
    return yield* new DigestMismatch({ resource: "the manifest list", expected, actual: digest })
  }
  const since = repository.session.moment()
  const [existing] = yield* Effect.all([
    Effect.option(repository.resolve(tag ?? digest)),
    Effect.forEach(Object.values(images), (image) => bring(image, repository, options, since), {
      concurrency: 4,
      discard: true
    })
  ], { concurrency: 2 })
  if (Option.exists(existing, (descriptor) => descriptor.digest === digest)) return digest
  return yield* repository.putManifest(list, { tag })
})

/** An image that lives elsewhere comes by its digest. */
const bring = (
  image: Image.Image,
  repository: Copy.Destination["repository"],
  options: Options,
  since: number
): Effect.Effect<void, CopyError> => {
  const { repository: home } = image
  if (home.registry === repository.registry && home.name === repository.name) return Effect.void
  const { digest } = image.descriptor
  return copyOne(
    { repository: home, reference: digest },
    { repository, digest },
    { kind: "image", concurrency: options.concurrency },
    undefined,
    since
  ).pipe(
    Effect.catchTags({
      // Nothing is chosen by platform here, and the image was there when its handle was made.
      ParsePlatformError: Effect.die,
      PlatformNotFound: Effect.die,
      NotFound: (cause) =>
        Effect.fail(
          new CopyError({
            source: Image.locate(home, digest),
            destination: Image.locate(repository, digest),
            side: "source",
            cause
          })
        )
    }),
    Effect.asVoid
  )
}
