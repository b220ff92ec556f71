/**
 * Trying again: which failures, when, and for how long.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import type * as RegistryConfig from "../../RegistryConfig.js"
import { type ErrorEntry, isRegistryError, type RegistryError, type TransportError } from "../../RegistryError.js"
import * as RegistryMetrics from "../../RegistryMetrics.js"
import { count } from "../metrics.js"
import { CurrentObserver } from "../observer.js"
import { rest } from "../place.js"
import { seconds } from "../text.js"
import { codeOf, isTransient, neverSent } from "./failure.js"

/** What makes a failure worth another try. */
export interface Retriable {
  /** A status or the reason of a `TransportError`. */
  readonly reason: string
  readonly code?: string | undefined
  readonly retryAfter: Duration.Duration | undefined
  /** Whether the registry may have acted on the request. */
  readonly acted: boolean
}

/** A try that failed: with a registry's error, or with that of the body's own source, which is never tried again. */
export interface Failed<E = never> {
  readonly cause: Cause.Cause<E | RegistryError>
  readonly retry: Retriable | undefined
}

/** @internal */
export const final = (error: RegistryError): Failed => ({ cause: Cause.fail(error), retry: undefined })

/** @internal */
export const fromTransport = (error: TransportError): Failed => ({
  cause: Cause.fail(error),
  retry: isTransient(error)
    ? { reason: error.reason, code: codeOf(error), retryAfter: undefined, acted: !neverSent(error) }
    : undefined
})

const transientStatuses = new Set([408, 429, 500, 502, 503, 504])
const transientCodes = new Set(["TOOMANYREQUESTS", "UNAVAILABLE"])

/** @internal */
export const isRateLimit = (status: number, errors: ReadonlyArray<ErrorEntry>): boolean =>
  status === 429 || errors.some((entry) => entry.code === "TOOMANYREQUESTS")

/**
 * Whether an answer is worth another try, by its status or by the codes in its body.
 *
 * @internal
 */
export const ofAnswer = (
  status: number,
  errors: ReadonlyArray<ErrorEntry>,
  retryAfter: Duration.Duration | undefined
): Retriable | undefined =>
  transientStatuses.has(status) || errors.some((entry) => transientCodes.has(entry.code))
    ? { reason: String(status), retryAfter, acted: !isRateLimit(status, errors) }
    : undefined

/**
 * `Retry-After`: seconds, with a fraction too, or an HTTP date (RFC 9110 §10.2.3). Undefined when it is neither, or in
 * the past.
 *
 * @internal
 */
export const parseRetryAfter = (text: string | undefined, now: number): Duration.Duration | undefined => {
  const trimmed = text?.trim()
  if (trimmed === undefined || trimmed === "") return undefined
  if (/^[0-9]{1,12}(?:\.[0-9]*)?$/.test(trimmed)) {
    const millis = Math.ceil(Number(trimmed) * 1000)
    return millis > 0 ? Duration.millis(millis) : undefined
  }
  // the three forms of an HTTP date begin with the day's name; Date.parse alone would take much else for a date
  const date = /^(?:mon|tue|wed|thu|fri|sat|sun)/i.test(trimmed) ? Date.parse(trimmed) : NaN
  return date > now ? Duration.millis(date - now) : undefined
}

/** @internal */
export interface Policy {
  readonly schedule: Schedule.Schedule<unknown, RegistryConfig.FailedTry>
  readonly maxRetryAfter: Duration.Duration
  readonly onRetry: (retry: RegistryConfig.Retry) => Effect.Effect<void>
}

/**
 * 0.5, 1, 2, 4, … seconds, at most 20, each 20 % more or less, so many times.
 *
 * @internal
 */
export const defaultSchedule = (retries: number): Schedule.Schedule<unknown, unknown> =>
  Schedule.exponential("500 millis").pipe(
    Schedule.modifyDelay((_, delay) => Duration.min(delay, Duration.seconds(20))),
    Schedule.jittered,
    Schedule.intersect(Schedule.recurs(retries))
  )

/** @internal */
export interface About {
  readonly registry: string
  readonly method: string
  /** Without its query. */
  readonly url: string
  /** Whether it may be sent again although the registry may have acted on it. */
  readonly replay: boolean
}

const whatFailed = <E>({ cause }: Failed<E>, { method, url }: About): string =>
  Option.match(Option.filter(Cause.failureOption(cause), isRegistryError), {
    onNone: () => `${method} ${url} failed`,
    onSome: ({ message }) => message
  })

/**
 * Runs the tries of a request until one succeeds, one fails for good, or the policy ends. Each try that is followed by
 * another is logged and offered to the policy's hook.
 *
 * @internal
 */
export const retrying = <A, E, R>(
  policy: Policy,
  about: About,
  attempt: Effect.Effect<A, Failed<E>, R>
): Effect.Effect<A, E | RegistryError, R> => {
  const from = (tries: number, state: unknown): Effect.Effect<A, E | RegistryError, R> =>
    Effect.catchAll(attempt, (failed) => {
      const retry = failed.retry
      if (retry === undefined || (retry.acted && !about.replay)) return Effect.failCause(failed.cause)
      const asked = retry.retryAfter
      if (asked !== undefined && Duration.greaterThan(asked, policy.maxRetryAfter)) {
        return Effect.failCause(failed.cause)
      }
      const { method, registry, url } = about
      const { code, reason } = retry
      const failedTry = { registry, method, url, attempt: tries, reason, code, retryAfter: asked }
      return Effect.flatMap(
        Clock.currentTimeMillis,
        (now) =>
          Effect.flatMap(policy.schedule.step(now, failedTry, state), ([next, _, decision]) => {
            if (ScheduleDecision.isDone(decision)) return Effect.failCause(failed.cause)
            // In whole milliseconds: after a fraction of one, TestClock fails to tell the time in nanoseconds.
            const own = Duration.millis(Math.max(0, Math.ceil(ScheduleIntervals.start(decision.intervals) - now)))
            const delay = asked === undefined ? own : Duration.max(own, asked)
            return Effect.logWarning(`${whatFailed(failed, about)}; next try in ${seconds(delay)}`)
              .pipe(
                Effect.annotateLogs({ registry, attempt: tries }),
                Effect.zipRight(Effect.map(CurrentObserver, (observer) => observer.onRetry({ ...failedTry, delay }))),
                Effect.zipRight(Effect.sync(() => count(RegistryMetrics.retries, 1, { registry }))),
                Effect.zipRight(policy.onRetry({ ...failedTry, delay })),
                Effect.zipRight(rest(Effect.sleep(delay))),
                Effect.zipRight(Effect.suspend(() => from(tries + 1, next)))
              )
          })
      )
    })
  return Effect.suspend(() => from(1, policy.schedule.initial))
}
