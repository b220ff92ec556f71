/**
 * Work that several wait for: it runs once, and goes on when one of them stops waiting.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

export interface Shared<A, E> {
  readonly begin: Effect.Effect<unknown>
  /** Begins as well. */
  readonly result: Effect.Effect<A, E>
}

/** An effect that runs once, in a fiber of the scope, from when it is first wanted. */
export const make = <A, E>(scope: Scope.Scope, effect: Effect.Effect<A, E>): Shared<A, E> => {
  const deferred = Deferred.unsafeMake<A, E>(FiberId.none)
  let hasBegun = false
  // Uninterruptible: between the mark and the fork, an interruption of one who waits would leave the others waiting.
  const begin = Effect.uninterruptible(Effect.suspend(() => {
    if (hasBegun) return Effect.void
    hasBegun = true
    return Effect.forkIn(Effect.intoDeferred(Effect.interruptible(effect), deferred), scope)
  }))
  return { begin, result: Effect.zipRight(begin, Deferred.await(deferred)) }
}

/** The same for each key. */
export const byKey = <K, A, E>(scope: Scope.Scope) => {
  const all = new Map<K, Shared<A, E>>()
  return (key: K, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      let one = all.get(key)
      if (one === undefined) all.set(key, one = make(scope, effect))
      return one.result
    })
}
