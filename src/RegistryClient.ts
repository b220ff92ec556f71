/**
 * The client: what a program asks of registries, as one service.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Copy from "./Copy.js"
import type { CopyEvent } from "./CopyEvent.js"
import type { Credentials } from "./Credentials.js"
import type * as Descriptor from "./Descriptor.js"
import type * as Digest from "./Digest.js"
import type * as Image from "./Image.js"
import * as internal from "./internal/client.js"
import type * as ManifestList from "./ManifestList.js"
import type * as OperationError from "./OperationError.js"
import type * as Platform from "./Platform.js"
import type { Reference } from "./Reference.js"
import * as RegistryConfig from "./RegistryConfig.js"
import type { InvalidInput } from "./RegistryError.js"
import type * as Repository from "./Repository.js"

/**
 * A reference as text (`alpine:3.20`, `ghcr.io/acme/app@sha256:…`) or parsed.
 *
 * @since 0.1.0
 * @category models
 */
export type ReferenceInput = string | Reference

/**
 * A platform as text (`linux/arm64`, `linux/arm/v7`) or parsed.
 *
 * @since 0.1.0
 * @category models
 */
export type PlatformInput = string | Platform.Platform

/**
 * How reading an image fails.
 *
 * @since 0.1.0
 * @category errors
 */
export type GetImageFailure =
  | OperationError.ParseReferenceError
  | OperationError.NotFound
  | OperationError.GetImageError

/**
 * How copying fails. `NotFound` means that the source's root is absent; anything else that is missing, and a
 * destination that refuses, is a `CopyError` with side and cause.
 *
 * @since 0.1.0
 * @category errors
 */
export type CopyFailure =
  | OperationError.ParseReferenceError
  | OperationError.ParsePlatformError
  | OperationError.NotFound
  | OperationError.PlatformNotFound
  | OperationError.CopyError

/**
 * How listing, tagging and deleting fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type OperationFailure =
  | OperationError.ParseReferenceError
  | OperationError.NotFound
  | OperationError.RegistryOperationError

/**
 * Which referrers are wanted.
 *
 * - `artifactType`: only referrers of this type (`application/spdx+json`)
 *
 * @since 0.1.0
 * @category models
 */
export interface ReferrersOptions {
  readonly artifactType?: string | undefined
}

/**
 * The client that writes, where it is not the one that reads: other credentials, another HTTP layer.
 *
 * @since 0.1.0
 * @category models
 */
export interface DestinationClient {
  readonly destination?: RegistryClient.Service | undefined
}

/**
 * Options of a copy.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyOptions extends Copy.Options, DestinationClient {}

/**
 * Options of the copy of a single image: all but those for what is in an index.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyImageOptions extends Omit<CopyOptions, "platforms" | "index" | "attestations"> {}

/**
 * Options of the copy of a repository.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyRepositoryOptions extends Copy.TagsOptions, DestinationClient {}

/**
 * The platform whose image is wanted of an index.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlatformChoice {
  readonly platform?: PlatformInput | undefined
}

/**
 * How a repository will be used. Of one that is to be written, reads ask for the right to push as well, so that one token
 * serves all requests.
 *
 * @since 0.1.0
 * @category models
 */
export interface RepositoryOptions {
  readonly access?: "read" | "write" | undefined
}

/**
 * The client as a service.
 *
 * @since 0.1.0
 * @category tags
 */
export class RegistryClient extends Context.Tag("effect-oci/RegistryClient")<
  RegistryClient,
  RegistryClient.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace RegistryClient {
  /**
   * The operations. Each is also a function of this module that asks for the service.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** See {@link getImage}. */
    readonly getImage: (image: ReferenceInput) => Effect.Effect<Image.ImageDescriptor, GetImageFailure>

    /** See {@link getImageHandle}. */
    readonly getImageHandle: (
      image: ReferenceInput,
      options?: PlatformChoice
    ) => Effect.Effect<
      Image.Image,
      GetImageFailure | OperationError.PlatformNotFound | OperationError.ParsePlatformError
    >

    /** See {@link getDigest}. */
    readonly getDigest: (image: ReferenceInput) => Effect.Effect<Digest.Digest, GetImageFailure>

    /** See {@link getPlatformDigests}. */
    readonly getPlatformDigests: (image: ReferenceInput) => Effect.Effect<
      Readonly<Record<string, Digest.Digest>>,
      OperationError.ParseReferenceError | OperationError.NotFound | OperationError.GetImageIndexError
    >

    /** See {@link checkExists}. */
    readonly checkExists: (
      image: ReferenceInput
    ) => Effect.Effect<boolean, OperationError.ParseReferenceError | OperationError.GetImageError>

    /** See {@link copy}. */
    readonly copy: (
      source: ReferenceInput,
      destination: ReferenceInput,
      options?: CopyOptions & PlatformChoice
    ) => Effect.Effect<Copy.CopyResult, CopyFailure>

    /** See {@link copyImage}. */
    readonly copyImage: (
      source: ReferenceInput,
      destination: ReferenceInput,
      options?: CopyImageOptions & PlatformChoice
    ) => Effect.Effect<Copy.CopyResult, CopyFailure>

    /** See {@link copyIndex}. */
    readonly copyIndex: (
      source: ReferenceInput,
      destination: ReferenceInput,
      options?: CopyOptions
    ) => Effect.Effect<Copy.CopyResult, CopyFailure | OperationError.GetImageIndexError>

    /** See {@link copyPlatformImage}. */
    readonly copyPlatformImage: (
      source: ReferenceInput,
      platformOrDigest: PlatformInput | Digest.Digest,
      destination: ReferenceInput,
      options?: CopyImageOptions
    ) => Effect.Effect<Copy.CopyResult, CopyFailure>

    /** See {@link copyTo}. */
    readonly copyTo: (
      source: ReferenceInput,
      destinations: ReadonlyArray<ReferenceInput>,
      options?: CopyOptions & PlatformChoice
    ) => Effect.Effect<ReadonlyArray<Copy.Outcome>, CopyFailure>

    /** See {@link copyStream}. */
    readonly copyStream: (
      source: ReferenceInput,
      destination: ReferenceInput,
      options?: Omit<CopyOptions, "onEvent"> & PlatformChoice
    ) => Stream.Stream<CopyEvent, CopyFailure>

    /** See {@link planCopy}. */
    readonly planCopy: (
      source: ReferenceInput,
      destination: ReferenceInput,
      options?: CopyOptions & PlatformChoice
    ) => Effect.Effect<Copy.Plan, CopyFailure>

    /** See {@link copyRepository}. */
    readonly copyRepository: (
      source: ReferenceInput,
      destination: ReferenceInput,
      options?: CopyRepositoryOptions
    ) => Stream.Stream<Copy.TagOutcome, OperationFailure>

    /** See {@link pushManifestList}. */
    readonly pushManifestList: (
      reference: ReferenceInput,
      images: Readonly<Record<string, Image.Image>>,
      options?: ManifestList.Options
    ) => Effect.Effect<
      Digest.Digest,
      OperationError.ParseReferenceError | OperationError.ParsePlatformError | OperationError.PushManifestError
    >

    /** See {@link ping}. */
    readonly ping: (registry: string) => Effect.Effect<void, OperationFailure>

    /** See {@link listTags}. */
    readonly listTags: (repository: ReferenceInput) => Stream.Stream<string, OperationFailure>

    /** See {@link listReferrers}. */
    readonly listReferrers: (
      image: ReferenceInput,
      options?: ReferrersOptions
    ) => Stream.Stream<Descriptor.Descriptor, OperationFailure>

    /** See {@link listRepositories}. */
    readonly listRepositories: (registry: string) => Stream.Stream<string, OperationFailure>

    /** See {@link deleteImage}. */
    readonly deleteImage: (image: ReferenceInput) => Effect.Effect<void, OperationFailure>

    /** See {@link deleteTag}. */
    readonly deleteTag: (image: ReferenceInput) => Effect.Effect<void, OperationFailure>

    /** See {@link tagImage}. */
    readonly tagImage: (image: ReferenceInput, tag: string) => Effect.Effect<Digest.Digest, OperationFailure>

    /** See {@link repository}. */
    readonly repository: (
      name: ReferenceInput,
      options?: RepositoryOptions
    ) => Effect.Effect<Repository.CompleteRepository, OperationError.ParseReferenceError>
  }
}

/**
 * A client over the `HttpClient` and the `Credentials` at hand. Blobs it has seen, tokens and transfers in flight are
 * shared between all its operations, so make one and keep it.
 *
 * Fails with `InvalidInput` for options that can never work.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (
  options?: RegistryConfig.Options
) => Effect.Effect<RegistryClient.Service, InvalidInput, HttpClient.HttpClient | Credentials> = internal.make

/**
 * A layer of the client that `make` makes.
 *
 * Fails with `InvalidInput` for options that can never work.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: RegistryConfig.Options = {}
): Layer.Layer<RegistryClient, InvalidInput, HttpClient.HttpClient | Credentials> =>
  Layer.effect(RegistryClient, make(options))

/**
 * `layer` with options read from the configuration. What is not configured goes into `Config.succeed`, functions and
 * schedules too.
 *
 * Fails with `ConfigError` when a value is not there, and as `layer` does.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import * as RegistryClient from "effect-oci/RegistryClient"
 * import * as Config from "effect/Config"
 * import * as Effect from "effect/Effect"
 *
 * const layer = RegistryClient.layerConfig({
 *   idleTimeout: Config.duration("REGISTRY_IDLE_TIMEOUT"),
 *   retries: Config.withDefault(Config.integer("REGISTRY_RETRIES"), 4),
 *   hosts: { "registry.internal:5000": { plainHttp: Config.boolean("REGISTRY_PLAIN_HTTP") } },
 *   onRetry: Config.succeed(({ delay, url }) => Effect.logInfo("registry is tried again", { url, delay }))
 * })
 * ```
 */
export const layerConfig = (
  options: Config.Config.Wrap<RegistryConfig.Options>
): Layer.Layer<RegistryClient, InvalidInput | ConfigError, HttpClient.HttpClient | Credentials> =>
  Layer.effect(RegistryClient, Effect.flatMap(Config.unwrap(options), make))

/** What `Effect.serviceFunctionEffect` is for effects. */
const streaming = <Args extends Array<any>, A, E>(
  pick: (client: RegistryClient.Service) => (...args: Args) => Stream.Stream<A, E>
) =>
(...args: Args): Stream.Stream<A, E, RegistryClient> =>
  Stream.unwrap(Effect.map(RegistryClient, (client) => pick(client)(...args)))

/**
 * What a reference names: descriptor, manifest with its bytes, and whether it is an index. One GET.
 *
 * Fails with `NotFound` for a 404, `GetImageError` for anything else.
 *
 * @since 0.1.0
 * @category retrieval
 */
export const getImage = Effect.serviceFunctionEffect(RegistryClient, (client) => client.getImage)

/**
 * A handle on one image: its manifest, its config as an Effect, its layers as Streams. Of an index it is the image for
 * the platform asked for, `linux/amd64` by default. An image that is in no index must be for the platform when one is
 * asked for.
 *
 * Fails as `getImage` does, with `PlatformNotFound` (which lists what there is) and `ParsePlatformError`.
 *
 * @since 0.1.0
 * @category retrieval
 */
export const getImageHandle = Effect.serviceFunctionEffect(RegistryClient, (client) => client.getImageHandle)

/**
 * The digest of what a reference names. One HEAD; a GET only when the registry sends no digest.
 *
 * Fails as `getImage` does.
 *
 * @since 0.1.0
 * @category retrieval
 */
export const getDigest = Effect.serviceFunctionEffect(RegistryClient, (client) => client.getDigest)

/**
 * The digests of an index by platform. Keys are normalised (`linux/arm64` also for `arm64/v8`), with the OS version in
 * them where it tells two entries apart (`windows(10.0.17763)/amd64`); the first entry of a platform wins; build
 * attestations are left out. `Platform.lookup` finds the best match for a platform in the result.
 *
 * Fails with `GetImageIndexError` also when the reference names a single image.
 *
 * @since 0.1.0
 * @category retrieval
 */
export const getPlatformDigests = Effect.serviceFunctionEffect(RegistryClient, (client) => client.getPlatformDigests)

/**
 * Whether the reference names something: `false` only for a real 404. Refused credentials, a server error, a failed
 * connection and a bad certificate are a `GetImageError`.
 *
 * @since 0.1.0
 * @category retrieval
 */
export const checkExists = Effect.serviceFunctionEffect(RegistryClient, (client) => client.checkExists)

/**
 * Copies whatever the source names, image or index, byte for byte; with `platform`, one image of an index.
 *
 * Fails as `copyImage` does.
 *
 * @since 0.1.0
 * @category copying
 */
export const copy = Effect.serviceFunctionEffect(RegistryClient, (client) => client.copy)

/**
 * Copies a single image. Of an index it takes the platform asked for; without one a `CopyError` says to use `copyIndex`.
 * The tag is written last, and not at all when the destination has the same digest by it already.
 *
 * A destination that carries a digest must equal what would be written, else `CopyError` before any write.
 *
 * Fails with `NotFound` when the source is absent, `PlatformNotFound`, and `CopyError` (with `side` and `cause`) for
 * anything else.
 *
 * @since 0.1.0
 * @category copying
 */
export const copyImage = Effect.serviceFunctionEffect(RegistryClient, (client) => client.copyImage)

/**
 * Copies an index with all its images, nested indexes too; the digest stays the same.
 *
 * Fails as `copyImage` does, and with `GetImageIndexError` when the source is a single image.
 *
 * @since 0.1.0
 * @category copying
 */
export const copyIndex = Effect.serviceFunctionEffect(RegistryClient, (client) => client.copyIndex)

/**
 * Copies one platform's image, named by the platform or by its digest. A malformed digest is a `ParseReferenceError` of
 * the source.
 *
 * Fails as `copyImage` does.
 *
 * @since 0.1.0
 * @category copying
 */
export const copyPlatformImage = Effect.serviceFunctionEffect(RegistryClient, (client) => client.copyPlatformImage)

/**
 * Copies to several destinations at once, in any registries: each blob is read once and goes to all that lack it. The
 * outcomes are in the order of the destinations. One destination's failure does not stop the others; one that keeps the
 * others waiting for more than ten seconds in a blob gets that blob in a read of its own.
 *
 * Fails as `copy` does when nothing can be read from the source, and with `ParseReferenceError` before any request when
 * one of the references is malformed.
 *
 * @since 0.1.0
 * @category copying
 */
export const copyTo = Effect.serviceFunctionEffect(RegistryClient, (client) => client.copyTo)

/**
 * Copies like `copy`, as a stream of what happens. The first event has the totals, the last one is `Completed` with the
 * result. Whoever stops reading stops the copy; whoever reads slowly does not slow it down.
 *
 * Fails as `copy` does.
 *
 * @since 0.1.0
 * @category copying
 * @example
 * ```ts
 * import * as RegistryClient from "effect-oci/RegistryClient"
 * import * as Console from "effect/Console"
 * import * as Stream from "effect/Stream"
 *
 * const program = RegistryClient.copyStream("alpine:3.20", "registry.example/alpine:3.20").pipe(
 *   Stream.runForEach((event) =>
 *     event._tag === "Planned"
 *       ? Console.log(`${event.plan.bytes.upload} bytes to move`)
 *       : Console.log(event._tag)
 *   )
 * )
 * ```
 */
export const copyStream = streaming((client) => client.copyStream)

/**
 * What `copy` would do, in reads only: which manifests and blobs are there, which are to be mounted, which have to move,
 * and how many bytes that is. Whether a mount works is known only when it is tried.
 *
 * Fails as `copy` does.
 *
 * @since 0.1.0
 * @category copying
 */
export const planCopy = Effect.serviceFunctionEffect(RegistryClient, (client) => client.planCopy)

/**
 * Copies the tags of a repository to the same tags of another, all or those that are chosen, a few at once. One outcome
 * for each tag, as they end; a tag that fails does not stop the others. Tags that are up to date cost one request to each
 * side.
 *
 * Fails when the tags cannot be listed: with `NotFound`, or with `RegistryOperationError`, which is also how a selection
 * fails that cannot be read.
 *
 * @since 0.1.0
 * @category copying
 */
export const copyRepository = streaming((client) => client.copyRepository)

/**
 * Builds a manifest list from images by platform, pushes it and gives back its digest. Entries are sorted by the
 * platform string, so that the same images always give the same digest. It is a Docker manifest list when every image is
 * Docker's, else an OCI index, unless `format` decides it. Images of other repositories are copied over first.
 *
 * An empty map and a malformed platform are errors before any request.
 *
 * @since 0.1.0
 * @category manifest lists
 */
export const pushManifestList = Effect.serviceFunctionEffect(RegistryClient, (client) => client.pushManifestList)

/**
 * Asks `GET /v2/`: succeeds when a registry is there and lets these credentials in.
 *
 * @since 0.1.0
 * @category registries
 */
export const ping = Effect.serviceFunctionEffect(RegistryClient, (client) => client.ping)

/**
 * All tags of a repository, page by page, in the order the registry lists them.
 *
 * @since 0.1.0
 * @category registries
 */
export const listTags = streaming((client) => client.listTags)

/**
 * What refers to an image: descriptors of signatures, SBOMs, attestations and whatever else has the image for its
 * `subject`. Where the registry does not keep such lists, the one that clients keep under a tag is read. A tag is
 * resolved first; nothing that is not there has referrers, so an unknown digest gives an empty stream.
 *
 * @since 0.1.0
 * @category registries
 * @example
 * ```ts
 * import * as RegistryClient from "effect-oci/RegistryClient"
 *
 * const sboms = RegistryClient.listReferrers("ghcr.io/acme/app:1.2", { artifactType: "application/spdx+json" })
 * ```
 */
export const listReferrers = (
  image: ReferenceInput,
  options?: ReferrersOptions
): Stream.Stream<Descriptor.Descriptor, OperationFailure, RegistryClient> =>
  Stream.unwrap(Effect.map(RegistryClient, (client) => client.listReferrers(image, options)))

/**
 * The repositories of a registry (`/v2/_catalog`), which many hosted registries do not list.
 *
 * @since 0.1.0
 * @category registries
 */
export const listRepositories = streaming((client) => client.listRepositories)

/**
 * Deletes a manifest by its digest (a tag is resolved first), and with it every tag that names it.
 *
 * @since 0.1.0
 * @category deletion
 */
export const deleteImage = Effect.serviceFunctionEffect(RegistryClient, (client) => client.deleteImage)

/**
 * Removes a tag and leaves the manifest, where the registry can do that; Debian's docker-registry, for one, cannot.
 *
 * @since 0.1.0
 * @category deletion
 */
export const deleteTag = Effect.serviceFunctionEffect(RegistryClient, (client) => client.deleteTag)

/**
 * Gives what a reference names another tag in the same repository. Gives back the digest.
 *
 * @since 0.1.0
 * @category registries
 */
export const tagImage = Effect.serviceFunctionEffect(RegistryClient, (client) => client.tagImage)

/**
 * The repository itself, for everything low-level: blobs, manifests, uploads. Sends nothing. A tag or digest in the name
 * is ignored.
 *
 * @since 0.1.0
 * @category registries
 */
export const repository = Effect.serviceFunctionEffect(RegistryClient, (client) => client.repository)
