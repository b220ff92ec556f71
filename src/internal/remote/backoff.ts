/**
 * Waits between tries of a transfer. Single requests are tried again by the transport; this is for what takes several
 * of them: a download that goes on, an upload that starts over, a manifest that came damaged.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Failure } from "../../Repository.js"
import { CurrentObserver } from "../observer.js"
import { rest } from "../place.js"
import { seconds } from "../text.js"
import type { Remote } from "./remote.js"

const shortest = 250
const longest = 10_000
const defaultRetryAfter = Duration.seconds(60)

/** What failed, as those who are told of retries know it. */
export interface FailedStep {
  readonly method: string
  readonly url: string
  readonly reason: string
  /** What failed, in words; made of the others where it is not given. */
  readonly message?: string | undefined
  /** How long the registry asked to wait, when it did. */
  readonly retryAfter?: Duration.Duration | undefined
}

/** The step of an error that says which request it was; `otherwise` is for one that does not. */
export const stepOf = (error: Failure, otherwise: Pick<FailedStep, "method" | "url">): FailedStep => ({
  method: "method" in error ? error.method : otherwise.method,
  url: "url" in error ? error.url : otherwise.url,
  reason: error._tag === "TransportError" ? error.reason : "status" in error ? String(error.status) : error._tag,
  message: error.message,
  retryAfter: "retryAfter" in error ? error.retryAfter : undefined
})

/** Whether a registry asks for more time than it is given; `RegistryConfig.Options.maxRetryAfter` has the same default. */
export const asksTooMuch = ({ config }: Remote, { retryAfter }: FailedStep): boolean =>
  retryAfter !== undefined && Duration.greaterThan(retryAfter, config.maxRetryAfter ?? defaultRetryAfter)

/** Who waits for longer is told why. */
const noticeable = Duration.seconds(1)

/**
 * Tells that a step is tried again, and waits: for as long as given, or as the registry asked. `attempt` is which try of
 * the step it was that failed.
 */
export const again = (
  { config, registry, transport }: Remote,
  { message, method, reason, retryAfter, url }: FailedStep,
  attempt: number,
  wait: Duration.DurationInput
): Effect.Effect<void> => {
  const delay = Duration.max(wait, retryAfter ?? Duration.zero)
  const retry = { registry, method, url: transport.shown(registry, url), attempt, reason, retryAfter, delay }
  const log = Duration.lessThan(delay, noticeable) ? Effect.logDebug : Effect.logWarning
  return log(`${message ?? `${method} ${retry.url} failed (${reason})`}; going on in ${seconds(delay)}`).pipe(
    Effect.annotateLogs({ registry, attempt }),
    Effect.zipRight(Effect.map(CurrentObserver, (observer) => observer.onRetry(retry))),
    Effect.zipRight(config.onRetry?.(retry) ?? Effect.void),
    Effect.zipRight(Duration.toMillis(delay) === 0 ? Effect.void : rest(Effect.sleep(delay)))
  )
}

/** The same after so many failures in a row: twice as long each time, up to ten seconds, and never the same for two. */
export const pause = (remote: Remote, step: FailedStep, failures: number): Effect.Effect<void> =>
  Effect.flatMap(
    Random.nextRange(0.5, 1),
    (jitter) => again(remote, step, failures, Math.ceil(jitter * Math.min(longest, shortest * 2 ** (failures - 1))))
  )
