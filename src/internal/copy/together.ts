/**
 * Several things at once.
 *
 * @internal
 */
import * as Effect from "effect/Effect"

/** `Effect.forEach` for all items at once; one alone needs no fibers for that. */
export const together = <A, B, E, R>(
  items: ReadonlyArray<A>,
  each: (item: A, index: number) => Effect.Effect<B, E, R>
): Effect.Effect<ReadonlyArray<B>, E, R> =>
  items.length > 1 ? Effect.forEach(items, each, { concurrency: "unbounded" }) : Effect.forEach(items, each)
