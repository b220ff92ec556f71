/**
 * A repository: a named place with manifests, blobs and tags. One in a registry, an OCI image layout on disk and one in
 * memory all are a `Repository`, and what copies images is written over two of them, whatever they are.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Stream from "effect/Stream"
import type * as Descriptor from "./Descriptor.js"
import type * as Digest from "./Digest.js"
import * as memory from "./internal/memoryRepository.js"
import * as session from "./internal/session.js"
import type * as Manifest from "./Manifest.js"
import type { NotFound } from "./OperationError.js"
import type { InvalidInput, RegistryError } from "./RegistryError.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("effect-oci/Repository")

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * What all repositories that one client hands out share: which blobs it has seen where, and the transfers in flight.
 *
 * @since 0.1.0
 * @category models
 */
export interface Session {
  /** Remembers that a repository of a registry holds a blob. */
  readonly markBlob: (registry: string, repository: string, digest: Digest.Digest) => void

  /** Forgets what `markBlob` remembered: the registry said otherwise. */
  readonly forgetBlob: (registry: string, repository: string, digest: Digest.Digest) => void

  /**
   * Whether a repository has been seen to hold a blob, by `markBlob`, within the last 15 minutes and not before `since`, a
   * value of `moment`: what is older does not stand for it any more, as registries delete what nothing refers to.
   */
  readonly hasSeen: (registry: string, repository: string, digest: Digest.Digest, since?: number) => boolean

  /** Now, in the order of what is remembered, for `hasSeen`. It says nothing of the time of day. */
  readonly moment: () => number

  /** Names of the repositories of a registry in which the blob has been seen, however long ago, in the order of the sightings. */
  readonly repositoriesWith: (registry: string, digest: Digest.Digest) => ReadonlyArray<string>

  /**
   * Single flight: runs the effect, unless one with the same key is under way, whose success is shared then. When the
   * one under way fails or is interrupted, those who waited run their own, one at a time.
   */
  readonly single: <A, E, R>(key: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

  /**
   * Runs what moves the bytes of one blob from or to a registry when that registry has room for it: the client's limit
   * for the host, whatever copies run. A transfer with two ends asks for both, always in the same order.
   */
  readonly transfer: <A, E, R>(registry: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * How a method of a repository fails: `NotFound` for what is not there, else what went wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export type Failure = RegistryError | NotFound

/**
 * What became of a blob that was to be put: its bytes went over the wire, or it was mounted from another repository.
 *
 * @since 0.1.0
 * @category models
 */
export type PutBlobOutcome = "Uploaded" | "Mounted"

/**
 * - `mountFrom`: a repository of the same registry that may have the blob
 * - `isVerified`: the content fails instead of ending when its bytes are wrong, as that of `getBlob` does, so that they
 *   need not be hashed a second time
 * - `gate`: put round the part that sends the bytes, after the registry has declined the mount and opened a session; not
 *   run at all for a blob that was mounted
 *
 * @since 0.1.0
 * @category models
 */
export interface PutBlobOptions {
  readonly mountFrom?: string | undefined
  readonly isVerified?: boolean | undefined
  readonly gate?: (<A, E, R>(send: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) | undefined
}

/**
 * The bytes of a blob that is to be put: a stream, or an effect that gives all of them, for what is small.
 *
 * @since 0.1.0
 * @category models
 */
export type BlobContent<E = never, R = never> = Stream.Stream<Uint8Array, E, R> | Effect.Effect<Uint8Array, E, R>

/**
 * A part of a blob, in bytes. `length` is to the end by default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Range {
  readonly offset: number
  readonly length?: number | undefined
}

/**
 * The interface. `reference` is a tag or a digest everywhere. Methods that a kind of repository may lack are optional
 * properties, so that their absence shows in the type.
 *
 * @since 0.1.0
 * @category models
 */
export interface Repository {
  readonly [TypeId]: TypeId

  /** The registry it is in, as references name it (`docker.io`), or what stands for one (`file:…`, `memory`). */
  readonly registry: string

  /** Its name within the registry: `library/alpine`. */
  readonly name: string

  /** What all repositories of one client share. */
  readonly session: Session

  /**
   * Descriptor of a manifest, without the manifest itself where that can be had. Of a registry, size and media type are
   * then those in the headers of a HEAD, which may be wrong: only the digest is binding, and `getManifest` tells the rest.
   */
  readonly resolve: (reference: string) => Effect.Effect<Descriptor.Descriptor, Failure>

  /**
   * A manifest, its bytes verified when the reference is a digest. `expected` is a digest, which is checked for a tag too,
   * or a descriptor, whose size and media type are checked as well: one that a manifest names, not one that `resolve` gave.
   */
  readonly getManifest: (
    reference: string,
    options?: { readonly expected?: Manifest.Expected | undefined }
  ) => Effect.Effect<Manifest.Manifest, Failure>

  /**
   * Stores a manifest's bytes as they are, by its digest or under `tag`. Gives back the digest.
   */
  readonly putManifest: (
    manifest: Pick<Manifest.Manifest, "descriptor" | "raw">,
    options?: { readonly tag?: string | undefined }
  ) => Effect.Effect<Digest.Digest, Failure>

  /**
   * Whether the blob is there. With its `size` in bytes, a blob that is known to have another one is not: it has to be put
   * again. A registry that does not say how large it is has it. Fails with `InvalidInput` for what is no digest or no size.
   */
  readonly hasBlob: (
    digest: Digest.Digest,
    options?: { readonly size?: number | undefined }
  ) => Effect.Effect<boolean, Failure>

  /**
   * The bytes of a blob. Whole, they are verified: the stream fails instead of ending on wrong content. Of a `range`
   * only the length is. A `size` of the blob, when known, is checked too.
   */
  readonly getBlob: (
    blob: Pick<Descriptor.Descriptor, "digest"> & { readonly size?: number | undefined },
    range?: Range
  ) => Stream.Stream<Uint8Array, Failure>

  /**
   * All the bytes of a blob at once, verified: for what is small. It is read from its beginning when a connection breaks.
   * Where it is missing, `getBlob` does the same.
   */
  readonly readBlob?:
    | ((blob: Pick<Descriptor.Descriptor, "digest" | "size">) => Effect.Effect<Uint8Array, Failure>)
    | undefined

  /**
   * Stores a blob. `content` is run once for each try, and not at all when the blob could be mounted from `mountFrom`,
   * a repository of the same registry. The blob is there when the effect succeeds, and only if the bytes were right.
   */
  readonly putBlob: <E, R>(
    blob: Pick<Descriptor.Descriptor, "digest" | "size">,
    content: BlobContent<E, R>,
    options?: PutBlobOptions
  ) => Effect.Effect<PutBlobOutcome, Failure | E, R>

  /**
   * Stores a blob whose length and digest nobody knows before its last byte, and gives them back; the digest is by sha256
   * unless told otherwise. A registry gets it in chunks, two of which are in memory at a time.
   */
  readonly uploadBlob?:
    | (<E, R>(
      content: Stream.Stream<Uint8Array, E, R>,
      options?: { readonly algorithm?: Digest.Algorithm | undefined }
    ) => Effect.Effect<Pick<Descriptor.Descriptor, "digest" | "size">, Failure | E, R>)
    | undefined

  /**
   * A `putBlob` with this very repository for `mountFrom` tells whether the blob is there: `Mounted` if so, and otherwise
   * the session that it opens is used. It takes the place of a `hasBlob` before.
   */
  readonly mountTells?: boolean | undefined

  /** The tags, in the order the registry lists them. */
  readonly tags: Stream.Stream<string, Failure>

  /**
   * Makes a blob of another repository of the same registry appear here without moving it. False when the registry
   * declined; the blob must be put then.
   */
  readonly mountBlob?:
    | ((blob: Pick<Descriptor.Descriptor, "digest" | "size">, from: string) => Effect.Effect<boolean, Failure>)
    | undefined

  /** Descriptors of the manifests whose `subject` is the digest. */
  readonly referrers?:
    | ((
      digest: Digest.Digest,
      options?: { readonly artifactType?: string | undefined }
    ) => Stream.Stream<Descriptor.Descriptor, Failure>)
    | undefined

  /** Removes a tag, or a manifest and all tags that name it. */
  readonly deleteManifest?: ((reference: string) => Effect.Effect<void, Failure>) | undefined

  /** Removes a blob. */
  readonly deleteBlob?: ((digest: Digest.Digest) => Effect.Effect<void, Failure>) | undefined
}

/**
 * A repository with every optional ability: one of a registry, which may still refuse, or one in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompleteRepository extends Repository {
  readonly uploadBlob: NonNullable<Repository["uploadBlob"]>
  readonly mountBlob: NonNullable<Repository["mountBlob"]>
  readonly referrers: NonNullable<Repository["referrers"]>
  readonly deleteManifest: NonNullable<Repository["deleteManifest"]>
  readonly deleteBlob: NonNullable<Repository["deleteBlob"]>
}

/**
 * Whether the value is a repository.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRepository = (u: unknown): u is Repository => Predicate.hasProperty(u, TypeId)

/**
 * A new session, for repositories of one's own that are to share what they know and do.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeSession: Effect.Effect<Session> = session.make

/**
 * A repository in memory, with every optional ability. `registry` is `memory` and `name` is `repository` by default.
 *
 * What is put is checked like in any other repository: digests, sizes, tags. Repositories made with the same `session`
 * and `registry` are of one registry: blobs can be mounted between them, and the same name gives the same content.
 *
 * Fails with `InvalidInput` when `name` is not a repository name.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import * as Repository from "effect-oci/Repository"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const session = yield* Repository.makeSession
 *   const source = yield* Repository.makeMemory({ name: "library/alpine", session })
 *   const destination = yield* Repository.makeMemory({ name: "mirror/alpine", session })
 *   return [source, destination]
 * })
 * ```
 */
export const makeMemory: (
  options?: {
    readonly registry?: string | undefined
    readonly name?: string | undefined
    readonly session?: Session | undefined
  }
) => Effect.Effect<CompleteRepository, InvalidInput> = Effect.fnUntraced(function*(options) {
  const shared = options?.session ?? (yield* makeSession)
  return yield* memory.registryOf(options?.registry ?? "memory", shared).repository(options?.name ?? "repository")
})
