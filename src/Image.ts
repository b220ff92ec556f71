/**
 * Images of a repository: what a reference names, and handles with config and layers to be read when wanted.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type * as Descriptor from "./Descriptor.js"
import type * as Digest from "./Digest.js"
import * as ImageConfig from "./ImageConfig.js"
import { located } from "./internal/names.js"
import * as platforms from "./internal/platforms.js"
import * as Manifest from "./Manifest.js"
import type { PlatformNotFound } from "./OperationError.js"
import * as Platform from "./Platform.js"
import { NotAnIndex } from "./RegistryError.js"
import type * as Repository from "./Repository.js"

/**
 * What a reference names: the manifest with its descriptor and bytes, image or index.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImageDescriptor {
  /** The reference in full: `docker.io/library/alpine:3.20`. */
  readonly reference: string
  readonly descriptor: Descriptor.Descriptor
  readonly manifest: Manifest.Manifest
  /** The manifest's bytes as the registry sent them. */
  readonly raw: Uint8Array
  readonly isIndex: boolean
}

/**
 * A layer of an image: its descriptor, and its bytes as they lie in the registry (compressed, as `mediaType` says),
 * verified while they stream.
 *
 * @since 0.1.0
 * @category models
 */
export interface Layer {
  readonly descriptor: Descriptor.Descriptor
  readonly content: Stream.Stream<Uint8Array, Repository.Failure>
}

/**
 * One image, bound to the repository it was read from. Nothing but the manifest has been read: `config`, `rawConfig`
 * and the layers' `content` ask the registry each time they are run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Image {
  readonly repository: Repository.Repository
  readonly descriptor: Descriptor.Descriptor
  readonly manifest: Manifest.Image
  /** The platform the index had for this image; none when the reference named the image itself. */
  readonly platform: Option.Option<Platform.Platform>
  readonly config: Effect.Effect<ImageConfig.ImageConfig, Repository.Failure>
  /** The config's bytes, verified; at most 8 MiB. */
  readonly rawConfig: Effect.Effect<Uint8Array, Repository.Failure>
  readonly layers: ReadonlyArray<Layer>
}

/**
 * How a message names content of a repository: `docker.io/library/alpine:3.20`, `localhost:5000/app@sha256:…`.
 *
 * @since 0.1.0
 * @category formatting
 */
export const locate = (repository: Repository.Repository, reference: string): string =>
  located(`${repository.registry}/${repository.name}`, reference)

/**
 * Reads what a reference names.
 *
 * @since 0.1.0
 * @category retrieval
 */
export const describe = (
  repository: Repository.Repository,
  reference: string
): Effect.Effect<ImageDescriptor, Repository.Failure> =>
  Effect.map(repository.getManifest(reference), (manifest) => ({
    reference: locate(repository, reference),
    descriptor: manifest.descriptor,
    manifest,
    raw: manifest.raw,
    isIndex: Manifest.isIndex(manifest)
  }))

/**
 * A handle on an image whose manifest has been read.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  repository: Repository.Repository,
  manifest: Manifest.Image,
  platform: Option.Option<Platform.Platform> = Option.none()
): Image => {
  const rawConfig = platforms.readConfig(repository, manifest)
  return {
    repository,
    descriptor: manifest.descriptor,
    manifest,
    platform,
    rawConfig,
    config: Effect.flatMap(rawConfig, (bytes) => ImageConfig.decode(bytes, manifest.content.config.digest)),
    layers: manifest.content.layers.map((descriptor) => ({ descriptor, content: repository.getBlob(descriptor) }))
  }
}

/**
 * The image that a reference names; of an index the one for the platform, `linux/amd64` by default. An image that is
 * not in an index is checked against a platform only when one was asked for.
 *
 * Fails with `PlatformNotFound` when there is none for the platform, `NotAnImage` when the reference names neither image
 * nor index.
 *
 * @since 0.1.0
 * @category retrieval
 */
export const open = Effect.fnUntraced(function*(
  repository: Repository.Repository,
  reference: string,
  platform?: Platform.Platform
): Effect.fn.Return<Image, Repository.Failure | PlatformNotFound> {
  const manifest = yield* repository.getManifest(reference)
  if (platform === undefined && Manifest.isImage(manifest)) return make(repository, manifest)
  const resource = locate(repository, reference)
  const entry = yield* platforms.select(repository, manifest, resource, platform ?? Platform.linuxAmd64)
  if (Manifest.isImage(manifest)) return make(repository, manifest)
  const child = entry.manifest ??
    (yield* repository.getManifest(entry.descriptor.digest, { expected: entry.descriptor }))
  return Manifest.isImage(child)
    ? make(repository, child, Option.some(entry.platform))
    : yield* platforms.notAnImage(resource, child)
})

/**
 * The digests of an index's images by platform; see `RegistryClient.getPlatformDigests`.
 *
 * Fails with `NotAnIndex` when the reference names something else.
 *
 * @since 0.1.0
 * @category retrieval
 */
export const platformDigests = Effect.fnUntraced(function*(
  repository: Repository.Repository,
  reference: string
): Effect.fn.Return<Readonly<Record<string, Digest.Digest>>, Repository.Failure> {
  const manifest = yield* repository.getManifest(reference)
  if (Manifest.isIndex(manifest)) return yield* platforms.digests(repository, manifest)
  const own = Manifest.isImage(manifest)
    ? yield* Effect.orElseSucceed(platforms.platformOfImage(repository, manifest), () => Option.none())
    : Option.none()
  return yield* new NotAnIndex({
    resource: locate(repository, reference),
    mediaType: manifest.descriptor.mediaType,
    advice: Option.match(own, {
      onNone: () => "it is no list of images",
      onSome: (platform) => `it is a single image, for ${Platform.key(platform)}`
    })
  })
})
