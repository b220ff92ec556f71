/**
 * A blob in chunks: each in a PATCH, the last one in the closing PUT, as ECR takes no empty one.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Failure } from "../../Repository.js"
import { pieces } from "./content.js"
import { withParameter } from "./location.js"
import { push, success } from "./remote.js"
import { acknowledged, advance, checkDigest, type UploadSession } from "./session.js"
import { progress, recover, Restart, type SourceFailure, type Upload } from "./uploading.js"

/** A chunk is in memory while it is sent, so that it can be sent again. */
export const sendChunks = <E>(
  upload: Upload<E>,
  session: UploadSession,
  chunkSize: number
): Effect.Effect<void, Failure | Restart | SourceFailure<E>> =>
  Effect.suspend(() => {
    let position = 0
    return Stream.runForEach(pieces(upload.source(0), chunkSize), (bytes) => {
      const chunk: Chunk = { start: position, end: position + bytes.byteLength, bytes }
      position = chunk.end
      return send(upload, session, chunk, chunk.start, false)
    })
  })

interface Chunk {
  readonly start: number
  readonly end: number
  readonly bytes: Uint8Array
}

const send = <E>(
  upload: Upload<E>,
  session: UploadSession,
  chunk: Chunk,
  from: number,
  again: boolean
): Effect.Effect<void, Failure | Restart> => {
  const { digest, size } = upload.blob
  const last = chunk.end === size
  const bytes = chunk.bytes.subarray(from - chunk.start)
  return upload.remote.transport.execute({
    method: last ? "PUT" : "PATCH",
    registry: upload.remote.registry,
    url: last ? withParameter(session.location, "digest", digest) : session.location,
    scopes: push(upload.remote.name),
    headers: bytes.byteLength === 0 ? undefined : { "content-range": `${from}-${chunk.end - 1}` },
    body: { _tag: "Bytes", bytes, contentType: "application/octet-stream" },
    // ECR answers a PATCH with 201, Google with 204.
    accept: success,
    replay: false
  }).pipe(
    Effect.scoped,
    // What a 2xx says of the range is not asked: ECR repeats that of the first chunk.
    Effect.flatMap((response): Effect.Effect<void, Failure> =>
      last ? checkDigest(response, digest) : advance(session, response)
    ),
    Effect.tap(() => Effect.sync(() => progress(upload, chunk.end))),
    Effect.catchAll((error) => resume(upload, session, chunk, error, again))
  )
}

const resume = <E>(
  upload: Upload<E>,
  session: UploadSession,
  chunk: Chunk,
  error: Failure,
  again: boolean
): Effect.Effect<void, Failure | Restart> =>
  Effect.flatMap(
    Effect.zipRight(recover(upload, session, error, again), acknowledged(session)),
    (bytes) => {
      if (bytes === undefined || bytes < chunk.start || bytes > chunk.end) return Effect.fail(new Restart(error))
      progress(upload, bytes)
      return bytes === chunk.end && chunk.end < upload.blob.size
        ? Effect.void
        : send(upload, session, chunk, bytes, true)
    }
  )
