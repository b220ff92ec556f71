/**
 * One upload through all its tries, and what to do when one of them fails.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Failure } from "../../Repository.js"
import { pause } from "./backoff.js"
import type { Blob } from "./content.js"
import { type Remote, retries } from "./remote.js"
import { refused, type UploadSession } from "./session.js"

/** Steps of one upload that may fail, however far each of them gets. */
const maxSteps = 1000

export interface Upload<E> {
  readonly remote: Remote
  /** How messages name it. */
  readonly resource: string
  /** The content, without its first bytes; run anew for each try. */
  readonly source: (skip: number) => Stream.Stream<Uint8Array, SourceFailure<E>>
  /** Off once a registry was wrong about how much it has (ECR). */
  resumable: boolean
  /** Failures in a row without progress between them. */
  failures: number
  /** The most bytes that a registry has acknowledged. */
  furthest: number
  steps: number
}

/** An upload of which digest and size are known before. */
export interface BlobUpload<E> extends Upload<E> {
  readonly blob: Blob
  readonly chunkSize: number | undefined
}

/** The content itself failed: the fault is not the registry's, and another try is not for us to decide. */
export class SourceFailure<E> {
  readonly _tag = "SourceFailure"
  constructor(readonly error: E) {}
}

/** The session is of no more use; a new one may be. */
export class Restart {
  readonly _tag = "Restart"
  constructor(readonly cause: Failure) {}
}

/** What a failed step leaves: an end, a session to ask, or no session. */
const verdict = (error: Failure): "Final" | "Ask" | "Restart" => {
  if (error._tag === "TransportError") {
    return error.reason === "TooLarge" || error.reason === "Redirect" || error.reason === "Tls" ? "Final" : "Ask"
  }
  if (error._tag !== "UnexpectedStatus") return "Final"
  if (error.status === 408 || error.status === 416 || error.status >= 500) return "Ask"
  const lost = error.errors.some(({ code }) => /^(?:BLOB_UPLOAD_UNKNOWN|RANGE_INVALID)$/.test(code))
  return error.status === 404 || lost ? "Restart" : "Final"
}

/** The error in an upload's own terms. */
const worded = (error: Failure): Failure =>
  error._tag === "UnexpectedStatus" && error.status < 500 && error.status !== 408 ? refused(error) : error

/** Notes that the registry has so many bytes. */
export const progress = <E>(upload: Upload<E>, bytes: number): void => {
  if (bytes <= upload.furthest) return
  upload.furthest = bytes
  upload.failures = 0
}

/**
 * What follows a failed step: the error when there is no more to try, `Restart` when this session is lost, or, after a
 * wait, success: the session may be asked. `again` says that the step itself went on from another one's failure, so
 * that a refusal may be due to a wrong offset.
 */
export const recover = <E>(
  upload: Upload<E>,
  session: UploadSession,
  error: Failure,
  again: boolean
): Effect.Effect<void, Failure | Restart> => {
  const outcome = verdict(error)
  const doubtful = again && error._tag === "UnexpectedStatus" && error.status < 500 && error.status !== 408
  if (outcome === "Final" && !doubtful) return Effect.fail(worded(error))
  if (error._tag === "UnexpectedStatus" && error.status === 404) session.finished = true
  if (doubtful) upload.resumable = false
  upload.failures++
  upload.steps++
  if (upload.failures > retries(upload.remote) || upload.steps > maxSteps) return Effect.fail(worded(error))
  return Effect.logDebug(`the upload of ${upload.resource} is tried again: ${error.message}`).pipe(
    Effect.zipRight(pause(upload.failures)),
    Effect.zipRight(
      outcome === "Ask" && upload.resumable ? Effect.void : Effect.fail(new Restart(worded(error)))
    )
  )
}
