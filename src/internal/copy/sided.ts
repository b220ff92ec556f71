/**
 * Failures of a copy, with the side they happened on, until they become a `CopyError`.
 *
 * @internal
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Side } from "../../OperationError.js"
import type { Failure } from "../../Repository.js"

export class Sided extends Data.TaggedError("Sided")<{
  readonly side: Side
  readonly cause: Failure
  /** It was the source's root that could not be read. */
  readonly isRoot: boolean
}> {}

export const make = (side: Side, cause: Failure): Sided => new Sided({ side, cause, isRoot: false })

export const source = <A, R>(effect: Effect.Effect<A, Failure, R>): Effect.Effect<A, Sided, R> =>
  Effect.mapError(effect, (cause) => make("source", cause))

export const root = <A, R>(effect: Effect.Effect<A, Failure, R>): Effect.Effect<A, Sided, R> =>
  Effect.mapError(effect, (cause) => new Sided({ side: "source", cause, isRoot: true }))

/** For a write whose content comes from the source: what failed there is known already. */
export const destination = <A, R>(effect: Effect.Effect<A, Failure | Sided, R>): Effect.Effect<A, Sided, R> =>
  Effect.mapError(effect, (cause) => cause._tag === "Sided" ? cause : make("destination", cause))
