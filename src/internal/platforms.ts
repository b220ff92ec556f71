/**
 * The images of an index by platform, and configs, for `Image` and `Copy`.
 *
 * @internal
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Descriptor from "../Descriptor.js"
import type * as Digest from "../Digest.js"
import * as ImageConfig from "../ImageConfig.js"
import * as Manifest from "../Manifest.js"
import * as MediaType from "../MediaType.js"
import { PlatformNotFound } from "../OperationError.js"
import * as Platform from "../Platform.js"
import { ManifestInvalid, NotAnImage } from "../RegistryError.js"
import type * as Repository from "../Repository.js"
import { readBlob } from "./bytes.js"
import * as limits from "./limits.js"

const maxConfigSize = 8 * 1024 * 1024

/** The bytes of an image's config, verified. */
export const readConfig = Effect.fnUntraced(function*(
  repository: Repository.Repository,
  manifest: Manifest.Image
): Effect.fn.Return<Uint8Array, Repository.Failure> {
  const { config } = manifest.content
  if (config.size > maxConfigSize) {
    return yield* new ManifestInvalid({
      resource: manifest.descriptor.digest,
      reason: `its config would be ${config.size} bytes, more than the ${maxConfigSize} that are read`,
      errors: []
    })
  }
  const data = Descriptor.embedded(config)
  return Option.isSome(data) ? data.value : yield* readBlob(repository, config)
})

/** What an image says of its own platform; none for an artifact, whose config is something else. */
export const platformOfImage = (
  repository: Repository.Repository,
  manifest: Manifest.Image
): Effect.Effect<Option.Option<Platform.Platform>, Repository.Failure> =>
  MediaType.isImageConfig(manifest.content.config.mediaType)
    ? readConfig(repository, manifest).pipe(
      Effect.flatMap((bytes) => ImageConfig.decode(bytes, manifest.content.config.digest)),
      Effect.map((config) => Option.some(ImageConfig.platform(config)))
    )
    : Effect.succeedNone

/** An image of an index and what it is for. */
export interface Entry {
  readonly descriptor: Descriptor.Descriptor
  readonly platform: Platform.Platform
  /** The image's manifest, where it had to be read to know that. */
  readonly manifest?: Manifest.Image | undefined
}

/** A manifest of an index, and its own platform when it is an image. */
interface Read {
  readonly manifest: Manifest.Manifest
  readonly platform: Option.Option<Platform.Platform>
}

/** What an entry of an index is, in the order of the index. */
export type Item =
  | ({ readonly _tag: "Image" } & Entry)
  | { readonly _tag: "Index"; readonly index: Manifest.Index; readonly items: ReadonlyArray<Item> }
  | { readonly _tag: "Attestation"; readonly descriptor: Descriptor.Descriptor }
  /** For no platform that is known: an artifact, or an image whose config was not to be read. */
  | { readonly _tag: "Other"; readonly descriptor: Descriptor.Descriptor }

/** BuildKit's attestations stand in an index beside the images they speak of, for `unknown/unknown`. */
const isAttestation = ({ annotations, platform }: Descriptor.Descriptor): boolean =>
  annotations?.["vnd.docker.reference.type"] === "attestation-manifest" ||
  (platform !== undefined && [platform.os, platform.architecture].some((part) => part.toLowerCase() === "unknown"))

/** What an entry itself says it is for. A platform with an empty part says no more than none. */
const declaredPlatform = ({ mediaType, platform }: Descriptor.Descriptor): Platform.Platform | undefined =>
  platform !== undefined && Platform.isKnown(platform) && !MediaType.isIndex(mediaType) ? platform : undefined

/** The entries that say themselves what they are for: no request. */
const declared = (index: Manifest.Index): ReadonlyArray<Entry> =>
  index.content.manifests.flatMap((descriptor) => {
    const platform = declaredPlatform(descriptor)
    return platform === undefined || isAttestation(descriptor) ? [] : [{ descriptor, platform }]
  })

/**
 * What the entries of an index are, those of nested indexes too. Of an image that says no platform the config is read,
 * unless `configs` is false; without such entries and nested indexes nothing is requested. What is named more than once
 * is read once, though each mention counts among the descriptors that an operation follows.
 */
export const survey = Effect.fnUntraced(function*(
  repository: Repository.Repository,
  index: Manifest.Index,
  configs = true
): Effect.fn.Return<ReadonlyArray<Item>, Repository.Failure> {
  const budget = limits.makeBudget()
  const read = yield* Effect.cachedFunction(
    Effect.fnUntraced(function*(expected: Descriptor.Descriptor): Effect.fn.Return<Read, Repository.Failure> {
      const manifest = yield* repository.getManifest(expected.digest, { expected })
      yield* limits.keep(budget, expected.digest, manifest.raw.byteLength)
      const platform = Manifest.isImage(manifest) ? yield* platformOfImage(repository, manifest) : Option.none()
      return { manifest, platform }
    })
  )
  const item = Effect.fnUntraced(function*(
    descriptor: Descriptor.Descriptor,
    depth: number
  ): Effect.fn.Return<Item, Repository.Failure> {
    const { digest, mediaType, size } = descriptor
    const other: Item = { _tag: "Other", descriptor }
    if (isAttestation(descriptor)) return { _tag: "Attestation", descriptor }
    const declared = declaredPlatform(descriptor)
    if (declared !== undefined) return { _tag: "Image", descriptor, platform: declared }
    if (!MediaType.isIndex(mediaType) && !(configs && MediaType.isImageManifest(mediaType))) return other
    const { manifest, platform } = yield* read(Data.struct({ mediaType, digest, size }))
    if (Manifest.isIndex(manifest)) return { _tag: "Index", index: manifest, items: yield* inside(manifest, depth + 1) }
    return Manifest.isImage(manifest) && Option.isSome(platform)
      ? { _tag: "Image", descriptor, platform: platform.value, manifest }
      : other
  })
  const inside = (
    { content: { manifests }, descriptor }: Manifest.Index,
    depth: number
  ): Effect.Effect<ReadonlyArray<Item>, Repository.Failure> =>
    Effect.zipRight(
      limits.enter(budget, descriptor.digest, depth, manifests.length),
      Effect.forEach(manifests, (entry) => item(entry, depth), { concurrency: 4 })
    )
  return yield* inside(index, 1)
})

/** The images of a survey, those of nested indexes in the place of the nested index. */
export const images = (items: ReadonlyArray<Item>): ReadonlyArray<Entry> =>
  items.flatMap((item) => item._tag === "Index" ? images(item.items) : item._tag === "Image" ? [item] : [])

/** All images of an index; see `survey` for what that asks for. */
const entries = (repository: Repository.Repository, index: Manifest.Index) =>
  Effect.map(survey(repository, index), images)

/** The digests of an index by normalised platform; see `RegistryClient.getPlatformDigests` for the keys. */
export const digests = Effect.fnUntraced(function*(repository: Repository.Repository, index: Manifest.Index) {
  const all = yield* entries(repository, index)
  const versions = new Map<string, Set<string | undefined>>()
  for (const { platform } of all) {
    const key = Platform.key(platform)
    versions.set(key, (versions.get(key) ?? new Set()).add(platform["os.version"]))
  }
  const found: Record<string, Digest.Digest> = {}
  for (const { descriptor, platform } of all) {
    const plain = Platform.key(platform)
    const key = (versions.get(plain)?.size ?? 0) > 1 ? Platform.keyWithVersion(platform) : plain
    if (!Object.hasOwn(found, key)) found[key] = descriptor.digest
  }
  return found
})

const notFound = (resource: string, platform: Platform.Platform, available: ReadonlyArray<Platform.Platform>) =>
  new PlatformNotFound({
    reference: resource,
    platform: Platform.format(platform),
    available: [...new Set(available.map(Platform.key))]
  })

/**
 * The image for a platform: the manifest itself when it is an image for it, else the best of the index. Of an index's
 * image only the descriptor is known where that says the platform.
 */
export const select = Effect.fnUntraced(function*(
  repository: Repository.Repository,
  manifest: Manifest.Manifest,
  resource: string,
  wanted: Platform.Platform
): Effect.fn.Return<Entry, Repository.Failure | PlatformNotFound> {
  const pick = (candidates: ReadonlyArray<Entry>) => Platform.select(candidates, wanted, (entry) => entry.platform)
  switch (manifest._tag) {
    case "Index": {
      const quick = pick(declared(manifest))
      if (Option.isSome(quick)) return quick.value
      const all = yield* entries(repository, manifest)
      return yield* Option.match(pick(all), {
        onSome: Effect.succeed,
        onNone: () => Effect.fail(notFound(resource, wanted, all.map((entry) => entry.platform)))
      })
    }
    case "Image": {
      const own = yield* platformOfImage(repository, manifest)
      const entry = Option.map(own, (platform): Entry => ({ descriptor: manifest.descriptor, platform }))
      return yield* Option.match(pick(Option.toArray(entry)), {
        onSome: Effect.succeed,
        onNone: () => Effect.fail(notFound(resource, wanted, Option.toArray(own)))
      })
    }
    case "Other":
      return yield* notAnImage(resource, manifest)
  }
})

export const notAnImage = (resource: string, manifest: Pick<Manifest.Manifest, "descriptor">): NotAnImage =>
  new NotAnImage({
    resource,
    mediaType: manifest.descriptor.mediaType,
    advice: MediaType.isIndex(manifest.descriptor.mediaType)
      ? "copy it whole with copyIndex, or ask for one of its platforms"
      : "it is an artifact of another kind"
  })
