/**
 * Bytes that came in parts, in one piece.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Descriptor } from "../Descriptor.js"
import type { BlobContent, Failure, Repository } from "../Repository.js"

/** The parts in an array of its own; `Buffer.concat` would give a view of a pool that others write to. */
export const concat = (parts: Iterable<Uint8Array>): Uint8Array => {
  let size = 0
  for (const part of parts) size += part.byteLength
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.byteLength
  }
  return all
}

/** All of a stream. It is for content whose size is known to be bounded. */
export const collect = <E, R>(content: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Uint8Array, E, R> =>
  Effect.map(Stream.runCollect(content), concat)

/** Content as a stream, whichever way it was given. */
export const streamOf = <E, R>(content: BlobContent<E, R>): Stream.Stream<Uint8Array, E, R> =>
  Effect.isEffect(content) ? Stream.fromEffect(content) : content

/** All of a blob, which is known to be small. */
export const readBlob = (
  repository: Pick<Repository, "getBlob" | "readBlob">,
  blob: Pick<Descriptor, "digest" | "size">
): Effect.Effect<Uint8Array, Failure> => repository.readBlob?.(blob) ?? collect(repository.getBlob(blob))
