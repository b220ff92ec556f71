import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Digest from "../src/Digest.js"

const bytes = (text: string) => new TextEncoder().encode(text)
const hex = "0123456789abcdef".repeat(4)
const emptyObject = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
const abc512 = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
const collect = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Buffer.concat([...chunks]).toString())

describe("Digest.parse", () => {
  it.each([
    `sha256:${hex}`,
    `sha512:${hex}${hex}`,
    `blake3:${hex}`,
    "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
    "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "a.b_c-d:="
  ])("takes %s", (input) => {
    assert.isTrue(Digest.isDigest(input))
    const digest = Option.getOrThrow(Digest.parse(input))
    assert.strictEqual(`${Digest.algorithm(digest)}:${Digest.encoded(digest)}`, input)
  })

  it.each([
    "",
    "sha256",
    "sha256:",
    ":abc",
    `sha256:${hex.slice(1)}`,
    `sha256:${hex}0`,
    `sha256:${hex.toUpperCase()}`,
    `sha512:${hex}`,
    `blake3:${hex}00`,
    `SHA256:${hex}`,
    `sha256:${hex}\n`,
    ` sha256:${hex}`,
    `sha256::${hex}`,
    "md5:a/b",
    "md5:../x",
    "../x:abc",
    "a..b:abc",
    "+a:abc",
    "md5:ä",
    `md5:${"a".repeat(600)}`
  ])("refuses %j", (input) => {
    assert.isFalse(Digest.isDigest(input))
    assert.isTrue(Option.isNone(Digest.parse(input)))
  })

  it("refuses what is no string", () => {
    for (const input of [null, undefined, 5, [`sha256:${hex}`], {}]) assert.isFalse(Digest.isDigest(input as never))
  })

  it("says so in the schema's error", () => {
    const result = Schema.decodeUnknownEither(Digest.Digest)(`sha256:\u001b[31m${"x".repeat(10_000)}`)
    if (result._tag === "Right") return assert.fail("accepted")
    assert.include(result.left.message, "is not a digest")
    assert.isAtMost(result.left.message.length, 300)
    assert.notInclude(result.left.message, "\u001b")
  })

  it.prop("never throws; what it takes is safe in a path", [FastCheck.string({ unit: "binary" })], ([input]) => {
    if (Digest.isDigest(input)) assert.notMatch(input, /[/\\%?#\s]|\.\./)
  })

  it.prop("the schema is a round trip", [Digest.Digest], ([digest]) => {
    assert.isTrue(Digest.isSupported(digest))
    assert.strictEqual(Schema.decodeSync(Digest.Digest)(Schema.encodeSync(Digest.Digest)(digest)), digest)
  })
})

describe("Digest hashing", () => {
  it("agrees with known values", () => {
    assert.strictEqual(Digest.fromBytes(bytes("{}")), emptyObject)
    assert.strictEqual(Digest.fromBytes(bytes("abc"), "sha512"), abc512)
    const hasher = Digest.makeHasher()
    hasher.update(bytes("{"))
    hasher.update(bytes("}"))
    assert.strictEqual(hasher.size, 2)
    assert.strictEqual(hasher.digest(), emptyObject)
  })

  it.effect.prop(
    "is the same however the bytes are cut",
    [FastCheck.array(FastCheck.uint8Array())],
    ([parts]) =>
      Effect.gen(function*() {
        const whole = Buffer.concat(parts)
        const digest = Digest.fromBytes(whole)
        assert.strictEqual(yield* Digest.fromStream(Stream.fromIterable(parts)), digest)
        yield* Digest.verifyBytes(whole, { digest, size: whole.byteLength })
        const expected = { digest, size: whole.byteLength }
        for (const stream of [Stream.fromIterable(parts), Stream.fromChunks(...parts.map(Chunk.of))]) {
          const out = yield* Stream.runCollect(Digest.verify(stream, expected))
          assert.isTrue(Buffer.concat([...out]).equals(whole))
        }
      })
  )
})

describe("Digest.verify", () => {
  const digest = Digest.fromBytes(bytes("hello"))
  const content = (...parts: ReadonlyArray<string>) => Stream.fromChunks(...parts.map((p) => Chunk.of(bytes(p))))

  it.effect("lets right bytes through, more than once", () =>
    Effect.gen(function*() {
      const stream = Digest.verify(content("he", "", "llo"), { digest, size: 5 })
      assert.strictEqual(yield* collect(stream), "hello")
      assert.strictEqual(yield* collect(stream), "hello")
      assert.strictEqual(yield* collect(Digest.verify(content("hello"), { digest })), "hello")
      const sha512 = Digest.fromBytes(bytes("hello"), "sha512")
      assert.strictEqual(yield* collect(Digest.verify(content("hello"), { digest: sha512 })), "hello")
    }))

  it.effect("fails instead of ending on wrong bytes", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(collect(Digest.verify(content("hallo"), { digest, size: 5 }, "blob x")))
      assert.strictEqual(error._tag, "DigestMismatch")
      assert.match(error.message, /^blob x has digest sha256:.*expected sha256:/)
    }))

  it.effect("fails on bytes that are missing", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(collect(Digest.verify(content("hell"), { digest, size: 5 })))
      assert.deepInclude(error, { _tag: "SizeMismatch", expected: 5, actual: 4 })
    }))

  it.effect("fails on bytes too many, without handing them on", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const stream = Digest.verify(content("hel", "lo", "!", "?"), { digest, size: 5 })
      const error = yield* Effect.flip(Stream.runForEach(stream, (b) => Effect.sync(() => seen.push(String(b)))))
      assert.deepInclude(error, { _tag: "SizeMismatch", expected: 5, actual: 6 })
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("leaves a source that never ends, and closes it", () =>
    Effect.gen(function*() {
      let pulls = 0
      let closed = false
      const endless = Stream.repeatEffect(Effect.sync(() => {
        pulls++
        return bytes("hello")
      })).pipe(Stream.ensuring(Effect.sync(() => {
        closed = true
      })))
      const error = yield* Effect.flip(Stream.runDrain(Digest.verify(endless, { digest, size: 5 })))
      assert.strictEqual(error._tag, "SizeMismatch")
      assert.isAtMost(pulls, 3)
      assert.isTrue(closed)
    }))

  it.effect("passes the source's own failure on", () =>
    Effect.gen(function*() {
      const stream = Stream.concat(content("he"), Stream.fail("cut" as const))
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(Digest.verify(stream, { digest, size: 5 }))), "cut")
    }))

  it.effect("does not let through what it cannot verify", () =>
    Effect.gen(function*() {
      const blake = Option.getOrThrow(Digest.parse(`blake3:${hex}`))
      const error = yield* Effect.flip(Stream.runDrain(Digest.verify(content("hello"), { digest: blake })))
      assert.strictEqual(error._tag, "InvalidInput")
      assert.strictEqual((yield* Effect.flip(Digest.verifyBytes(bytes("a"), { digest: blake })))._tag, "InvalidInput")
    }))

  it.effect("checks bytes at hand, the size first", () =>
    Effect.gen(function*() {
      const check = (text: string) => Effect.flip(Digest.verifyBytes(bytes(text), { digest, size: 5 }))
      assert.strictEqual((yield* check("hell"))._tag, "SizeMismatch")
      assert.strictEqual((yield* check("hallo"))._tag, "DigestMismatch")
    }))
})
