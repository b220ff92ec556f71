/**
 * The first request to a registry of which nothing is known goes alone: what comes of it, a challenge most often, spares
 * the others a refusal.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"

/**
 * Runs an effect, at once or when the one that went first is answered. It is handed what to call when an answer is there.
 * When the first one ends without, by failure or interruption, the next one is the first.
 *
 * @internal
 */
export type First = <A, E, R>(effect: (answered: () => void) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** @internal */
export const make = (): First => {
  let isKnown = false
  let underWay: Deferred.Deferred<void> | undefined

  const run: First = (effect) => Effect.suspend(() => isKnown ? effect(() => {}) : inTurn(effect))
  const inTurn: First = (effect) =>
    Effect.uninterruptibleMask((restore) => {
      if (underWay !== undefined) {
        return Effect.zipRight(restore(Deferred.await(underWay)), restore(run(effect)))
      }
      const mine = underWay = Deferred.unsafeMake<void>(FiberId.none)
      const answered = (): void => {
        isKnown = true
        Deferred.unsafeDone(mine, Effect.void)
      }
      const over = Effect.sync(() => {
        if (underWay === mine) underWay = undefined
        Deferred.unsafeDone(mine, Effect.void)
      })
      return Effect.ensuring(restore(effect(answered)), over)
    })
  return run
}
