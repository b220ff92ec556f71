/**
 * Copying between two repositories, whatever they are: blobs first, then the manifests that name them, the tag last, so
 * that nobody sees a tag whose content is not all there. Every byte is what the source had.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Descriptor from "./Descriptor.js"
import type * as Digest from "./Digest.js"
import * as Image from "./Image.js"
import * as sided from "./internal/copy/sided.js"
import * as transfer from "./internal/copy/transfer.js"
import * as platforms from "./internal/platforms.js"
import type * as Manifest from "./Manifest.js"
import * as MediaType from "./MediaType.js"
import { CopyError, NotFound, type PlatformNotFound } from "./OperationError.js"
import type * as Platform from "./Platform.js"
import { DigestMismatch, InvalidInput, NotAnIndex } from "./RegistryError.js"
import type * as Repository from "./Repository.js"

/**
 * One end of a copy: a repository, and a tag or digest in it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Endpoint {
  readonly repository: Repository.Repository
  readonly reference: string
}

/**
 * Where a copy goes. Without a tag the manifest is stored by its digest alone; a `digest` must be that of what is
 * written.
 *
 * @since 0.1.0
 * @category models
 */
export interface Destination {
  readonly repository: Repository.Repository
  readonly tag?: string | undefined
  readonly digest?: Digest.Digest | undefined
}

/**
 * What became of a blob: `Uploaded` (its bytes moved), `Mounted` (the registry made it appear), `Existed` (it was there),
 * `NotDistributable` (its publisher keeps it; not sent).
 *
 * @since 0.1.0
 * @category models
 */
export interface BlobResult {
  readonly descriptor: Descriptor.Descriptor
  readonly outcome: "Uploaded" | "Mounted" | "Existed" | "NotDistributable"
}

/**
 * The result of a copy. `Skipped` means that the destination had it all and nothing was written. `blobs` has each blob
 * once; those below manifests that were at the destination already are not looked at and not listed. `bytes` is how many
 * bytes of blobs were uploaded.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyResult {
  readonly digest: Digest.Digest
  readonly outcome: "Copied" | "Skipped"
  readonly blobs: ReadonlyArray<BlobResult>
  readonly bytes: number
}

/**
 * How a copy goes about it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many blobs move at once. 6 by default. */
  readonly concurrency?: number | undefined
}

/**
 * What may be copied: by default whatever the source names. An `image` is a single image; with `platform` it is picked
 * out of an index. An `index` is one with all that it names.
 *
 * @since 0.1.0
 * @category models
 */
export interface Selection {
  readonly kind?: "any" | "image" | "index" | undefined
  readonly platform?: Platform.Platform | undefined
}

/**
 * Copies what the source names, and tags it at the destination when all of it is there.
 *
 * Both sides are asked at once for what they have; when the destination has the same digest by its tag, nothing is
 * written.
 *
 * Fails with `NotFound` when the source's root is absent, `PlatformNotFound` when it has no image for the platform, and
 * `CopyError` with the side and the cause for anything else.
 *
 * @since 0.1.0
 * @category copying
 */
export const run = (
  source: Endpoint,
  destination: Destination,
  options: Options & Selection = {}
): Effect.Effect<CopyResult, NotFound | PlatformNotFound | CopyError> =>
  Effect.gen(function*() {
    const { concurrency = 6 } = options
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      const reason = `${concurrency} is not a whole number above 0`
      return yield* sided.make("none", new InvalidInput({ field: "concurrency", reason }))
    }
    const [root, existing] = yield* Effect.all([
      findRoot(source, options),
      findExisting(destination)
    ], { concurrency: 2 })
    yield* expectDigest(destination, root.descriptor.digest)
    const digest = root.descriptor.digest
    yield* Effect.annotateCurrentSpan("digest", digest)
    if (Option.contains(existing, digest)) return { digest, outcome: "Skipped" as const, blobs: [], bytes: 0 }
    const manifest = root.manifest ?? (yield* sided.source(source.repository.getManifest(digest)))
    // The HEAD answered with a type; the manifest itself has the last word.
    yield* checkKind(source, manifest, options)
    const blobs = yield* transfer.run({
      source: source.repository,
      destination: destination.repository,
      manifest,
      tag: destination.tag,
      concurrency
    })
    const bytes = blobs.reduce((sum, blob) => blob.outcome === "Uploaded" ? sum + blob.descriptor.size : sum, 0)
    return { digest, outcome: "Copied" as const, blobs, bytes }
  }).pipe(Effect.mapError((error) => error._tag === "Sided" ? conclude(source, destination, error) : error))

const conclude = (source: Endpoint, destination: Destination, { cause, isRoot, side }: sided.Sided) =>
  isRoot && cause._tag === "NotFound"
    ? new NotFound({ resource: cause.resource, reference: cause.reference, errors: cause.errors, side })
    : new CopyError({
      source: Image.locate(source.repository, source.reference),
      destination: locateDestination(destination),
      side,
      cause
    })

/** What is to be copied; the manifest where it had to be read to know that. */
interface Root {
  readonly descriptor: Descriptor.Descriptor
  readonly manifest?: Manifest.Manifest
}

const findRoot = Effect.fnUntraced(function*(
  source: Endpoint,
  selection: Selection
): Effect.fn.Return<Root, sided.Sided | PlatformNotFound> {
  const { reference, repository } = source
  if (selection.platform === undefined) {
    const descriptor = yield* sided.root(repository.resolve(reference))
    yield* checkKind(source, { descriptor }, selection)
    return { descriptor }
  }
  const manifest = yield* sided.root(repository.getManifest(reference))
  const resource = Image.locate(repository, reference)
  const { descriptor } = yield* platforms.select(repository, manifest, resource, selection.platform).pipe(
    Effect.mapError((error) => error._tag === "PlatformNotFound" ? error : sided.make("source", error))
  )
  return descriptor.digest === manifest.descriptor.digest ? { descriptor, manifest } : { descriptor }
})

/** An image where an index was wanted, or the other way about, is an error that says what to do. */
const checkKind = (
  source: Endpoint,
  root: Pick<Manifest.Manifest, "descriptor">,
  { kind = "any", platform }: Selection
): Effect.Effect<void, sided.Sided> => {
  const resource = Image.locate(source.repository, source.reference)
  const { mediaType } = root.descriptor
  if ((kind === "image" || platform !== undefined) && MediaType.isIndex(mediaType)) {
    return Effect.fail(sided.make("source", platforms.notAnImage(resource, root)))
  }
  return kind === "index" && !MediaType.isIndex(mediaType)
    ? Effect.fail(sided.make("source", new NotAnIndex({ resource, mediaType, advice: "copy it with copyImage" })))
    : Effect.void
}

/**
 * What the destination has by the reference that is to be written. A registry that refuses to tell (Artifactory answers
 * 403 where it means 404) is taken to have nothing: the writes that follow bring the answer.
 */
const findExisting = (destination: Destination): Effect.Effect<Option.Option<Digest.Digest>, sided.Sided> => {
  const reference = destination.tag ?? destination.digest
  return reference === undefined ? Effect.succeedNone : destination.repository.resolve(reference).pipe(
    Effect.map((descriptor) => Option.some(descriptor.digest)),
    Effect.catchTag("NotFound", "Denied", () => Effect.succeedNone),
    sided.destination
  )
}

const expectDigest = (destination: Destination, actual: Digest.Digest): Effect.Effect<void, sided.Sided> =>
  destination.digest === undefined || destination.digest === actual ? Effect.void : Effect.fail(sided.make(
    "destination",
    new DigestMismatch({ resource: locateDestination(destination), expected: destination.digest, actual })
  ))

const locateDestination = ({ digest, repository, tag }: Destination): string =>
  [
    `${repository.registry}/${repository.name}`,
    tag === undefined ? "" : `:${tag}`,
    digest === undefined ? "" : `@${digest}`
  ].join("")
