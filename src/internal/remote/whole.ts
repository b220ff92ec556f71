/**
 * A blob in one streamed PUT (distribution-spec, "POST then PUT"), which goes on where the session stands when it is
 * cut; where a registry takes no such PUT, in one streamed PATCH and an empty PUT.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Failure } from "../../Repository.js"
import type { Body } from "../http/transport.js"
import { withParameter } from "./location.js"
import { success, writeScopes } from "./remote.js"
import { acknowledged, advance, closed, lasting, type UploadSession } from "./session.js"
import { type BlobUpload, type Failed, progress, recover, Restart, settle, SourceFailure } from "./uploading.js"

const contentType = "application/octet-stream"

const empty: Body = { _tag: "Bytes", bytes: new Uint8Array(0), contentType }

export const sendWhole = <E>(
  upload: BlobUpload<E>,
  session: UploadSession
): Effect.Effect<void, Failure | Restart | SourceFailure<E>> => send(upload, session, 0)

const send = <E>(
  upload: BlobUpload<E>,
  session: UploadSession,
  offset: number
): Effect.Effect<void, Failure | Restart | SourceFailure<E>> => {
  const { blob } = upload
  const { digest, size } = blob
  const closing = upload.fallback !== "Patch" || offset === size
  const method = closing ? "PUT" : "PATCH"
  let sent = false
  return Effect.flatMap(
    bodyOf(upload, offset, () => sent = true),
    (body) =>
      lasting(
        upload.remote.transport.call<SourceFailure<E>>({
          method,
          registry: upload.remote.registry,
          url: closing ? withParameter(session.location, "digest", digest) : session.location,
          scopes: writeScopes(upload.remote),
          headers: offset === 0 || offset === size ? undefined : { "content-range": `${offset}-${size - 1}` },
          body,
          accept: success,
          replay: false
        }).pipe(
          Effect.tap((response): Effect.Effect<void, Failure> =>
            closing ? closed(session, response, digest) : advance(session, response)
          )
        ),
        () => sent
      )
  ).pipe(
    Effect.matchEffect({
      onFailure: (error) =>
        error instanceof SourceFailure
          ? Effect.fail(error)
          : resume(upload, session, {
            method,
            error,
            again: offset > 0,
            completed: sent && closing ? blob : undefined,
            whole: closing && offset === 0 && size > 0
          }),
      onSuccess: (response) => {
        progress(upload, size)
        return closing ? settle(upload, session, response, blob) : send(upload, session, size)
      }
    })
  )
}

/** What is to be sent yet. `sent` is called when the last of it is about to go out. */
const bodyOf = <E>(
  { blob: { size }, source, whole }: BlobUpload<E>,
  offset: number,
  sent: () => void
): Effect.Effect<Body<SourceFailure<E>>, SourceFailure<E>> => {
  // Bytes that are all there were let go only after they had been verified: there is nothing left to run.
  if (offset === size) return Effect.sync(() => (sent(), empty))
  return whole === undefined
    ? Effect.succeed({ _tag: "Stream", content: source(offset, sent), contentType, length: size - offset })
    : Effect.map(whole, (bytes): Body => (sent(), { _tag: "Bytes", bytes: bytes.subarray(offset), contentType }))
}

/** On from what the registry has by its own account. Nothing counts as a lost session: its state is unknown then. */
const resume = <E>(
  upload: BlobUpload<E>,
  session: UploadSession,
  failed: Failed
): Effect.Effect<void, Failure | Restart | SourceFailure<E>> =>
  Effect.flatMap(
    Effect.zipRight(recover(upload, session, failed), acknowledged(session)),
    (bytes) => {
      if (bytes === undefined || bytes === 0 || bytes > upload.blob.size) return Effect.fail(new Restart(failed.error))
      progress(upload, bytes)
      return send(upload, session, bytes)
    }
  )
