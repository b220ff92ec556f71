/**
 * Blobs into a registry: mounted, or sent in one streamed PUT, or in chunks (distribution-spec, "Pushing blobs").
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Digest from "../../Digest.js"
import type { DigestMismatch, InvalidInput, SizeMismatch } from "../../RegistryError.js"
import type { BlobContent, Failure, PutBlobOptions, PutBlobOutcome } from "../../Repository.js"
import { streamOf } from "../bytes.js"
import { checkName } from "../names.js"
import { sendChunks, sendUnknown } from "./chunks.js"
import { type Blob, checkBlob, guarded, hashers, verified } from "./content.js"
import { base, hostOptions, type Remote } from "./remote.js"
import { type Mount, mount, open } from "./session.js"
import { begin, type BlobUpload, Restart, SourceFailure, unlessArrived, type Upload } from "./uploading.js"
import { sendWhole } from "./whole.js"

/** The largest chunk, in bytes, that a registry can make this library hold in memory. */
const maxDemanded = 64 * 1024 * 1024

/** Whether a mount of a blob from the very repository it is to go to tells if it is there. */
export const mountTells = (remote: Remote): boolean => hostOptions(remote).blobCheck === "mount"

/** The repository to mount from; this very one only where that tells something. */
const mountable = (remote: Remote, from: string | undefined): Effect.Effect<string | undefined, InvalidInput> =>
  from === undefined || (from === remote.name && !mountTells(remote)) ? Effect.succeed(undefined) : checkName(from)

export const putBlob = (remote: Remote) =>
  Effect.fnUntraced(function*<E, R>(
    blob: Blob,
    content: BlobContent<E, R>,
    options?: PutBlobOptions
  ): Effect.fn.Return<PutBlobOutcome, Failure | E, R> {
    yield* base(remote)
    yield* checkBlob(blob)
    const from = yield* mountable(remote, options?.mountFrom)
    const known = yield* hashers(blob.digest)
    const hasher = options?.isVerified === true ? undefined : known
    const context = yield* Effect.context<R>()
    type Mistake = DigestMismatch | SizeMismatch
    const failed = (error: E | Mistake) => new SourceFailure(error)
    const source: Upload<E | Mistake>["source"] = (skip, ended) =>
      Stream.provideContext(guarded(streamOf(content), blob, hasher, skip, failed, ended), context)
    const whole = Effect.isEffect(content)
      ? Effect.provide(Effect.mapError(verified(content, blob, hasher), failed), context)
      : undefined
    const upload: BlobUpload<E | Mistake> = { ...begin(remote, source), blob, whole }
    const outcome = yield* tries(
      (mountFrom) =>
        once(upload, mountFrom === undefined ? undefined : { digest: blob.digest, from: mountFrom }, options?.gate),
      from
    )
    remote.session.markBlob(remote.registry, remote.name, blob.digest)
    return outcome
  })

/** One session after another, until one comes to its end or it has failed too often. A mount is tried once. */
const tries = <A, E>(
  once: (mountFrom: string | undefined) => Effect.Effect<A, Failure | Restart | SourceFailure<E>, Scope.Scope>,
  mountFrom?: string
): Effect.Effect<A, Failure | E> =>
  Effect.catchAll(
    Effect.scoped(once(mountFrom)),
    (error): Effect.Effect<A, Failure | E> =>
      error instanceof Restart
        ? tries(once)
        : Effect.fail(error instanceof SourceFailure ? error.error : error)
  )

const once = Effect.fnUntraced(function*<E>(
  upload: BlobUpload<E>,
  mount: Mount | undefined,
  gate: PutBlobOptions["gate"] = identity
) {
  const { blob, remote } = upload
  // An empty body is complete with its headers, so there is no holding back: the content is run before.
  if (blob.size === 0) yield* Stream.runDrain(upload.source(0))
  const session = yield* open(remote, Digest.algorithm(blob.digest), mount)
  if (session === undefined) return "Mounted" as const
  if (mount?.from === remote.name) remote.session.forgetBlob(remote.registry, remote.name, blob.digest)
  const { chunkSize } = hostOptions(remote)
  const size = Math.max(chunkSize ?? Infinity, session.minimum)
  // What a registry demands is held in memory only within reason; one PUT is no chunk and may have any size.
  const fits = size === chunkSize || size <= maxDemanded
  const send = fits && size < blob.size ? sendChunks(upload, session, size) : sendWhole(upload, session)
  yield* unlessArrived(upload, Effect.as(gate(send), blob))
  session.finished = true
  return "Uploaded" as const
})

/** Chunks of content whose length nobody knows: two of them are in memory at a time. */
const defaultChunkSize = 8 * 1024 * 1024

/** A blob whose digest and size come with its last byte. */
export const uploadBlob = (remote: Remote) =>
  Effect.fnUntraced(function*<E, R>(
    content: Stream.Stream<Uint8Array, E, R>,
    options?: { readonly algorithm?: Digest.Algorithm | undefined }
  ): Effect.fn.Return<Blob, Failure | E, R> {
    yield* base(remote)
    const algorithm = options?.algorithm ?? "sha256"
    const chunkSize = hostOptions(remote).chunkSize ?? defaultChunkSize
    const context = yield* Effect.context<R>()
    const source = () => Stream.provideContext(Stream.mapError(content, (error) => new SourceFailure(error)), context)
    const upload = begin(remote, source)
    const blob = yield* tries(() =>
      Effect.gen(function*() {
        const session = yield* open(remote, algorithm, undefined)
        // Without a mount there is always a session.
        if (session === undefined) return yield* Effect.dieMessage("a session without a mount was mounted")
        const size = Math.max(chunkSize, Math.min(session.minimum, maxDemanded))
        const sent = yield* unlessArrived(upload, sendUnknown(upload, session, size, algorithm))
        session.finished = true
        return sent
      })
    )
    remote.session.markBlob(remote.registry, remote.name, blob.digest)
    return blob
  })

/**
 * The mount alone (distribution-spec, "Mounting a blob from another repository"): false when the registry would rather
 * have the bytes.
 */
export const mountBlob = (remote: Remote) =>
  Effect.fnUntraced(function*(blob: Blob, from: string): Effect.fn.Return<boolean, Failure> {
    yield* base(remote)
    yield* checkBlob(blob)
    yield* checkName(from)
    const mounted = yield* mount(remote, blob.digest, from)
    if (mounted) remote.session.markBlob(remote.registry, remote.name, blob.digest)
    return mounted
  })
