/**
 * A clock that goes by turns of the event loop and not by the wall: ten milliseconds each. Waits are short, and what has
 * a time-out gets its turns first however busy the machine is, as long as all that is waited for is in this process.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const perTurn = 10

interface Timer {
  readonly at: number
  readonly ring: () => void
}

const make: Effect.Effect<Clock.Clock, never, Scope.Scope> = Effect.gen(function*() {
  let now = Date.parse("2026-01-01T00:00:00Z")
  const timers = new Set<Timer>()
  const set = (delay: number, ring: () => void) => {
    const timer = { at: now + delay, ring }
    timers.add(timer)
    return () => timers.delete(timer)
  }
  const turn = Effect.async<void>((resume) => {
    setTimeout(() => {
      now += perTurn
      for (const timer of [...timers].sort((a, b) => a.at - b.at)) {
        if (timer.at > now) break
        timers.delete(timer)
        timer.ring()
      }
      resume(Effect.void)
    }, 0)
  })
  yield* Effect.forkScoped(Effect.forever(turn))
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => now,
    unsafeCurrentTimeNanos: () => BigInt(now) * 1_000_000n,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    scheduler: Effect.succeed({
      unsafeSchedule: (task: () => void, duration: Duration.Duration) => set(Duration.toMillis(duration), task)
    }),
    sleep: (duration: Duration.Duration) =>
      Effect.async<void>((resume) => {
        const cancel = set(Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(cancel)
      })
  } as Clock.Clock
})

/** Runs an effect by such a clock. */
export const byTurns = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.scoped(Effect.flatMap(make, (clock) => Effect.withClock(effect, clock))) as Effect.Effect<A, E, R>
