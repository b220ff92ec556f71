/**
 * Looks at the bytes of a stream on their way.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** What becomes of a chunk: it is passed on, or the stream fails. */
export type Step<E> =
  | { readonly _tag: "Pass"; readonly chunk: Chunk.Chunk<Uint8Array> }
  | { readonly _tag: "Fail"; readonly error: E }

export interface Scanner<E> {
  /** Called for each chunk, synchronously: an effect for each would cost a third of the throughput. */
  readonly onChunk: (chunk: Chunk.Chunk<Uint8Array>) => Step<E>
  /** Called when the bytes end by themselves; what it gives is passed on last. */
  readonly onEnd: () => Effect.Effect<Chunk.Chunk<Uint8Array>, E>
}

/**
 * The stream with a scanner of its own for each run. Pull by pull, so that it is a single layer over the stream, errors
 * included.
 */
export const scan = <E, R, E2, E3>(
  stream: Stream.Stream<Uint8Array, E, R>,
  make: () => Scanner<E2>,
  mapError: (error: E | E2) => E3
): Stream.Stream<Uint8Array, E3, R> =>
  Stream.fromPull(Effect.map(Stream.toPull(stream), (pull) => {
    type Next = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<E3>, R>
    const scanner = make()
    let hasEnded = false
    const fail = (error: E | E2) => Effect.fail(Option.some(mapError(error)))
    const next: Next = Effect.suspend((): Next =>
      hasEnded ? Effect.fail(Option.none()) : Effect.matchEffect(pull, {
        onSuccess: (chunk): Next => {
          const step = scanner.onChunk(chunk)
          if (step._tag === "Fail") return fail(step.error)
          return Chunk.isEmpty(step.chunk) ? next : Exit.succeed(step.chunk)
        },
        onFailure: Option.match({
          onSome: (error): Next => fail(error),
          onNone: () => {
            hasEnded = true
            return Effect.matchEffect(scanner.onEnd(), {
              onSuccess: (last): Next => Chunk.isEmpty(last) ? next : Exit.succeed(last),
              onFailure: (error): Next => fail(error)
            })
          }
        })
      })
    )
    return next
  }))
