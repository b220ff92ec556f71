/**
 * Looks after all requests that are under way, in one fiber, and ends those in which nothing moves.
 *
 * @internal
 */
import type * as Clock from "effect/Clock"
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

/** What runs under one clock. */
interface Watch {
  readonly all: Set<Guarded>
  watching: Fiber.RuntimeFiber<void> | undefined
}

/**
 * Each effect has `least` milliseconds at its beginning, or more: the watchdog sleeps no longer than that.
 *
 * Effects that run under different clocks, as those of a test and of what it prepared before, have a fiber each: one
 * that sleeps by a clock that stands still would see nothing of the others.
 *
 * @internal
 */
export const make = (least: number): Watchdog => {
  const watches = new Map<Clock.Clock, Watch>()

  const watchOf = (clock: Clock.Clock): Watch => {
    let known = watches.get(clock)
    if (known === undefined) watches.set(clock, known = { all: new Set(), watching: undefined })
    return known
  }

  const look = (watch: Watch, clock: Clock.Clock): Effect.Effect<void> =>
    Effect.suspend(() => {
      const now = clock.unsafeCurrentTimeMillis()
      let soonest = Infinity
      for (const each of watch.all) {
        const rest = each.rest(now)
        if (rest > 0) soonest = Math.min(soonest, rest)
        else if (!each.isStalled) {
          each.isStalled = true
          each.fiber.unsafeInterruptAsFork(FiberId.none)
        }
      }
      if (soonest < Infinity) {
        return Effect.zipRight(clock.sleep(Duration.millis(Math.min(soonest, least))), look(watch, clock))
      }
      watch.watching = undefined
      return Effect.void
    })

  const begin = (watch: Watch, clock: Clock.Clock) =>
    Effect.suspend(() =>
      watch.watching !== undefined
        ? Effect.void
        : Effect.flatMap(Effect.forkDaemon(Effect.interruptible(look(watch, clock))), (fiber) => {
          if (watch.watching !== undefined) return Fiber.interruptFork(fiber)
          watch.watching = fiber
          return Effect.void
        })
    )
  // A timer of its own would keep the process from ending.
  const end = (watch: Watch, clock: Clock.Clock) =>
    Effect.suspend(() => {
      if (watch.all.size > 0) return Effect.void
      if (watches.get(clock) === watch) watches.delete(clock)
      const fiber = watch.watching
      watch.watching = undefined
      return fiber === undefined ? Effect.void : Fiber.interruptFork(fiber)
    })

  return {
    guard: <A, E, R>(effect: Effect.Effect<A, E, R>, rest: (now: number) => number) =>
      Effect.uninterruptibleMask((restore) =>
        // As an exit: Effect logs the failures of fibers, and those of HTTP clients hold the request with its secrets.
        Effect.flatMap(
          Effect.zip(Effect.clock, Effect.fork(Effect.interruptible(Effect.exit(effect)))),
          ([clock, fiber]) => {
            const it: Guarded = { rest, fiber, isStalled: false }
            const watch = watchOf(clock)
            watch.all.add(it)
            return Effect.zipRight(begin(watch, clock), restore(Fiber.await(fiber))).pipe(
              Effect.onInterrupt(() => Fiber.interrupt(fiber)),
              Effect.ensuring(Effect.suspend(() => {
                watch.all.delete(it)
                return end(watch, clock)
              })),
              Effect.flatMap(Exit.flatten),
              Effect.catchAllCause((cause): Effect.Effect<never, E | "stalled"> =>
                // Whatever a client makes of the interruption.
                it.isStalled ? Effect.fail("stalled") : Effect.failCause(cause)
              )
            )
          }
        )
      )
  }
}
