/**
 * Copying between two repositories, whatever they are: blobs first, then the manifests that name them, the tag last, so
 * that nobody sees a tag whose content is not all there. Every byte is what the source had.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { CopyEvent } from "./CopyEvent.js"
import type * as Descriptor from "./Descriptor.js"
import type * as Digest from "./Digest.js"
import * as events from "./internal/copy/events.js"
import * as internal from "./internal/copy/run.js"
import * as tags from "./internal/copy/tags.js"
import type { CopyError, NotFound, ParsePlatformError, PlatformNotFound } from "./OperationError.js"
import type * as Platform from "./Platform.js"
import type { InvalidInput } from "./RegistryError.js"
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
 * `NotDistributable` (not sent, by the option `nonDistributable`).
 *
 * @since 0.1.0
 * @category models
 */
export interface BlobResult {
  readonly descriptor: Descriptor.Descriptor
  readonly outcome: "Uploaded" | "Mounted" | "Existed" | "NotDistributable"
}

/**
 * What became of a manifest: `Pushed`, or `Existed`, in which case what is below it was not looked at.
 *
 * @since 0.1.0
 * @category models
 */
export interface ManifestResult {
  readonly descriptor: Descriptor.Descriptor
  readonly outcome: "Pushed" | "Existed"
}

/**
 * The result of a copy.
 *
 * - `digest`: what the destination's reference names now
 * - `sourceDigest`: what the source's reference names. Another one where one platform's image or a rewritten index was
 *   copied, or where the destination had something else that was to be kept
 * - `outcome`: `Skipped` means that nothing was written
 * - `blobs`: each blob once; those below manifests that were at the destination already are not looked at and not listed
 * - `bytes`: how many bytes of blobs were uploaded
 * - `requests`, `retries`: of the whole operation, to all registries and their token servers
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyResult {
  readonly digest: Digest.Digest
  readonly sourceDigest: Digest.Digest
  readonly outcome: "Copied" | "Skipped"
  readonly blobs: ReadonlyArray<BlobResult>
  readonly manifests: ReadonlyArray<ManifestResult>
  readonly bytes: number
  readonly requests: number
  readonly retries: number
}

/**
 * What is to become of a blob. `Mount` names the repository of the same registry that is asked for it; a registry that
 * declines gets the bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface BlobPlan {
  readonly descriptor: Descriptor.Descriptor
  readonly action: "Upload" | "Mount" | "Exists" | "NotDistributable"
  readonly from: string | undefined
}

/**
 * What is to become of a manifest, and under which tag it is put, if under any.
 *
 * @since 0.1.0
 * @category models
 */
export interface ManifestPlan {
  readonly descriptor: Descriptor.Descriptor
  readonly tag: string | undefined
  readonly action: "Push" | "Exists"
}

/**
 * What a copy would do. `bytes` are those of blobs: of all that were looked at, and of those to be uploaded, to be
 * mounted, and there already. Manifests are in the order in which they could be pushed, the root last.
 *
 * A plan is for one destination alone. What a copy to two tags of one repository sends once is in the plans of both.
 *
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  readonly digest: Digest.Digest
  readonly sourceDigest: Digest.Digest
  readonly outcome: "Copy" | "Skip"
  readonly manifests: ReadonlyArray<ManifestPlan>
  readonly blobs: ReadonlyArray<BlobPlan>
  readonly bytes: {
    readonly total: number
    readonly upload: number
    readonly mount: number
    readonly exist: number
  }
}

/**
 * Which platforms of an index are copied: patterns like `linux/amd64`, `linux/arm/*` or `linux/*`, each of which must
 * match something, or a function of the platform. Of a single image it is the image's own platform that must match.
 *
 * @since 0.1.0
 * @category models
 */
export type Platforms = ReadonlyArray<string | Platform.Platform> | ((platform: Platform.Platform) => boolean)

/**
 * How a copy goes about it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * How many blobs move at once. 6 by default. Of blobs up to 1 MiB, which are all requests and no bytes, four times as
   * many.
   */
  readonly concurrency?: number | undefined
  /** All platforms by default. */
  readonly platforms?: Platforms | undefined
  /**
   * What becomes of an index of which not all platforms are copied. `filter`, the default: it is rewritten to name those
   * that are, so its digest changes. `sparse`: it stays as it is, and names images that are not there, which only some
   * registries take. What is missing of a sparse index comes with another sparse copy, not with a whole one to the same
   * tag, which finds the digest that it would write.
   */
  readonly index?: "filter" | "sparse" | undefined
  /** Whether BuildKit's attestations in an index come along with the images they speak of. They do by default. */
  readonly attestations?: "keep" | "drop" | undefined
  /**
   * Whether what refers to the copied manifests is copied too, to the images of an index as well: signatures, software
   * bills of materials, attestations (distribution-spec, "Listing Referrers"). `direct`: what refers to them.
   * `recursive`: also what refers to that. `none` by default. They are there before the tag is.
   */
  readonly referrers?: "none" | "direct" | "recursive" | undefined
  /**
   * Whether what cosign has put under tags of digests (`sha256-….sig`, `.att`, `.sbom`) is copied too. By default when
   * referrers are.
   */
  readonly digestTags?: boolean | undefined
  /**
   * When the destination's tag names something else: `overwrite` it, the default, `skip` the copy, or `fail` with
   * `AlreadyExists`. An equal digest is a success without a write in any case. Digest tags are overwritten only with
   * `overwrite`.
   */
  readonly onExisting?: "overwrite" | "skip" | "fail" | undefined
  /**
   * What becomes of layers of the types that are not to be distributed (image-spec, "Non-Distributable Layers"). `auto`,
   * the default, leaves out those whose descriptor has `urls` that they can be had from, and sends those that can be had
   * nowhere else. `copy` sends all of them, from the source and never from the `urls`; `skip` sends none.
   */
  readonly nonDistributable?: "auto" | "copy" | "skip" | undefined
  /** Repositories of the destination's registry that may have blobs to be mounted from, beside those that are known. */
  readonly mountFrom?: ReadonlyArray<string> | undefined
  /** How often at most the progress of a blob is told. Every 250 ms by default. */
  readonly progressInterval?: Duration.DurationInput | undefined
  /** Told of each event, one after another, beside the copy: a slow one delays the end of the copy, not its transfers. */
  readonly onEvent?: ((event: CopyEvent) => Effect.Effect<void>) | undefined
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
 * How a copy fails. `NotFound` is the source's root alone.
 *
 * @since 0.1.0
 * @category errors
 */
export type CopyFailure = NotFound | PlatformNotFound | ParsePlatformError | CopyError

/**
 * The end of one of several copies; `destination` is as references name it.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome =
  | { readonly _tag: "Success"; readonly destination: string; readonly result: CopyResult }
  | { readonly _tag: "Failure"; readonly destination: string; readonly error: CopyFailure }

/**
 * Copies what the source names, and tags it at the destination when all of it is there.
 *
 * Both sides are asked at once for what they have; when the destination has the same digest by its tag, nothing is
 * written.
 *
 * Fails with `NotFound` when the source's root is absent, `PlatformNotFound` when it has no image for the platform,
 * `ParsePlatformError` for a malformed pattern, and `CopyError` with the side and the cause for anything else.
 *
 * @since 0.1.0
 * @category copying
 */
export const run = (
  source: Endpoint,
  destination: Destination,
  options: Options & Selection = {}
): Effect.Effect<CopyResult, CopyFailure> =>
  events.telling(options.onEvent, (emit) => internal.copyOne(source, destination, options, emit))

/**
 * The same as a stream of events, the last of which is `Completed` with the result. It fails as the copy does. Whoever
 * stops reading stops the copy; whoever reads slowly does not slow it down.
 *
 * @since 0.1.0
 * @category copying
 */
export const stream = (
  source: Endpoint,
  destination: Destination,
  options: Options & Selection = {}
): Stream.Stream<CopyEvent, CopyFailure> =>
  events.stream((emit) => internal.copyOne(source, destination, options, emit))

/**
 * What a copy would do: reads only. Whether a mount will work is known only when it is tried.
 *
 * Fails as `run` does.
 *
 * @since 0.1.0
 * @category copying
 */
export const plan = (
  source: Endpoint,
  destination: Destination,
  options: Options & Selection = {}
): Effect.Effect<Plan, CopyFailure> => internal.plan(source, destination, options)

/**
 * Copies to several destinations at once: each blob is read once and goes to all that lack it. Each destination has an
 * outcome of its own, in the order given; one that fails does not stop the others, and one that keeps the others waiting
 * for more than ten seconds in a blob gets that blob by itself, in a second read.
 *
 * Fails as `run` does when nothing can be read from the source, for all destinations at once.
 *
 * @since 0.1.0
 * @category copying
 */
export const runTo = (
  source: Endpoint,
  destinations: ReadonlyArray<Destination>,
  options: Options & Selection = {}
): Effect.Effect<ReadonlyArray<Outcome>, CopyFailure> =>
  events.telling(options.onEvent, (emit) => internal.copyAll(source, destinations, options, emit))

/**
 * Which tags of a repository are meant: those in the range `semver` and those that match one of `include`, all where there
 * is neither; of these not the ones that match one of `exclude`.
 *
 * A string is a pattern for the whole tag, with `*` for any run of characters and `?` for one; a regular expression is
 * looked for anywhere in the tag. Tags made of digests (`sha256-…`, `sha256-….sig`), under which signatures and lists of
 * referrers lie, count only with `digestTags`, or by an `include` that itself begins so.
 *
 * @since 0.1.0
 * @category models
 */
export interface TagSelection {
  readonly include?: ReadonlyArray<string | RegExp> | undefined
  readonly exclude?: ReadonlyArray<string | RegExp> | undefined
  /**
   * A range of versions as npm has them: `^1.2`, `>=3.18 <4`. A tag may begin with `v` and leave out its last parts.
   * Versions before a release or with a suffix (`1.2.3-alpine`) are in it only when it names one of the same version.
   */
  readonly semver?: string | undefined
  readonly digestTags?: boolean | undefined
}

/**
 * The end of one tag's copy.
 *
 * @since 0.1.0
 * @category models
 */
export type TagOutcome = Outcome & { readonly tag: string }

/**
 * What `runTags` takes: how each tag is copied, which tags are meant, and how many are copied at once, 4 by default.
 *
 * @since 0.1.0
 * @category models
 */
export interface TagsOptions extends Options {
  readonly tags?: TagSelection | undefined
  readonly tagConcurrency?: number | undefined
}

/**
 * Copies tags of a repository to the same tags of another, each when it is its turn: one outcome for each, as they end. A
 * tag that fails does not stop the others.
 *
 * Fails when the tags cannot be listed, and with `InvalidInput` for a selection that cannot be read.
 *
 * @since 0.1.0
 * @category copying
 */
export const runTags = (
  source: Repository.Repository,
  destination: Repository.Repository,
  options: TagsOptions = {}
): Stream.Stream<TagOutcome, Repository.Failure | InvalidInput> => tags.run(source, destination, options)
