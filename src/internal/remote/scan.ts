/**
 * Looks at the bytes of a stream on their way.
 *
 * @internal
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
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

/** The stream with a scanner of its own for each run, as a single layer over it. */
export const scan = <E, R, E2>(
  stream: Stream.Stream<Uint8Array, E, R>,
  make: () => Scanner<E2>
): Stream.Stream<Uint8Array, E | E2, R> =>
  Stream.suspend(() => {
    const scanner = make()
    type Loop = Channel.Channel<Chunk.Chunk<Uint8Array>, Chunk.Chunk<Uint8Array>, E | E2, E, unknown, unknown>
    const loop: Loop = Channel.readWithCause({
      onInput: (chunk: Chunk.Chunk<Uint8Array>): Loop => {
        const step = scanner.onChunk(chunk)
        switch (step._tag) {
          case "Pass":
            return Chunk.isEmpty(step.chunk) ? loop : Channel.flatMap(Channel.write(step.chunk), () => loop)
          case "Fail":
            return Channel.fail(step.error)
        }
      },
      onFailure: (cause): Loop => Channel.failCause(cause),
      onDone: (): Loop => Channel.flatMap(Channel.fromEffect(Effect.suspend(scanner.onEnd)), Channel.write)
    })
    return Stream.pipeThroughChannel(stream, loop)
  })
