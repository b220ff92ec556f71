/**
 * An upload session: opened by a POST, led on by the newest `Location`, cancelled unless it came to its end.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Digest from "../../Digest.js"
import { DigestMismatch, type RegistryError, type UnexpectedStatus, UploadInvalid } from "../../RegistryError.js"
import type { Failure } from "../../Repository.js"
import type { Request, Response } from "../http/transport.js"
import { pause, stepOf } from "./backoff.js"
import { resolveOwn, withParameter } from "./location.js"
import { contentDigest } from "./manifests.js"
import { orMissing } from "./missingRepository.js"
import { base, pull, type Remote, retries, success, writeScopes } from "./remote.js"

/** How long a cancellation may take: an interrupted copy is to be over within a second. */
const patience = "450 millis"

/** How long an answer is waited for that nobody wants any more, before the cancellation. */
const grace = "300 millis"

export interface UploadSession {
  readonly remote: Remote
  /** The newest address that the registry gave. */
  location: string
  /** Closed by a PUT, or gone: there is nothing to cancel. */
  finished: boolean
  /** Bytes that all chunks but the last must have at least (distribution-spec, "Pushing a blob in chunks"). */
  readonly minimum: number
}

export const invalid = (
  method: Request["method"],
  response: Pick<Response, "status" | "shown">,
  reason: string
): UploadInvalid => new UploadInvalid({ method, url: response.shown, status: response.status, errors: [], reason })

/** The error of an answer that ends the upload, with the reason in words. */
export const refused = (error: UnexpectedStatus): UploadInvalid => {
  const { errors, method, status, url } = error
  const has = (code: string) => errors.some((entry) => entry.code === code)
  const reason = has("DIGEST_INVALID")
    ? "the registry finds another digest than the one announced"
    : has("SIZE_INVALID")
    ? "the registry finds another size than the one announced"
    : status === 413
    ? "the registry, or a proxy before it, takes no body of this size; upload in chunks (chunkSize)"
    : status === 416
    ? "the registry takes no bytes at this offset, or no chunk of this size"
    : "the registry refuses the blob"
  return new UploadInvalid({ method, url, status, errors, reason })
}

/** A blob that may be had from another repository instead. */
export interface Mount {
  readonly digest: Digest.Digest
  readonly from: string
}

/** The address that opens a session, and what it may have to do. */
const openingUrl = (path: string, algorithm: string, mount: Mount | undefined): string => {
  const uploads = `${path}/blobs/uploads/`
  const url = mount === undefined
    ? uploads
    : withParameter(withParameter(uploads, "mount", mount.digest), "from", mount.from)
  return algorithm === "sha256" ? url : withParameter(url, "digest-algorithm", algorithm)
}

/** A POST that opens a session, or mounts the blob at once (undefined). */
const post = (
  remote: Remote,
  algorithm: string,
  mount: Mount | undefined
): Effect.Effect<UploadSession | undefined, Failure, Scope.Scope> =>
  Effect.flatMap(base(remote), (path) =>
    // To open a second session after a lost answer does no harm: the first expires.
    remote.transport.call({
      method: "POST",
      registry: remote.registry,
      url: openingUrl(path, algorithm, mount),
      scopes: mount === undefined || mount.from === remote.name
        ? writeScopes(remote)
        : [...writeScopes(remote), ...pull(mount.from)],
      accept: success,
      replay: true
    })).pipe(
      orMissing(remote),
      Effect.flatMap((response): Effect.Effect<UploadSession | undefined, RegistryError> => {
        if (mount !== undefined && response.status === 201) {
          return Effect.as(checkDigest(response, mount.digest), undefined)
        }
        const location = resolveOwn(response.headers["location"] ?? "", response.url)
        if (location === undefined) {
          return Effect.fail(
            invalid("POST", response, "the registry opened no session: its Location is missing or bad")
          )
        }
        const minimum = Number(response.headers["oci-chunk-min-length"] ?? 0)
        return Effect.succeed({
          remote,
          location,
          finished: false,
          minimum: Number.isSafeInteger(minimum) && minimum > 0 ? minimum : 0
        })
      })
    )

/**
 * The tries of a POST that is answered 200 without a session, which is no answer to it: Quay's health check
 * ("Healthcheck requested") may stand before the registry for a while.
 */
const insistent = <A, R>(
  remote: Remote,
  post: Effect.Effect<A, Failure, R>,
  failures = 1
): Effect.Effect<A, Failure, R> =>
  Effect.catchAll(post, (error) =>
    error._tag === "UploadInvalid" && error.status === 200 && failures <= retries(remote)
      ? Effect.zipRight(
        // Nothing is under way meanwhile, so that there is no answer to wait for when it is interrupted.
        Effect.interruptible(pause(remote, stepOf(error, error), failures)),
        insistent(remote, post, failures + 1)
      )
      : Effect.fail(error))

/** A digest in the answer that is of the same algorithm must be the blob's. */
export const checkDigest = (response: Response, expected: Digest.Digest): Effect.Effect<void, DigestMismatch> => {
  const told = contentDigest(response)
  return Option.isSome(told) && told.value !== expected &&
      Digest.algorithm(told.value) === Digest.algorithm(expected)
    ? Effect.fail(new DigestMismatch({ resource: `blob ${expected}`, expected, actual: told.value }))
    : Effect.void
}

/**
 * Notes that a closing PUT was answered with a success. Only 201 says that the blob is stored (distribution-spec,
 * "Pushing blobs"): the session is over then.
 */
export const closed = (
  session: UploadSession,
  response: Response,
  digest: Digest.Digest
): Effect.Effect<void, DigestMismatch> =>
  Effect.map(checkDigest(response, digest), () => {
    if (response.status === 201) session.finished = true
  })

/**
 * Cancels the session (distribution-spec, "Cancel a blob upload"). Whatever comes of it, the upload's own outcome
 * stands.
 */
const cancel = (session: UploadSession): Effect.Effect<void> =>
  Effect.suspend(() =>
    session.finished ? Effect.void : session.remote.transport.call({
      method: "DELETE",
      registry: session.remote.registry,
      url: session.location,
      scopes: writeScopes(session.remote),
      accept: [...success, 404],
      replay: false
    }).pipe(
      // Nor is a connection waited for that takes its time to let go.
      Effect.disconnect,
      Effect.interruptible,
      Effect.timeout(patience),
      // In a fiber of its own: what has been interrupted cannot send a request that may be interrupted.
      Effect.forkDaemon,
      Effect.flatMap(Fiber.await),
      Effect.asVoid
    )
  )

/** Waits for the end of a fiber, but not for longer, whether what waits can be interrupted or not. */
const awaitWithin = (fiber: Fiber.Fiber<unknown, unknown>, time: Duration.DurationInput) =>
  // Interruptible, or the timeout would wait for what it gives up; a fiber begins as uninterruptible as its parent.
  Effect.flatMap(Effect.forkDaemon(Effect.timeout(Effect.interruptible(Fiber.await(fiber)), time)), Fiber.await)

/**
 * A request that carries bytes, and what follows from its answer. When it is interrupted after the last of them went
 * out, the answer is waited for a little longer: a PUT leaves a blob then and no session, and a PATCH the only address
 * at which a registry may still take the DELETE. distribution 2.8 (docker-registry) answers it 404 at any older one,
 * and at every one after a body that was cut.
 */
export const lasting = <A, E>(request: Effect.Effect<A, E>, isSent: () => boolean): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDaemon(Effect.interruptible(request)),
      (fiber) =>
        Effect.onInterrupt(restore(Fiber.join(fiber)), () =>
          Effect.zipRight(
            Effect.suspend(() => isSent() ? awaitWithin(fiber, grace) : Effect.void),
            Fiber.interrupt(fiber)
          ))
    )
  )

/**
 * A POST whose answer is waited for a little longer when nobody wants it any more: a session that nobody has heard of
 * cannot be cancelled.
 */
const answered = <A, E, R>(post: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.forkDaemon(Effect.interruptible(post)), (fiber) =>
    Effect.interruptible(Fiber.join(fiber)).pipe(
      Effect.onInterrupt(() => awaitWithin(fiber, patience)),
      Effect.catchAllCause((cause): Effect.Effect<A, E> =>
        Cause.isInterruptedOnly(cause)
          ? Effect.flatMap(
            Fiber.poll(fiber),
            Option.match({
              onNone: () => Effect.zipRight(Fiber.interruptFork(fiber), Effect.failCause(cause)),
              onSome: (exit) => exit
            })
          )
          : Effect.failCause(cause)
      )
    ))

/** A session of the scope, or undefined when the blob was mounted. */
const opening = (
  remote: Remote,
  algorithm: string,
  mount: Mount | undefined
): Effect.Effect<UploadSession | undefined, Failure, Scope.Scope> =>
  Effect.uninterruptible(Effect.tap(
    insistent(remote, answered(post(remote, algorithm, mount))),
    (session) => session === undefined ? Effect.void : Effect.addFinalizer(() => cancel(session))
  ))

/**
 * A session of the scope, or undefined when the blob was mounted (distribution-spec, "Mounting a blob from another
 * repository"). A mount that is declined goes on in the session that came instead; one that fails is forgotten and a
 * plain session opened.
 */
export const open = (
  remote: Remote,
  algorithm: string,
  mount: Mount | undefined
): Effect.Effect<UploadSession | undefined, Failure, Scope.Scope> => {
  const plain = opening(remote, algorithm, undefined)
  return mount === undefined ? plain : Effect.catchAll(opening(remote, algorithm, mount), () => {
    remote.session.forgetBlob(remote.registry, mount.from, mount.digest)
    return plain
  })
}

/** The mount alone. A refusal of any kind, also for want of rights to the other repository (Harbor), is a no. */
export const mount = (
  remote: Remote,
  digest: Digest.Digest,
  from: string
): Effect.Effect<boolean, Failure> =>
  opening(remote, Digest.algorithm(digest), { digest, from }).pipe(
    Effect.map((session) => session === undefined),
    Effect.scoped,
    Effect.catchIf(
      (error) =>
        error._tag === "Denied" || error._tag === "Unauthorized" || error._tag === "NotFound" ||
        (error._tag === "UnexpectedStatus" && error.status < 500),
      () => {
        remote.session.forgetBlob(remote.registry, from, digest)
        return Effect.succeed(false)
      }
    )
  )

/** The answer's `Location`, when it has a new one. */
export const advance = (session: UploadSession, response: Response): Effect.Effect<void, UploadInvalid> => {
  const header = response.headers["location"]
  if (header === undefined) return Effect.void
  const location = resolveOwn(header, response.url)
  if (location === undefined) {
    return Effect.fail(invalid("PATCH", response, "the Location of the session is not an address"))
  }
  session.location = location
  return Effect.void
}

/**
 * How many bytes the registry has by its own account, or undefined when the session is gone or does not say.
 * `0-0`, which stands for one byte as well as for none, counts as none.
 */
export const acknowledged = (session: UploadSession): Effect.Effect<number | undefined> =>
  session.remote.transport.call({
    method: "GET",
    registry: session.remote.registry,
    url: session.location,
    scopes: writeScopes(session.remote),
    accept: success,
    replay: true
  }).pipe(
    Effect.flatMap((response) => Effect.as(advance(session, response), rangeEnd(response.headers["range"]))),
    Effect.catchAll((error) => {
      if (error._tag === "UnexpectedStatus" && error.status === 404) session.finished = true
      return Effect.succeed(undefined)
    })
  )

const rangeEnd = (header: string | undefined): number | undefined => {
  const last = /^(?:bytes[= ])?0-([0-9]{1,15})$/.exec(header?.trim() ?? "")?.[1]
  return last === undefined ? undefined : last === "0" ? 0 : Number(last) + 1
}
