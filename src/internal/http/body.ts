/**
 * Bodies of answers: watched for stalls, read up to a limit, and cleared away when nobody reads them.
 *
 * @internal
 */
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { TransportError } from "../../RegistryError.js"
import { concat } from "../bytes.js"
import { failure, fromPlatform, tooLarge } from "./failure.js"
import * as Pace from "./pace.js"
import type { Pull } from "./transport.js"

/** What the messages of a body's failures name. */
interface About {
  readonly method: string
  /** As errors may show it. */
  readonly url: string
}

/**
 * The body of an answer, with errors that hold no request, and with a `Timeout` when a pull takes longer than the idle
 * time-out, or the whole comes slower than the floor rate. The time that the consumer takes does not count.
 *
 * One watchdog fiber for the whole body looks at a timestamp and, when nothing moves, aborts the request, so that the
 * pull that waits fails. A timer or a fiber for each chunk would halve the throughput.
 *
 * @internal
 */
export const watched = (
  about: About,
  limits: Pace.Limits,
  { abort, response }: { readonly response: HttpClientResponse; readonly abort: Effect.Effect<void> }
): Effect.Effect<Pull, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    const pull = yield* Stream.toPull(response.stream)
    const pace = Pace.make(limits)
    let reason: string | undefined = undefined

    const look: Effect.Effect<void> = Effect.suspend(() => {
      const now = clock.unsafeCurrentTimeMillis()
      const rest = pace.rest(now)
      if (rest > 0) return Effect.zipRight(Effect.sleep(Duration.millis(rest)), look)
      reason = pace.reason(now)
      return abort
    })
    yield* Effect.forkScoped(Effect.interruptible(look))

    const next = Effect.suspend(() => {
      pace.begin(clock.unsafeCurrentTimeMillis())
      return pull
    })
    return Effect.matchCauseEffect(next, {
      onFailure: (cause) => {
        pace.end(clock.unsafeCurrentTimeMillis())
        // Whatever a client makes of being aborted.
        if (reason !== undefined) return Effect.fail(Option.some(stalled(about, reason, "reading the body")))
        return Effect.failCause(
          Cause.map(cause, Option.map((error) => fromPlatform(about.method, about.url, error)))
        )
      },
      onSuccess: (chunk) => {
        let bytes = 0
        for (const part of chunk) bytes += part.length
        pace.end(clock.unsafeCurrentTimeMillis(), bytes)
        return Exit.succeed(chunk)
      }
    })
  })

/** @internal */
export const stalled = (about: About, reason: string, doing: string): TransportError =>
  failure(about.method, about.url, "Timeout", `${reason} while ${doing}`)

/** The length that an answer declares, if what comes is what was declared. */
export const declaredLength = (headers: Readonly<Record<string, string | undefined>>): number | undefined => {
  const text = headers["content-length"]
  if (text === undefined || !/^[0-9]{1,15}$/.test(text)) return undefined
  const encoding = headers["content-encoding"]
  // fetch decodes the body and leaves the length of the encoded one
  return encoding === undefined || encoding === "" || encoding === "identity" ? Number(text) : undefined
}

/**
 * The whole body of an answer, of which a small one may be there already. Fails with `TooLarge` as soon as the limit is
 * passed, with `Reset` when less comes than was declared.
 *
 * @internal
 */
export const whole = (
  about: About,
  limits: Pace.Limits,
  arrival: Answered,
  limit: number
): Effect.Effect<Uint8Array, TransportError> =>
  collect(
    about,
    arrival.headers,
    arrival.bytes === undefined ? watched(about, limits, arrival) : ofBytes(arrival.bytes),
    limit
  )

/** What a body is read from. */
interface Answered {
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly response: HttpClientResponse
  readonly bytes: Uint8Array | undefined
  readonly abort: Effect.Effect<void>
}

/**
 * `whole`, of a body that is pulled.
 *
 * @internal
 */
export const collect = (
  about: About,
  headers: Readonly<Record<string, string | undefined>>,
  body: Effect.Effect<Pull, never, Scope.Scope>,
  limit: number
): Effect.Effect<Uint8Array, TransportError> =>
  Effect.suspend(() => {
    const length = about.method === "HEAD" ? undefined : declaredLength(headers)
    const refuse = (found: number) => Effect.fail(tooLarge(about.method, about.url, limit, found))
    if (length !== undefined && length > limit) return refuse(length)
    const parts: Array<Uint8Array> = []
    let size = 0
    // Pulled by hand: a Stream round it would cost more than all else that a small body needs.
    const readAll = (pull: Pull): Effect.Effect<void, TransportError> =>
      Effect.matchEffect(pull, {
        onFailure: (end) => Option.isNone(end) ? Effect.void : Effect.fail(end.value),
        onSuccess: (chunk) => {
          for (const part of chunk) {
            size += part.length
            if (size > limit) return refuse(size)
            parts.push(part)
          }
          return readAll(pull)
        }
      })
    return Effect.scoped(Effect.flatMap(body, readAll)).pipe(
      Effect.flatMap(() =>
        length !== undefined && size < length
          ? Effect.fail(failure(about.method, about.url, "Reset", `the body ended after ${size} of ${length} bytes`))
          : Effect.sync(() => concat(parts))
      )
    )
  })

/**
 * The pull of a body that is there already.
 *
 * @internal
 */
export const ofBytes = (bytes: Uint8Array): Effect.Effect<Pull> =>
  Effect.sync(() => {
    let given = bytes.length === 0
    return Effect.suspend(() => {
      if (given) return Effect.fail(Option.none())
      given = true
      return Effect.succeed(Chunk.of(bytes))
    })
  })

/** What is read for the sake of the connection, and for how long at most. */
const leftoverBytes = 64 * 1024
const leftoverTime = Duration.seconds(1)

/**
 * Reads what little is left of a body that nobody wants, so that its connection can be used again. Whatever is large or
 * slow is given up: closing the scope of the request aborts it. By the machine's clock, because it is housekeeping that
 * no schedule of the caller should wait for.
 *
 * @internal
 */
export const drain = (
  method: string,
  headers: Readonly<Record<string, string | undefined>>,
  self: Stream.Stream<Uint8Array, unknown>
): Effect.Effect<void> => {
  const length = headers["content-length"]
  // Without a body the answer is over with its headers, as most answers to an upload are.
  if (method === "HEAD" || (length !== undefined && (length === "0" || Number(length) > leftoverBytes))) {
    return Effect.void
  }
  let size = 0
  return self.pipe(
    // First of all: running a stream forks, as a timeout does, and Effect logs how a fiber fails. The platform's errors
    // hold the whole address, with a signature in its query.
    Stream.catchAllCause(() => Stream.empty),
    Stream.takeWhile((part) => {
      size += part.length
      return size <= leftoverBytes
    }),
    Stream.runDrain,
    Effect.interruptible,
    Effect.timeoutOption(leftoverTime),
    Effect.withClock(Clock.make()),
    Effect.exit,
    Effect.asVoid
  )
}

/**
 * When the scope closes in success, clears away a body that was not touched.
 *
 * @internal
 */
export const drainOnClose = (scope: Scope.Scope, untouched: () => boolean, clear: Effect.Effect<void>) =>
  Scope.addFinalizerExit(scope, (exit) => Exit.isSuccess(exit) && untouched() ? clear : Effect.void)
