/**
 * A small, correct distribution registry as an `HttpApp`: for tests, quick starts and trying things out. It keeps
 * images in memory or in a directory, knows Basic and Bearer authentication, logs its requests, and can be told to
 * behave badly. It is not a production registry: there is no garbage collection, and nothing is replicated. A manifest
 * PUT by tag obeys `If-Match` and `If-None-Match` (412), against the `ETag` that a GET of the tag gave.
 *
 * `NodeRegistryServer` serves it over sockets, `RegistryTest` as an `HttpClient` without any.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpApp from "@effect/platform/HttpApp"
import type * as Path from "@effect/platform/Path"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Digest from "./Digest.js"
import * as app from "./internal/server/app.js"
import * as directory from "./internal/server/directoryStorage.js"
import * as memory from "./internal/server/memoryStorage.js"
import { InvalidInput, type StorageError } from "./RegistryError.js"
import type { ConnectionFault, Fault, Kind } from "./RegistryFault.js"
import type { Failure, Repository } from "./Repository.js"

/**
 * A blob on its way into a storage.
 *
 * @since 0.1.0
 * @category models
 */
export interface Upload {
  /** Bytes stored so far. */
  readonly size: () => number
  /** Stores the bytes behind those that are there. What came before a failure is kept. */
  readonly append: <E>(content: Stream.Stream<Uint8Array, E>) => Effect.Effect<void, E | StorageError>
  /** Makes it a blob of the repository, if that is its digest. The upload is over either way. */
  readonly commit: (digest: Digest.Digest) => Effect.Effect<void, Failure>
  readonly discard: Effect.Effect<void>
}

/**
 * Where a registry keeps its content: many repositories, and what a registry must know beyond what one repository
 * tells.
 *
 * @since 0.1.0
 * @category models
 */
export interface Storage {
  readonly repository: (name: string) => Effect.Effect<Repository, InvalidInput | StorageError>
  /** Whether anything has ever been put there. */
  readonly has: (name: string) => Effect.Effect<boolean, StorageError>
  /** All repositories, sorted by code unit. */
  readonly names: Effect.Effect<ReadonlyArray<string>, StorageError>
  /** Size of a blob in bytes, or `undefined` when it is not there. */
  readonly blobSize: (name: string, digest: Digest.Digest) => Effect.Effect<number | undefined, Failure>
  /** A repository that holds the blob, among those for which `where` holds: all of them by default. */
  readonly find: (
    digest: Digest.Digest,
    where?: (name: string) => boolean
  ) => Effect.Effect<string | undefined, StorageError>
  readonly upload: (name: string) => Effect.Effect<Upload, InvalidInput | StorageError>
}

/**
 * Decides which of the asked-for actions somebody may do. `user` is `undefined` for the anonymous; `type` and `name`
 * are those of a token scope (`repository`, `library/alpine`).
 *
 * @since 0.1.0
 * @category models
 */
export type Access = (request: {
  readonly user: string | undefined
  readonly type: string
  readonly name: string
  readonly actions: ReadonlyArray<string>
}) => ReadonlyArray<string>

/**
 * How clients authenticate. Users are passwords by user name. `access` lets known users do everything by default; with
 * `anonymousPull` everybody else may pull, and do what `access` lets them.
 *
 * - `Anonymous`: everybody may do everything
 * - `Basic`
 * - `Bearer`: tokens from an endpoint of this very app, at the path of `realm` (`/token` on the same host by default),
 *   by GET and POST. They live for `expiresIn` (5 minutes by default). `identityTokens` are refresh tokens by user name
 *
 * @since 0.1.0
 * @category models
 */
export type Auth =
  | { readonly _tag: "Anonymous" }
  | {
    readonly _tag: "Basic"
    readonly users: Readonly<Record<string, string | Redacted.Redacted>>
    readonly anonymousPull?: boolean | undefined
    readonly access?: Access | undefined
  }
  | {
    readonly _tag: "Bearer"
    readonly users?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
    readonly identityTokens?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
    readonly anonymousPull?: boolean | undefined
    readonly access?: Access | undefined
    readonly expiresIn?: Duration.DurationInput | undefined
    readonly service?: string | undefined
    readonly realm?: string | undefined
  }

/**
 * Ways in which real registries differ from a complete and current one. All are off by default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Quirks {
  /** `false`: no referrers API (404), and no `OCI-Subject`. */
  readonly referrers?: false | undefined
  /** `false`: the `artifactType` filter of the referrers API is not applied. */
  readonly artifactTypeFilter?: false | undefined
  /** `false`: no `Docker-Content-Digest`. */
  readonly digestHeader?: false | undefined
  /** `false`: HEAD of a manifest is 404 (Nexus). */
  readonly headManifest?: false | undefined
  /** `Content-Type` of every manifest (`text/plain`: registry.access.redhat.com). */
  readonly manifestContentType?: string | undefined
  /** `false`: `If-Match` and `If-None-Match` of a manifest PUT by tag are ignored, as most registries do. */
  readonly conditionalPut?: false | undefined
  /** Status of a successful manifest PUT (202: Quay). */
  readonly putManifestStatus?: number | undefined
  /** `false`: the POST with a digest opens a session. */
  readonly singlePost?: false | undefined
  /** `off`: mounts open a session. `denied`: they are 403 (Harbor). */
  readonly mount?: "off" | "denied" | undefined
  /** Status of a successful PATCH (201: ECR, 204: Google). */
  readonly patchStatus?: number | undefined
  /** Status of a successful blob PUT (202, 204). */
  readonly putBlobStatus?: number | undefined
  /**
   * `false`: a PUT that brings the whole blob is 404; a PATCH and an empty PUT are taken (some set-ups of Artifactory).
   */
  readonly wholePut?: false | undefined
  /** `Range` stays at the first chunk (ECR). */
  readonly staleRange?: boolean | undefined
  /** `false`: GET of a session is 404 (ECR Public). */
  readonly uploadStatus?: false | undefined
  /** Form of `Location`: `relative` by default; an origin (`https://upload.example`) makes it absolute there. */
  readonly location?: "relative" | "absolute" | (string & {}) | undefined
  /**
   * The query of a `Location` must come back byte for byte; otherwise it may be encoded in another way
   * (distribution-spec, "POST then PUT").
   */
  readonly exactLocationQuery?: boolean | undefined
  /** Each answer of a session has another `Location`, and only the newest works (Google). */
  readonly freshLocations?: boolean | undefined
  /** Smallest chunk but the last, in bytes, announced and enforced. */
  readonly chunkMinLength?: number | undefined
  /** Largest PATCH in bytes; 416 above (GHCR). */
  readonly chunkMaxLength?: number | undefined
  /** `false`: a `Range` of a blob is ignored. */
  readonly blobRange?: false | undefined
  /** An origin to which GETs of blobs are redirected (307), with a signed query. */
  readonly blobsAt?: string | undefined
  /** Blobs and manifests are compressed on the wire unless `Accept-Encoding` is `identity`. */
  readonly contentEncoding?: "gzip" | undefined
  /** Most entries on a page of tags, referrers or repositories. */
  readonly pageSize?: number | undefined
  /** `false`: deletes are 405. */
  readonly deletes?: false | undefined
  /** Writes are 405. */
  readonly readOnly?: boolean | undefined
  /** A repository without tags lists `null`. */
  readonly nullTags?: boolean | undefined
  /** Text of a `Warning: 299` on every answer. */
  readonly warning?: string | undefined
  /** The token is in `access_token` only (ACR). */
  readonly accessTokenOnly?: boolean | undefined
  /** `false`: the token answer has no `expires_in`. */
  readonly expiresIn?: false | undefined
  /** Status with which the token endpoint refuses POST (404: Google, 401: Artifactory, 400: ACR). */
  readonly tokenPostStatus?: number | undefined
}

/**
 * A request as it was answered. Header names are in lower case; `Authorization` shows in `authorization` by its scheme
 * alone, and neither it nor cookies are in `headers`.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggedRequest {
  /** Grows with each request to any embedded registry of the process. */
  readonly sequence: number
  readonly kind: Kind
  readonly method: string
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly authorization: "none" | "Basic" | "Bearer" | "other"
  /** `undefined` when no answer was given. */
  readonly status: number | undefined
  /** Bytes of the request's body that were read. */
  readonly received: number
  /** Bytes of the answer's body that were taken. */
  readonly sent: number
  /** The faults that were applied. */
  readonly faults: ReadonlyArray<string>
}

/**
 * - `storage`: a new one in memory by default
 * - `contentOf`: instead of a storage, the content and upload sessions of another registry, which this one then is a
 *   second host of: where redirects and cross-host `Location`s can lead
 * - `strict`: manifests that name blobs or manifests that are not there are refused with `MANIFEST_BLOB_UNKNOWN`
 * - `maxManifestSize`: bytes, 8 MiB by default; 413 above
 * - `maxBlobSize`: bytes, unlimited by default; 413 above
 * - `maxUploads`: upload sessions that a user may have open at a time, and that all anonymous clients may have together;
 *   1,000 by default. One more is refused with 429 and `TOOMANYREQUESTS`
 * - `uploadTimeout`: how long an upload session may be idle before it ends, with what it has stored; 1 hour by default.
 *   It goes with the next request after that time. With `contentOf` the other registry's holds
 * - `logSize`: how many of the latest requests `requests` holds, 10,000 by default; 0 keeps no log
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly storage?: Storage | undefined
  readonly contentOf?: RegistryServer | undefined
  readonly auth?: Auth | undefined
  readonly quirks?: Quirks | undefined
  readonly faults?: ReadonlyArray<Fault> | undefined
  readonly strict?: boolean | undefined
  readonly maxManifestSize?: number | undefined
  readonly maxBlobSize?: number | undefined
  readonly maxUploads?: number | undefined
  readonly uploadTimeout?: Duration.DurationInput | undefined
  readonly logSize?: number | undefined
}

/**
 * A registry at work: its app, what it was asked, and the means to meddle with it.
 *
 * @since 0.1.0
 * @category models
 */
export interface RegistryServer {
  /** The registry. It fails when the fault plan breaks a connection, and so may the bodies of its answers. */
  readonly app: HttpApp.Default<ConnectionFault>
  /** What was asked so far, oldest first: the latest requests, as many as `logSize` says. */
  readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
  readonly clearRequests: Effect.Effect<void>
  /** Puts another fault plan in place, its counts at zero. */
  readonly setFaults: (faults: ReadonlyArray<Fault>) => Effect.Effect<void>
  readonly setQuirks: (quirks: Quirks) => Effect.Effect<void>
  /** Makes all tokens given out so far void. */
  readonly expireTokens: Effect.Effect<void>
  /** Upload sessions that are open; those that have been idle for too long are ended first. */
  readonly openUploads: Effect.Effect<number>
  /** A repository of the storage, past all HTTP. */
  readonly repository: Storage["repository"]
  /** Whether this is the path of its token endpoint. */
  readonly isTokenPath: (path: string) => boolean
  readonly storage: Storage
}

/** What the limits count. */
const counted = { maxUploads: "upload sessions", logSize: "requests" } as const

/**
 * A registry; it is served by whoever runs its `app`.
 *
 * Fails with `InvalidInput` when the `realm` of its authentication is not a URL, or a limit is not a usable number.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (options?: Options) => Effect.Effect<RegistryServer, InvalidInput> = Effect.fnUntraced(
  function*(options: Options = {}) {
    const realm = options.auth?._tag === "Bearer" ? options.auth.realm : undefined
    if (realm !== undefined && !URL.canParse(realm)) {
      return yield* new InvalidInput({ field: "realm", reason: "it is not a URL" })
    }
    for (const field of ["maxUploads", "logSize"] as const) {
      const value = options[field] ?? 1
      if (!Number.isSafeInteger(value) || value < (field === "logSize" ? 0 : 1)) {
        return yield* new InvalidInput({ field, reason: `${value} is not a number of ${counted[field]}` })
      }
    }
    const { uploadTimeout } = options
    const isIdleTime = Option.exists(Duration.decodeUnknown(uploadTimeout ?? "1 hour"), Duration.greaterThan(0))
    if (!isIdleTime) return yield* new InvalidInput({ field: "uploadTimeout", reason: "it is not a duration above 0" })
    const storage = options.contentOf?.storage ?? options.storage ?? (yield* storageMemory())
    return yield* app.make(options, storage)
  }
)

/**
 * A storage in memory. `registry` is what its repositories call their registry, `memory` by default.
 *
 * @since 0.1.0
 * @category constructors
 */
export const storageMemory: (registry?: string) => Effect.Effect<Storage> = memory.make

/**
 * A storage in a directory, which is made when it is not there: one OCI image layout for each repository, under its
 * name. Uploads go straight to disk; those not finished are removed with the scope.
 *
 * Names with a part `blobs`, `index.json` or `oci-layout` are refused: they would lie inside another layout.
 *
 * Fails with `StorageError` when the directory cannot be made, is a file, or is in use by another registry. The file
 * `.lock` in it names the process that uses it. If that process was killed, the next registry on the same host takes
 * the lock over. Another host or container cannot see whether the process still runs: there, remove the file by hand.
 * That is also the case in a container that was restarted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const storageDirectory: (
  directory: string
) => Effect.Effect<Storage, StorageError, FileSystem.FileSystem | Path.Path | Scope.Scope> = directory.make
