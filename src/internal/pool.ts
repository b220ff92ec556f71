/**
 * Places that are taken in turn.
 *
 * Instead of Effect's semaphore, which wakes everybody who waits each time that a permit comes back: all but one wait
 * again, each with more stack than before, so that hundreds of them cost time and memory by their square.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"

export interface Places {
  readonly window: number
  readonly taken: number
  readonly waiting: number
}

export interface Pool {
  /** Runs an effect when there is a place for it, first come first served. */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** After enough of these there is one more place, up to as many as there were in the beginning. */
  readonly grow: () => void
  /** Half as many places, but at least one. */
  readonly shrink: () => void
  readonly places: () => Places
}

export const make = (most: number): Pool => {
  // A Set, because who is interrupted leaves from the middle.
  const queue = new Set<Deferred.Deferred<void>>()
  let window = most
  let taken = 0

  const pump = (): void => {
    for (const next of queue) {
      if (taken >= Math.floor(window)) return
      queue.delete(next)
      taken++
      Deferred.unsafeDone(next, Effect.void)
    }
  }
  const give = Effect.sync(() => {
    taken--
    pump()
  })

  return {
    run: (effect) =>
      Effect.uninterruptibleMask((restore) => {
        const then = Effect.suspend(() => Effect.ensuring(restore(effect), give))
        if (queue.size === 0 && taken < Math.floor(window)) {
          taken++
          return then
        }
        const turn = Deferred.unsafeMake<void>(FiberId.none)
        queue.add(turn)
        return restore(Deferred.await(turn)).pipe(
          // Who is not in the queue any more was given a place, and did not live to use it.
          Effect.onInterrupt(() => queue.delete(turn) ? Effect.void : give),
          Effect.zipRight(then)
        )
      }),
    grow: () => {
      if (window >= most) return
      window = Math.min(most, window + 1 / window)
      pump()
    },
    shrink: () => {
      window = Math.max(1, window / 2)
    },
    places: () => ({ window: Math.floor(window), taken, waiting: queue.size })
  }
}
