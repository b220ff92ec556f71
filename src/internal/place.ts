/**
 * The place that work holds while it runs, and that it gives back while it only waits.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"

export interface Place {
  /** Runs a wait, without the place where that is possible; it is held again at the end. */
  readonly rest: <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export class CurrentPlace extends Context.Reference<CurrentPlace>()("effect-oci/internal/CurrentPlace", {
  defaultValue: (): Place => ({ rest: identity })
}) {}

/** A wait, such as that before another try, during which others may work. */
export const rest = <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(CurrentPlace, (place) => place.rest(wait))
