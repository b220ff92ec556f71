/**
 * Moves a manifest with all that it names from one repository to another, bottom up.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobResult } from "../../Copy.js"
import type * as Descriptor from "../../Descriptor.js"
import type * as Digest from "../../Digest.js"
import * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import type * as Repository from "../../Repository.js"
import * as limits from "../limits.js"
import * as sided from "./sided.js"

export interface Transfer {
  readonly source: Repository.Repository
  readonly destination: Repository.Repository
  readonly manifest: Manifest.Manifest
  readonly tag: string | undefined
  readonly concurrency: number
}

/** Manifests that are read and written at once; their blobs wait for the blobs' own permits. */
const manifestConcurrency = 8

const isSame = (source: Repository.Repository, destination: Repository.Repository): boolean =>
  source.session === destination.session && source.registry === destination.registry &&
  source.name === destination.name

/** Where the blob is already, when nothing needs to be asked for it. */
const isKnown = (source: Repository.Repository, destination: Repository.Repository, digest: Digest.Digest): boolean =>
  isSame(source, destination) ||
  destination.session.repositoriesWith(destination.registry, digest).includes(destination.name)

/** A repository of the destination's registry that has the blob: the source when it is one, else one seen before. */
const mountSource = (
  source: Repository.Repository,
  destination: Repository.Repository,
  digest: Digest.Digest
): string | undefined =>
  destination.mountBlob === undefined
    ? undefined
    : source.registry === destination.registry
    ? source.name
    : destination.session.repositoriesWith(destination.registry, digest)[0]

export const run = Effect.fnUntraced(function*(
  { concurrency, destination, manifest: root, source, tag }: Transfer
): Effect.fn.Return<ReadonlyArray<BlobResult>, sided.Sided> {
  const permits = yield* Effect.makeSemaphore(concurrency)
  const budget = limits.makeBudget()
  const blobs = new Map<Digest.Digest, BlobResult>()
  const flights = new Map<string, Effect.Effect<void, sided.Sided>>()
  /** Blobs that are at the destination by what was seen of them earlier, or because it said so of a mount. */
  const assumed = new Set<Digest.Digest>()

  /** Each blob and each manifest is dealt with once in a copy, however many manifests name it. */
  const once = (key: `${"blob" | "manifest"} ${Digest.Digest}`, effect: Effect.Effect<void, sided.Sided>) =>
    Effect.suspend(() => {
      const known = flights.get(key)
      if (known !== undefined) return known
      return Effect.flatMap(Effect.cached(effect), (flight) => {
        const first = flights.get(key) ?? flight
        flights.set(key, first)
        return first
      })
    })

  const settle = (descriptor: Descriptor.Descriptor, outcome: BlobResult["outcome"]) =>
    Effect.sync(() => {
      blobs.set(descriptor.digest, { descriptor, outcome })
    })

  const move = Effect.fnUntraced(function*(
    blob: Descriptor.Descriptor,
    isDoubted: boolean
  ): Effect.fn.Return<BlobResult["outcome"], sided.Sided> {
    if (!isDoubted && isKnown(source, destination, blob.digest)) return "Existed"
    const content = Stream.mapError(source.getBlob(blob), (cause) => sided.make("source", cause))
    const mountFrom = isDoubted ? undefined : mountSource(source, destination, blob.digest)
    if (mountFrom === undefined && (yield* sided.destination(destination.hasBlob(blob.digest)))) return "Existed"
    return yield* sided.destination(destination.putBlob(blob, content, { mountFrom, isVerified: true }))
  }, (effect, { digest, size }) => Effect.withSpan(effect, "Copy.blob", { attributes: { digest, size } }))

  const copyBlob = (blob: Descriptor.Descriptor) =>
    MediaType.isNonDistributable(blob.mediaType)
      ? settle(blob, "NotDistributable")
      : once(
        `blob ${blob.digest}`,
        Effect.suspend(() => {
          // Another copy of the same client may be moving this blob: then it is there when that one is done.
          let outcome: BlobResult["outcome"] = "Existed"
          const own = Effect.map(permits.withPermits(1)(move(blob, false)), (is) => {
            outcome = is
          })
          return Effect.andThen(destination.session.single(keyOf(blob), own), () => {
            if (outcome !== "Uploaded") assumed.add(blob.digest)
            return settle(blob, outcome)
          })
        })
      )

  const keyOf = (blob: Descriptor.Descriptor) => `${destination.registry}/${destination.name}@${blob.digest}`

  /** Sends what is not there although it was taken to be. */
  const mend = (doubted: ReadonlyArray<Descriptor.Descriptor>): Effect.Effect<void, sided.Sided> =>
    Effect.forEach(doubted, (blob) =>
      Effect.suspend(() => {
        destination.session.forgetBlob(destination.registry, destination.name, blob.digest)
        const own = permits.withPermits(1)(move(blob, true))
        return Effect.flatMap(
          destination.session.single(`${keyOf(blob)} again`, own),
          (outcome) => outcome === "Existed" ? Effect.void : settle(blob, outcome)
        )
      }), { concurrency: "unbounded", discard: true })

  /**
   * A manifest that the destination refuses may name a blob that has been collected since it was seen, or that a mount
   * never brought: it is put once more when all that was only believed to be there has been asked for.
   */
  const put = (manifest: Manifest.Manifest, options?: { readonly tag: string | undefined }) => {
    const once = sided.destination(destination.putManifest(manifest, options))
    return Effect.catchIf(once, ({ cause }) => cause._tag === "ManifestInvalid", (error) => {
      const doubted = isSame(source, destination)
        ? []
        : Manifest.references(manifest).blobs.filter(({ digest }) => assumed.has(digest))
      return doubted.length === 0 ? Effect.fail(error) : Effect.zipRight(mend(doubted), once)
    })
  }

  const copyChild = (child: Descriptor.Descriptor, depth: number): Effect.Effect<void, sided.Sided> =>
    once(
      `manifest ${child.digest}`,
      Effect.gen(function*() {
        const isThere = yield* destination.resolve(child.digest).pipe(
          Effect.as(true),
          Effect.catchTag("NotFound", () => Effect.succeed(false)),
          sided.destination
        )
        if (isThere) return
        const manifest = yield* source.getManifest(child.digest, { expected: child }).pipe(
          Effect.asSome,
          // An index may name content that is no manifest; a type we do not know can only be tried.
          Effect.catchTag("NotFound", (error) => isManifestType(child) ? Effect.fail(error) : Effect.succeedNone),
          sided.source
        )
        if (manifest._tag === "None") return yield* copyBlob(child)
        yield* copyContent(manifest.value, depth)
        yield* put(manifest.value)
      })
    )

  const copyContent = (manifest: Manifest.Manifest, depth: number): Effect.Effect<void, sided.Sided> => {
    const { blobs, manifests } = Manifest.references(manifest)
    return limits.enter(budget, manifest.descriptor.digest, depth, blobs.length + manifests.length).pipe(
      sided.source,
      Effect.andThen(Effect.all([
        Effect.forEach(blobs, copyBlob, { concurrency: "unbounded", discard: true }),
        Effect.forEach(manifests, (child) => copyChild(child, depth + 1), {
          concurrency: manifestConcurrency,
          discard: true
        })
      ], { concurrency: 2, discard: true }))
    )
  }

  yield* copyContent(root, 1)
  yield* put(root, { tag })
  return Array.from(blobs.values())
})

const isManifestType = ({ mediaType }: Descriptor.Descriptor): boolean =>
  MediaType.isIndex(mediaType) || MediaType.isImageManifest(mediaType)
