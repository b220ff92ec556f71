/**
 * Small pieces of a stream put together to larger ones: a write of 64 KiB costs nearly what one of 1 MiB does.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { concat } from "./bytes.js"

const mebibyte = 1024 * 1024

/** Writes a stream in large pieces. When it breaks off, what had come is written before the failure is told. */
export const writeInPieces = <E, E2, R>(
  content: Stream.Stream<Uint8Array, E, R>,
  write: (bytes: Uint8Array) => Effect.Effect<void, E2>,
  size: number = mebibyte
): Effect.Effect<void, E | E2, R> =>
  Effect.suspend(() => {
    let parts: Array<Uint8Array> = []
    let length = 0
    const take = (): Uint8Array => {
      const [first] = parts
      const all = first !== undefined && parts.length === 1 ? first : concat(parts)
      parts = []
      length = 0
      return all
    }
    const rest = Effect.suspend(() => length === 0 ? Effect.void : write(take()))
    return Stream.mapChunks(content, (chunk) => {
      Chunk.forEach(chunk, (part) => {
        parts.push(part)
        length += part.byteLength
      })
      return length < size ? Chunk.empty<Uint8Array>() : Chunk.of(take())
    }).pipe(
      Stream.runForEach(write),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Effect.ignore(rest)),
      Effect.zipRight(rest)
    )
  })
