/**
 * A blob in chunks (distribution-spec, "Pushing a blob in chunks"): each in a PATCH, the last one in the closing PUT,
 * as ECR takes no empty one.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Digest from "../../Digest.js"
import type { Failure } from "../../Repository.js"
import { type Blob, pieces } from "./content.js"
import { withParameter } from "./location.js"
import { success, writeScopes } from "./remote.js"
import { acknowledged, advance, closed, lasting, type UploadSession } from "./session.js"
import {
  type BlobUpload,
  type Failed,
  progress,
  recover,
  Restart,
  settle,
  type SourceFailure,
  type Upload
} from "./uploading.js"

/** A chunk is in memory while it is sent, so that it can be sent again. */
export const sendChunks = <E>(
  upload: BlobUpload<E>,
  session: UploadSession,
  chunkSize: number
): Effect.Effect<void, Failure | Restart | SourceFailure<E>> =>
  Effect.suspend(() => {
    const { blob } = upload
    let position = 0
    return Stream.runForEach(pieces(upload.source(0), chunkSize), (bytes) => {
      const start = position
      position += bytes.byteLength
      return sendChunk(upload, session, { start, bytes, closing: position === blob.size ? blob : undefined })
    })
  })

/**
 * Content of unknown length, hashed on its way. The newest chunk is held back until there is another or it turns out to
 * be the last, which goes with the closing PUT.
 */
export const sendUnknown = <E>(
  upload: Upload<E>,
  session: UploadSession,
  chunkSize: number,
  algorithm: Digest.Algorithm
): Effect.Effect<Blob, Failure | Restart | SourceFailure<E>> =>
  Effect.suspend(() => {
    const hasher = Digest.makeHasher(algorithm)
    let held: Chunk = { start: 0, bytes: new Uint8Array(0), closing: undefined }
    const each = (bytes: Uint8Array) => {
      const before = held
      held = { start: hasher.size, bytes, closing: undefined }
      hasher.update(bytes)
      return before.bytes.byteLength === 0 ? Effect.void : sendChunk(upload, session, before)
    }
    return Stream.runForEach(pieces(upload.source(0), chunkSize), each).pipe(
      Effect.flatMap(() => {
        const blob = { digest: hasher.digest(), size: hasher.size }
        return Effect.as(sendLast(upload, session, held, blob), blob)
      })
    )
  })

interface Chunk {
  readonly start: number
  readonly bytes: Uint8Array
  /** The whole, of its last chunk. */
  readonly closing: Blob | undefined
}

const endOf = (chunk: Chunk): number => chunk.start + chunk.bytes.byteLength

/** The last chunk with the closing PUT; apart from it where a registry takes no PUT of the whole blob. */
const sendLast = <E>(
  upload: Upload<E>,
  session: UploadSession,
  last: Chunk,
  blob: Blob
): Effect.Effect<void, Failure | Restart> =>
  upload.fallback === "Patch" && last.start === 0
    ? Effect.zipRight(
      sendChunk(upload, session, last),
      // At the address that the PATCH left.
      Effect.suspend(() => sendChunk(upload, session, { start: blob.size, bytes: new Uint8Array(0), closing: blob }))
    )
    : sendChunk(upload, session, { ...last, closing: blob })

const sendChunk = <E>(
  upload: Upload<E>,
  session: UploadSession,
  chunk: Chunk,
  from = chunk.start,
  again = false
): Effect.Effect<void, Failure | Restart> => {
  const { closing } = chunk
  const bytes = chunk.bytes.subarray(from - chunk.start)
  const method = closing === undefined ? "PATCH" : "PUT"
  const request = upload.remote.transport.call({
    method,
    registry: upload.remote.registry,
    url: closing === undefined ? session.location : withParameter(session.location, "digest", closing.digest),
    scopes: writeScopes(upload.remote),
    headers: bytes.byteLength === 0 ? undefined : { "content-range": `${from}-${endOf(chunk) - 1}` },
    body: { _tag: "Bytes", bytes, contentType: "application/octet-stream" },
    // ECR answers a PATCH with 201, Google with 204.
    accept: success,
    replay: false
  }).pipe(
    // What a 2xx says of the range is not asked: ECR repeats that of the first chunk.
    Effect.tap((response): Effect.Effect<void, Failure> =>
      closing === undefined ? advance(session, response) : closed(session, response, closing.digest)
    )
  )
  // Its bytes are at hand, so what is left to send takes no time of the source's.
  return lasting(request, () => true).pipe(
    Effect.matchEffect({
      onFailure: (error) =>
        resume(upload, session, chunk, {
          method,
          error,
          again,
          completed: closing,
          whole: closing !== undefined && from === 0 && bytes.byteLength > 0
        }),
      onSuccess: (response) => {
        progress(upload, endOf(chunk))
        return closing === undefined ? Effect.void : settle(upload, session, response, closing)
      }
    })
  )
}

const resume = <E>(
  upload: Upload<E>,
  session: UploadSession,
  chunk: Chunk,
  failed: Failed
): Effect.Effect<void, Failure | Restart> =>
  Effect.flatMap(
    Effect.zipRight(recover(upload, session, failed), acknowledged(session)),
    (bytes) => {
      const end = endOf(chunk)
      if (bytes === undefined || bytes < chunk.start || bytes > end) return Effect.fail(new Restart(failed.error))
      progress(upload, bytes)
      return bytes === end && chunk.closing === undefined
        ? Effect.void
        : sendChunk(upload, session, chunk, bytes, true)
    }
  )
