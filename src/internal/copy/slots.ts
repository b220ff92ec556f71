/**
 * The places that a transfer takes at the registries it runs between.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
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

/** A place that several work in together. It is given back while all of them rest. */
export interface Shared {
  /** Holds the place whenever it is needed; it does not end by itself. */
  readonly run: Effect.Effect<never>
  /** Gives the place back if all rest; to be called when one of them leaves. */
  readonly look: () => void
  /** Waits until the place is held. */
  readonly held: Effect.Effect<void>
  /** Runs a wait of one of them, who is marked as resting meanwhile; it ends when the place is held again. */
  readonly rest: <A, E, R>(
    mark: (isResting: boolean) => void,
    wait: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
}

/** `hold` takes the place for as long as an effect runs; `isIdle` says whether all rest. */
export const shared = (
  hold: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  isIdle: () => boolean
): Shared => {
  const signal = () => Deferred.unsafeMake<void>(FiberId.none)
  const give = (deferred: Deferred.Deferred<void>): void => Deferred.unsafeDone(deferred, Effect.void)
  let isHeld = false
  let taken = signal()
  let wanted = signal()
  let idle = signal()

  const look = (): void => {
    if (!isHeld || !isIdle()) return
    isHeld = false
    taken = signal()
    wanted = signal()
    give(idle)
  }
  const holding = hold(Effect.suspend(() => {
    isHeld = true
    idle = signal()
    give(taken)
    const until = idle
    // They may all have begun to rest while the place was waited for.
    look()
    return Deferred.await(until)
  }))
  const held = Effect.suspend(() => Deferred.await(taken))

  return {
    run: Effect.forever(Effect.zipRight(holding, Effect.suspend(() => Deferred.await(wanted)))),
    look,
    held,
    rest: (mark, wait) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          mark(true)
          look()
          return restore(wait).pipe(
            Effect.ensuring(Effect.sync(() => {
              mark(false)
              give(wanted)
            })),
            Effect.zipLeft(restore(held))
          )
        })
      )
  }
}
