/**
 * A blob's bytes on their way into a registry.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Descriptor from "../../Descriptor.js"
import * as Digest from "../../Digest.js"
import { type DigestMismatch, type InvalidInput, SizeMismatch } from "../../RegistryError.js"
import { conclude } from "../conclude.js"
import { checkDigest, checkSize } from "../names.js"
import { scan } from "./scan.js"

export type Blob = Pick<Descriptor.Descriptor, "digest" | "size">

/**
 * The content, of which the bytes that complete its size come only after all of it was found right: a registry never
 * gets a whole body of wrong bytes, and nothing of content that fails at its very end. Without a hasher it is the
 * content that fails when its bytes are wrong; only their number is checked. The first `skip` bytes are hashed but left
 * out: the registry has them. `ended` is called before the last bytes are passed on.
 */
export const guarded = <E, R, E2>(
  content: Stream.Stream<Uint8Array, E, R>,
  blob: Blob,
  hasher: (() => Digest.Hasher) | undefined,
  skip: number,
  mapError: (error: E | DigestMismatch | SizeMismatch) => E2,
  ended: () => void = () => {}
): Stream.Stream<Uint8Array, E2, R> =>
  scan<E, R, DigestMismatch | SizeMismatch, E2>(content, () => {
    const resource = `blob ${blob.digest}`
    const hash = hasher?.()
    let size = 0
    let held = Chunk.empty<Uint8Array>()
    return {
      onChunk: (chunk) => {
        const passed: Array<Uint8Array> = []
        for (const bytes of chunk) {
          if (bytes.byteLength > 0) {
            const before = size
            const after = before + bytes.byteLength
            if (after > blob.size) {
              return { _tag: "Fail", error: new SizeMismatch({ resource, expected: blob.size, actual: after }) }
            }
            size = after
            hash?.update(bytes)
            const rest = before >= skip ? bytes : bytes.subarray(skip - before)
            if (rest.byteLength > 0) {
              if (after === blob.size) held = Chunk.of(rest)
              else passed.push(rest)
            }
          }
        }
        return { _tag: "Pass", chunk: Chunk.unsafeFromArray(passed) }
      },
      onEnd: () => {
        const verified = hash !== undefined
          ? conclude(hash, blob, resource)
          : size === blob.size
          ? Effect.void
          : Effect.fail(new SizeMismatch({ resource, expected: blob.size, actual: size }))
        return Effect.map(verified, () => {
          ended()
          return held
        })
      }
    }
  }, mapError)

/** Content that is there at once; without a hasher only its size is checked. */
export const verified = <E, R>(
  content: Effect.Effect<Uint8Array, E, R>,
  blob: Blob,
  hasher: (() => Digest.Hasher) | undefined
): Effect.Effect<Uint8Array, E | DigestMismatch | SizeMismatch, R> =>
  Effect.tap(content, (bytes): Effect.Effect<void, DigestMismatch | SizeMismatch> => {
    const resource = `blob ${blob.digest}`
    if (bytes.byteLength !== blob.size) {
      return new SizeMismatch({ resource, expected: blob.size, actual: bytes.byteLength })
    }
    const hash = hasher?.()
    hash?.update(bytes)
    return hash === undefined ? Effect.void : conclude(hash, blob, resource)
  })

/** The bytes in pieces of exactly `size`, the last one of what is left. */
export const pieces = <E, R>(
  content: Stream.Stream<Uint8Array, E, R>,
  size: number
): Stream.Stream<Uint8Array, E, R> =>
  scan<E, R, never, E>(content, () => {
    let piece = new Uint8Array(0)
    let filled = 0
    return {
      onChunk: (chunk) => {
        const full: Array<Uint8Array> = []
        for (const bytes of chunk) {
          let taken = 0
          while (taken < bytes.byteLength) {
            // A new buffer for each piece: the one before may still be on its way.
            if (filled === 0) piece = new Uint8Array(size)
            const part = bytes.subarray(taken, taken + size - filled)
            piece.set(part, filled)
            filled += part.byteLength
            taken += part.byteLength
            if (filled === size) {
              full.push(piece)
              filled = 0
            }
          }
        }
        return { _tag: "Pass", chunk: Chunk.unsafeFromArray(full) }
      },
      onEnd: () => Effect.succeed(filled === 0 ? Chunk.empty() : Chunk.of(piece.subarray(0, filled)))
    }
  }, (error) => error)

/** Whether a blob can be named and measured. */
export const checkBlob = (blob: Blob): Effect.Effect<Digest.Digest, InvalidInput> =>
  Effect.zipLeft(checkDigest(blob.digest), checkSize(blob.size))

/** A maker of hashers for a digest, or `InvalidInput` where the algorithm cannot be computed. */
export const hashers = (digest: Digest.Digest): Effect.Effect<() => Digest.Hasher, InvalidInput> =>
  Effect.map(
    Digest.hasherFor(digest),
    () => () => Digest.makeHasher(Digest.algorithm(digest) as Digest.Algorithm)
  )
