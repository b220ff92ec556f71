/**
 * The places that a transfer takes at the registries it runs between.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import type * as Repository from "../../Repository.js"

/** Sessions have no names and no order of their own; all transfers must take their places in one order. */
const ranks = new WeakMap<Repository.Session, number>()
let last = 0

export const rankOf = (session: Repository.Session): number => {
  const known = ranks.get(session)
  if (known !== undefined) return known
  ranks.set(session, ++last)
  return last
}

/**
 * Holds a place at each registry while the effect runs. They are always taken in the same order, so that no two transfers
 * wait for each other.
 */
export const hold = <A, E, R>(
  ends: ReadonlyArray<Pick<Repository.Repository, "registry" | "session">>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const places = new Map(ends.map(({ registry, session }) => [`${rankOf(session)} ${registry}`, { registry, session }]))
  return [...places].sort(([a], [b]) => (a < b ? 1 : -1)).reduce(
    (inner, [, { registry, session }]) => session.transfer(registry, inner),
    effect
  )
}
