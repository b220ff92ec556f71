/**
 * How much one registry is asked at once: places for small requests and for transfers, fewer of them after the registry
 * said that it was too much, and pauses that it asked for.
 *
 * @internal
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { rest } from "../place.js"
import * as Pool from "../pool.js"

/** @internal */
export interface Limiter {
  /**
   * Runs one sending when the registry may be asked. What is small takes one of the places, whoever came first; what is
   * not only obeys the pauses. `attempt` is handed what tells how the registry took it, to be called with its answer.
   */
  readonly request: <A, E, R>(
    isSmall: boolean,
    attempt: (tell: (verdict: Verdict) => Effect.Effect<void>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
  /** Runs what moves a body when there is a place for it. */
  readonly transfer: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** For tests: places that there are now, and that are taken. */
  readonly places: () => { readonly small: Pool.Places; readonly transfers: Pool.Places }
}

/** How a registry took a request: well, or as one too many, with the wait that it asked for. */
export type Verdict =
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "TooMany"; readonly retryAfter: Duration.Duration | undefined }

/**
 * `concurrency` transfers at once, and twice as many small requests.
 *
 * @internal
 */
export const make = (concurrency: number, maxPause: Duration.Duration): Limiter => {
  const small = Pool.make(2 * concurrency)
  const transfers = Pool.make(concurrency)
  /** When the pause ends, by each clock that one was asked for under: two clocks have no time in common. */
  const pauses = new WeakMap<Clock.Clock, number>()
  let everPaused = false
  /** How often the windows have been halved: what was under way before does not halve them again. */
  let halvings = 0

  /** Waits out a pause; `wait` is put round each wait. */
  const paused = (wait: (sleep: Effect.Effect<void>) => Effect.Effect<void>): Effect.Effect<void> =>
    Effect.clockWith((clock) => {
      const left = (pauses.get(clock) ?? 0) - clock.unsafeCurrentTimeMillis()
      return left > 0 ? Effect.zipRight(wait(clock.sleep(Duration.millis(left))), paused(wait)) : Effect.void
    })

  const accepted = Effect.sync(() => {
    small.grow()
    transfers.grow()
  })
  const taken = (before: number) => (verdict: Verdict): Effect.Effect<void> =>
    verdict._tag === "Accepted" ? accepted : Effect.clockWith((clock) => {
      if (before === halvings) {
        halvings++
        small.shrink()
        transfers.shrink()
      }
      const { retryAfter } = verdict
      if (retryAfter !== undefined && Duration.lessThanOrEqualTo(retryAfter, maxPause)) {
        const until = clock.unsafeCurrentTimeMillis() + Duration.toMillis(retryAfter)
        pauses.set(clock, Math.max(pauses.get(clock) ?? 0, until))
        everPaused = true
      }
      return Effect.void
    })

  return {
    request: (isSmall, attempt) => {
      const now = Effect.suspend(() => attempt(taken(halvings)))
      // A small request holds its place through a pause, so that no more than there are places go on at its end.
      const wait = isSmall ? identity : rest
      const paced = Effect.suspend(() => everPaused ? Effect.zipRight(paused(wait), now) : now)
      return isSmall ? small.run(paced) : paced
    },
    transfer: transfers.run,
    places: () => ({ small: small.places(), transfers: transfers.places() })
  }
}
