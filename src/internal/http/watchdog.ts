/**
 * Looks after all requests that are under way, in one fiber, and ends those in which nothing moves.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"

/** @internal */
export interface Watchdog {
  /**
   * Runs an effect, which can be ended even where the caller cannot be interrupted. It fails with `stalled` when none of
   * the milliseconds are left that `rest` tells; in time these may become more, but never fewer than pass.
   */
  readonly guard: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    rest: (now: number) => number
  ) => Effect.Effect<A, E | "stalled", R>
}

interface Guarded {
  readonly rest: (now: number) => number
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  isStalled: boolean
}

/**
 * Each effect has `least` milliseconds at its beginning, or more: the watchdog sleeps no longer than that.
 *
 * @internal
 */
export const make = (least: number): Watchdog => {
  const all = new Set<Guarded>()
  let watching: Fiber.RuntimeFiber<void> | undefined

  const watch: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    let soonest = Infinity
    for (const each of all) {
      const rest = each.rest(now)
      if (rest > 0) soonest = Math.min(soonest, rest)
      else if (!each.isStalled) {
        each.isStalled = true
        each.fiber.unsafeInterruptAsFork(FiberId.none)
      }
    }
    if (soonest < Infinity) return Effect.zipRight(Effect.sleep(Duration.millis(Math.min(soonest, least))), watch)
    watching = undefined
    return Effect.void
  })

  const begin = Effect.suspend(() =>
    watching !== undefined ? Effect.void : Effect.flatMap(Effect.forkDaemon(Effect.interruptible(watch)), (fiber) => {
      if (watching !== undefined) return Fiber.interruptFork(fiber)
      watching = fiber
      return Effect.void
    })
  )
  // A timer of its own would keep the process from ending.
  const end = Effect.suspend(() => {
    if (all.size > 0 || watching === undefined) return Effect.void
    const fiber = watching
    watching = undefined
    return Fiber.interruptFork(fiber)
  })

  return {
    guard: <A, E, R>(effect: Effect.Effect<A, E, R>, rest: (now: number) => number) =>
      Effect.uninterruptibleMask((restore) =>
        // As an exit: Effect logs the failures of fibers, and those of HTTP clients hold the request with its secrets.
        Effect.flatMap(Effect.fork(Effect.interruptible(Effect.exit(effect))), (fiber) => {
          const it: Guarded = { rest, fiber, isStalled: false }
          all.add(it)
          return Effect.zipRight(begin, restore(Fiber.await(fiber))).pipe(
            Effect.onInterrupt(() => Fiber.interrupt(fiber)),
            Effect.ensuring(Effect.suspend(() => {
              all.delete(it)
              return end
            })),
            Effect.flatMap(Exit.flatten),
            Effect.catchAllCause((cause): Effect.Effect<never, E | "stalled"> =>
              // Whatever a client makes of the interruption.
              it.isStalled ? Effect.fail("stalled") : Effect.failCause(cause)
            )
          )
        })
      )
  }
}
