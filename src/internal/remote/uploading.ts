/**
 * One upload through all its tries, and what to do when one of them fails.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { UnexpectedStatus } from "../../RegistryError.js"
import type { Failure } from "../../Repository.js"
import type { Response } from "../http/transport.js"
import { again as tryAgain, asksTooMuch, pause, stepOf } from "./backoff.js"
import { hasBlob } from "./blobs.js"
import type { Blob } from "./content.js"
import { isStatus, type Remote, retries } from "./remote.js"
import { invalid, refused, type UploadSession } from "./session.js"

/** Steps of one upload that may fail, however far each of them gets. */
const maxSteps = 1000

export interface Upload<E> {
  readonly remote: Remote
  /** The content, without its first bytes; run anew for each try. `ended` is called before the last of it goes out. */
  readonly source: (skip: number, ended?: () => void) => Stream.Stream<Uint8Array, SourceFailure<E>>
  /** Off once a registry was wrong about how much it has (ECR). */
  resumable: boolean
  /** Failures in a row without progress between them. */
  failures: number
  /** The most bytes that a registry has acknowledged. */
  furthest: number
  steps: number
  /** The registry has found the bytes wrong once, or the session, or has not kept what it took. */
  refused: boolean
  /**
   * What goes when a PUT of the whole blob has been answered 404, as some set-ups of Artifactory do: all bytes in a PATCH
   * and an empty PUT behind it, until that fails as well. An empty closing PUT is refused by ECR, hence not always.
   */
  fallback: "Unused" | "Patch" | "Failed"
  /** What the registry may have, as all of it was sent and no answer said otherwise. */
  unsure: Blob | undefined
}

/** An upload of which digest and size are known before. */
export interface BlobUpload<E> extends Upload<E> {
  readonly blob: Blob
  /** All of the content at once, where it is given so. */
  readonly whole: Effect.Effect<Uint8Array, SourceFailure<E>> | undefined
}

export const begin = <E>(remote: Remote, source: Upload<E>["source"]): Upload<E> => ({
  remote,
  source,
  resumable: true,
  failures: 0,
  furthest: 0,
  steps: 0,
  refused: false,
  fallback: "Unused",
  unsure: undefined
})

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

/** An answer that says nothing of the request: the registry's own trouble, or a proxy's. */
const isTrouble = (error: UnexpectedStatus): boolean => error.status === 408 || error.status >= 500

const hasCode = (error: UnexpectedStatus, codes: RegExp): boolean => error.errors.some(({ code }) => codes.test(code))

/**
 * What a failed step leaves: an end, a session to ask, or no session. Content guarantees its own digest: a registry that
 * finds another one got bytes that were damaged on the way, or put them together wrongly, for which it has one more try.
 */
const verdict = <E>(upload: Upload<E>, error: Failure): "Final" | "Ask" | "Restart" => {
  if (error._tag === "TransportError") {
    return error.reason === "TooLarge" || error.reason === "Redirect" || error.reason === "Tls" ? "Final" : "Ask"
  }
  if (error._tag !== "UnexpectedStatus") return "Final"
  if (isTrouble(error)) return "Ask"
  if (error.status === 416) return "Ask"
  if (error.status === 404 || hasCode(error, /^(?:BLOB_UPLOAD_UNKNOWN|RANGE_INVALID)$/)) return "Restart"
  if (error.status !== 413 && !upload.refused && hasCode(error, /^(?:DIGEST|SIZE|BLOB_UPLOAD)_INVALID$/)) {
    upload.refused = true
    return "Restart"
  }
  return "Final"
}

/** The error in an upload's own terms. */
const worded = (error: Failure): Failure =>
  error._tag === "UnexpectedStatus" && !isTrouble(error) ? refused(error) : error

/** Notes that the registry has so many bytes. */
export const progress = <E>(upload: Upload<E>, bytes: number): void => {
  if (bytes <= upload.furthest) return
  upload.furthest = bytes
  upload.failures = 0
}

/** A step that failed. */
export interface Failed {
  readonly method: "PATCH" | "PUT"
  readonly error: Failure
  /** It went on from another one's failure, so that a refusal may be due to a wrong offset. */
  readonly again: boolean
  /** The blob that it would have completed: the last of its bytes had been handed out. */
  readonly completed: Blob | undefined
  /** It was a PUT of all bytes, and there were some. */
  readonly whole: boolean
}

/**
 * What follows a failed step: the error when there is no more to try, `Restart` when this session is lost, or, after a
 * wait, success: the session may be asked.
 */
export const recover = <E>(
  upload: Upload<E>,
  session: UploadSession,
  failed: Failed
): Effect.Effect<void, Failure | Restart> => {
  const { again, completed, error, method } = failed
  // Without the code for it, it need not be the session that is not found, which is cancelled then.
  if (isStatus(error, 404)) session.finished = isLost(error)
  if (fallsBack(upload, failed)) {
    return Effect.zipRight(
      tryAgain(upload.remote, stepOf(error, { method, url: session.location }), 1, 0),
      Effect.fail(new Restart(worded(error)))
    )
  }
  const doubtful = again && isRefusal(error)
  const outcome = doubtful ? "Restart" : verdict(upload, error)
  if (outcome === "Final") return Effect.fail(worded(error))
  if (doubtful) upload.resumable = false
  if (outcome === "Ask" && completed !== undefined) upload.unsure = completed
  return Effect.zipRight(
    waitAfter(upload, session, failed),
    outcome === "Ask" && upload.resumable ? Effect.void : Effect.fail(new Restart(worded(error)))
  )
}

/** Whether the registry says that it does not have the session. */
const isLost = (error: Failure): boolean => error._tag === "UnexpectedStatus" && hasCode(error, /^BLOB_UPLOAD_UNKNOWN$/)

const isRefusal = (error: Failure): boolean => error._tag === "UnexpectedStatus" && !isTrouble(error)

/**
 * Whether a failed step is the first PUT of the whole blob that is 404. It is no failure yet: there is another way. A
 * lost session says nothing about the way, unless the session before it was lost as well.
 */
const fallsBack = <E>(upload: Upload<E>, { error, method, whole }: Failed): boolean => {
  if (isLost(error) && upload.failures === 0) return false
  if (upload.fallback === "Unused" && whole && isStatus(error, 404)) {
    upload.fallback = "Patch"
    return true
  }
  if (upload.fallback === "Patch" && isRefusal(error) && (method === "PUT" || isStatus(error, 404))) {
    upload.fallback = "Failed"
  }
  return false
}

/** Counts a failed step and waits before what follows, or fails with its error after too many. */
const waitAfter = <E>(
  upload: Upload<E>,
  session: UploadSession,
  { error, method }: Pick<Failed, "error" | "method">
): Effect.Effect<void, Failure> => {
  upload.failures++
  upload.steps++
  const step = stepOf(error, { method, url: session.location })
  return upload.failures > retries(upload.remote) || upload.steps > maxSteps || asksTooMuch(upload.remote, step)
    ? Effect.fail(worded(error))
    : pause(upload.remote, step, upload.failures)
}

/**
 * What follows a closing PUT that was answered with a success. A HEAD decides about one that is not 201, as a registry, or
 * what stands before it, may say so without having stored anything. Where there is no blob, all is sent once more.
 */
export const settle = <E>(
  upload: Upload<E>,
  session: UploadSession,
  response: Response,
  blob: Blob
): Effect.Effect<void, Failure | Restart> =>
  session.finished ? Effect.void : Effect.flatMap(hasBlob(upload.remote)(blob.digest, { size: blob.size }), (there) => {
    if (there) {
      session.finished = true
      return Effect.void
    }
    upload.unsure = undefined
    const error = invalid("PUT", response, "the registry does not have the blob after this answer, which is not 201")
    if (upload.refused) return Effect.fail(error)
    upload.refused = true
    return Effect.zipRight(waitAfter(upload, session, { method: "PUT", error }), Effect.fail(new Restart(error)))
  })

/**
 * Before all bytes are moved again because a session is lost: one HEAD, when the registry may have taken them although
 * its answer was. Gives the blob that is there.
 */
export const unlessArrived = <E, A extends Blob, E2>(
  upload: Upload<E>,
  send: Effect.Effect<A, E2 | Restart>
): Effect.Effect<A | Blob, E2 | Restart> =>
  Effect.catchAll(send, (error) => {
    const { remote, unsure } = upload
    if (!(error instanceof Restart) || unsure === undefined) return Effect.fail(error)
    upload.unsure = undefined
    return Effect.flatMap(
      Effect.orElseSucceed(hasBlob(remote)(unsure.digest, { size: unsure.size }), () => false),
      (there) => there ? Effect.succeed(unsure) : Effect.fail(error)
    )
  })
