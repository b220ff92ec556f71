/**
 * The end of a verification.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Expected, Hasher } from "../Digest.js"
import { DigestMismatch, SizeMismatch } from "../RegistryError.js"

/** Checks what a hasher has taken in: the size first, then the digest (image-spec, "Digests", "Verification"). */
export const conclude = (
  hasher: Hasher,
  expected: Expected,
  resource: string
): Effect.Effect<void, DigestMismatch | SizeMismatch> =>
  Effect.suspend((): Effect.Effect<void, DigestMismatch | SizeMismatch> => {
    if (expected.size !== undefined && hasher.size !== expected.size) {
      return new SizeMismatch({ resource, expected: expected.size, actual: hasher.size })
    }
    const actual = hasher.digest()
    return actual === expected.digest
      ? Effect.void
      : new DigestMismatch({ resource, expected: expected.digest, actual })
  })
