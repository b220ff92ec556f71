import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import * as Digest from "../../../src/Digest.js"
import { guarded, hashers, pieces, verified } from "../../../src/internal/remote/content.js"
import { blobOf, collect } from "./scripted.js"

const parts = FastCheck.array(FastCheck.uint8Array({ maxLength: 40 }), { maxLength: 12 })
const join = (all: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(all))
const stream = (all: ReadonlyArray<Uint8Array>, size: number) => Stream.fromIterable(all).pipe(Stream.rechunk(size))

describe("content", () => {
  it.effect.prop(
    "guarded: lets right content through, without what is to be skipped",
    [parts, FastCheck.nat(500), FastCheck.integer({ min: 1, max: 4 })],
    ([all, skip, chunk]) =>
      Effect.gen(function*() {
        const whole = join(all)
        const out = yield* collect(
          guarded(stream(all, chunk), blobOf(whole), () => Digest.makeHasher(), skip, (e) => e)
        )
        assert.deepStrictEqual(Array.from(out), Array.from(whole.subarray(Math.min(skip, whole.byteLength))))
      })
  )

  it.effect.prop(
    "guarded: lets never as many bytes of wrong content through as the blob has",
    [parts, FastCheck.uint8Array({ minLength: 1, maxLength: 300 })],
    ([all, right]) =>
      Effect.gen(function*() {
        const blob = blobOf(right)
        if (blob.digest === Digest.fromBytes(join(all))) return
        let passed = 0
        const error = yield* guarded(stream(all, 1), blob, () => Digest.makeHasher(), 0, (e) => e).pipe(
          Stream.runForEach((bytes) => Effect.sync(() => passed += bytes.byteLength)),
          Effect.flip
        )
        assert.isTrue(error._tag === "DigestMismatch" || error._tag === "SizeMismatch")
        assert.isBelow(passed, blob.size)
      })
  )

  it.effect("guarded: lets the last bytes of what it does not hash through only when there are as many as there should be", () =>
    Effect.gen(function*() {
      const right = new Uint8Array([1, 2, 3, 4])
      for (const actual of [3, 5]) {
        let passed = 0
        const bytes = stream(Array.from({ length: actual }, () => right.subarray(0, 1)), 1)
        const error = yield* guarded(bytes, blobOf(right), undefined, 0, (e) => e).pipe(
          Stream.runForEach((bytes) => Effect.sync(() => passed += bytes.byteLength)),
          Effect.flip
        )
        assert.deepInclude(error, { _tag: "SizeMismatch", expected: 4, actual })
        assert.strictEqual(passed, 3)
      }
    }))

  it.effect.prop(
    "pieces: are of exactly the size but for the last, and lose nothing",
    [parts, FastCheck.integer({ min: 1, max: 64 }), FastCheck.integer({ min: 1, max: 4 })],
    ([all, size, chunk]) =>
      Effect.gen(function*() {
        const out = Chunk.toReadonlyArray(yield* Stream.runCollect(pieces(stream(all, chunk), size)))
        assert.deepStrictEqual(Array.from(join(out)), Array.from(join(all)))
        assert.isTrue(out.slice(0, -1).every((piece) => piece.byteLength === size))
        assert.isTrue(out.every((piece) => piece.byteLength > 0 && piece.byteLength <= size))
      })
  )

  it.effect("verified: lets bytes through that have the size and, where there is a hasher, the digest", () =>
    Effect.gen(function*() {
      const right = new Uint8Array([1, 2, 3])
      const blob = blobOf(right)
      const hasher = () => Digest.makeHasher()
      const run = (bytes: ReadonlyArray<number>, ...[by]: [] | [typeof hasher]) =>
        Effect.either(verified(Effect.succeed(new Uint8Array(bytes)), blob, by))
      assert.deepStrictEqual(yield* run([1, 2, 3], hasher), Either.right(right))
      assert.deepStrictEqual(yield* run([1, 2, 3]), Either.right(right))
      // Whose hash is known already is measured only.
      assert.deepStrictEqual(yield* run([3, 2, 1]), Either.right(new Uint8Array([3, 2, 1])))
      for (const bytes of [[], [1, 2], [1, 2, 3, 4]]) {
        for (const result of [yield* run(bytes), yield* run(bytes, hasher)]) {
          assert.deepInclude(Either.getOrThrow(Either.flip(result)), {
            _tag: "SizeMismatch",
            expected: 3,
            actual: bytes.length
          })
        }
      }
      assert.deepInclude(Either.getOrThrow(Either.flip(yield* run([3, 2, 1], hasher))), {
        _tag: "DigestMismatch",
        expected: blob.digest
      })
    }))

  it.effect("hashers: refuses an algorithm that cannot be computed", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(hashers(`blake3:${"0".repeat(64)}` as Digest.Digest))
      assert.strictEqual(error._tag, "InvalidInput")
      const make = yield* hashers(Digest.fromBytes(new Uint8Array(1), "sha512"))
      assert.match(make().digest(), /^sha512:/)
      assert.notStrictEqual(make(), make())
    }))
})
