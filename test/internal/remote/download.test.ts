import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { Failure } from "../../../src/Repository.js"
import { type Answer, blobOf, collect, name, registry, sample, script } from "./scripted.js"

const bytes = sample(1000)
const blob = blobOf(bytes)
const { digest } = blob
const line = `GET /v2/${name}/blobs/${digest}`

/** Runs it with all its waits cut short. */
const run = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.exit(effect))
    yield* TestClock.adjust(Duration.hours(4))
    return yield* Fiber.join(fiber)
  })

const good = <E>(effect: Effect.Effect<Uint8Array, E>) =>
  Effect.flatMap(
    run(effect),
    (exit) => Exit.isSuccess(exit) ? Effect.succeed(Array.from(exit.value)) : Effect.die(exit.cause)
  )

const bad = (effect: Effect.Effect<unknown, Failure>) =>
  Effect.flatMap(run(effect), (exit) => Effect.orDie(Effect.flip(exit)))

const partial = (from: number, to = 999, total: number | string = 1000): Answer => ({
  status: 206,
  headers: { "content-range": `bytes ${from}-${to}/${total}` },
  body: bytes.subarray(from, to + 1)
})

describe("getBlob", () => {
  it.effect("streams a blob whole, with one request", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([{ body: [bytes.subarray(0, 1), bytes.subarray(1)] }])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
      assert.deepStrictEqual(lines(), [line])
      assert.isUndefined(seen[0]?.headers["range"])
    }))

  it.effect("starts anew each time it is run", () =>
    Effect.gen(function*() {
      const { repository } = yield* script(() => ({ body: bytes }))
      const stream = repository.getBlob(blob)
      assert.deepStrictEqual(yield* good(collect(stream)), Array.from(bytes))
      assert.deepStrictEqual(yield* good(collect(stream)), Array.from(bytes))
    }))

  it.effect("reads an empty blob", () =>
    Effect.gen(function*() {
      const empty = blobOf(new Uint8Array(0))
      const { repository, seen } = yield* script([{}])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(empty))), [])
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("reads a blob of unknown size, and one with a sha512 digest", () =>
    Effect.gen(function*() {
      const { repository } = yield* script(() => ({ body: bytes }))
      assert.deepStrictEqual(yield* good(collect(repository.getBlob({ digest }))), Array.from(bytes))
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blobOf(bytes, "sha512")))), Array.from(bytes))
    }))

  it.effect("never ends cleanly on wrong bytes", () =>
    Effect.gen(function*() {
      const wrong = bytes.slice()
      wrong[999] = 255
      const { repository } = yield* script([{ body: wrong }, { body: bytes.subarray(1) }, { body: [bytes, bytes] }])
      assert.strictEqual((yield* bad(collect(repository.getBlob(blob))))._tag, "DigestMismatch")
      assert.strictEqual((yield* bad(collect(repository.getBlob(blob))))._tag, "SizeMismatch")
      assert.strictEqual((yield* bad(collect(repository.getBlob(blob))))._tag, "SizeMismatch")
    }))

  it.effect("stops reading as soon as more comes than there should be", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ body: [bytes, ...Array.from({ length: 50 }, () => bytes)], cut: true }])
      const error = yield* bad(collect(repository.getBlob(blob)))
      assert.strictEqual(error._tag === "SizeMismatch" ? error.actual : error._tag, 2000)
    }))

  for (const at of [1, 500, 999]) {
    it.effect(`goes on after a cut at ${at} bytes`, () =>
      Effect.gen(function*() {
        const { lines, repository, seen } = yield* script([{ body: bytes.subarray(0, at), cut: true }, partial(at)])
        assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
        assert.deepStrictEqual(lines(), [line, line])
        assert.strictEqual(seen[1]?.headers["range"], `bytes=${at}-`)
      }))
  }

  it.effect("passes on slow bytes as they come, the first ones above all", () =>
    Effect.gen(function*() {
      const parts = Array.from({ length: 10 }, (_, i) => bytes.subarray(i * 100, (i + 1) * 100))
      const { repository } = yield* script([{ body: parts, every: "1 second" }])
      let came = 0
      const fiber = yield* Effect.fork(
        Stream.runForEach(repository.getBlob(blob), (part) => Effect.sync(() => came += part.byteLength))
      )
      for (let second = 1; second <= 10; second++) {
        yield* TestClock.adjust("1 second")
        assert.strictEqual(came, second * 100)
      }
      yield* Fiber.join(fiber)
    }))

  it.effect("passes on quick bytes in batches of 256 KiB, and slow ones again as they come", () =>
    Effect.gen(function*() {
      const large = sample(4 * 1024 * 1024)
      const parts = Array.from({ length: 64 }, (_, i) => large.subarray(i * 65_536, (i + 1) * 65_536))
      const { repository } = yield* script([
        { body: parts, every: "1 millis", cut: true },
        { body: parts, every: "90 millis" }
      ])
      const sizes: Array<number> = []
      const read = repository.getBlob(blobOf(large)).pipe(
        Stream.chunks,
        Stream.runForEach((chunk) => Effect.sync(() => sizes.push(Chunk.reduce(chunk, 0, (a, b) => a + b.byteLength))))
      )
      yield* run(read)
      assert.isAtMost(sizes.length, 4 + 15)
      assert.strictEqual(sizes.filter((size) => size === 262_144).length, 15)
      sizes.length = 0
      yield* run(read)
      assert.strictEqual(sizes.length, 64)
    }))

  it.effect("gives up a blob of which each connection brings a byte and takes its time", () =>
    Effect.gen(function*() {
      const drip = (from: number): Answer =>
        from === 0
          ? { body: bytes.subarray(0, 1), every: "15 seconds", cut: true }
          : { ...partial(from), body: bytes.subarray(from, from + 1), every: "15 seconds", cut: true }
      const { repository, seen } = yield* script((_, index) => drip(index))
      const error = yield* bad(collect(repository.getBlob(blob)))
      assert.strictEqual(error._tag, "TransportError")
      // Five times the idle time-out of twenty seconds.
      assert.strictEqual(seen.length, 7)
      const patient = yield* script((_, index) => drip(index), { config: { retries: 1 } })
      yield* bad(collect(patient.repository.getBlob(blob)))
      assert.strictEqual(patient.seen.length, 3)
    }))

  it.effect("goes on with a blob whose connections all break off, as long as they bring enough", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script((_, index) => ({
        ...(index === 0 ? {} : partial(index * 100)),
        body: bytes.subarray(index * 100, (index + 1) * 100),
        every: "15 seconds",
        cut: true
      }), { config: { minRate: 5 } })
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
      assert.strictEqual(seen.length, 10)
    }))

  it.effect("starts over without a range when nothing had come", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ cut: true }, { body: bytes }])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
      assert.isUndefined(seen[1]?.headers["range"])
    }))

  it.effect("asks nothing more when the cut came behind the last byte", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ body: bytes, cut: true }])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("skips to the offset in a 200 answer", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([
        { body: bytes.subarray(0, 300), cut: true },
        { body: [bytes.subarray(0, 299), bytes.subarray(299, 301), bytes.subarray(301)] }
      ])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
    }))

  it.effect("does without ranges when a Content-Range starts elsewhere or is missing", () =>
    Effect.gen(function*() {
      for (
        const wrong of [partial(299), { ...partial(300), headers: {} }, {
          ...partial(300),
          headers: { "content-range": "x" }
        }]
      ) {
        const { repository, seen } = yield* script([{ body: bytes.subarray(0, 300), cut: true }, wrong, {
          body: bytes
        }])
        assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
        assert.deepStrictEqual(seen.map((one) => one.headers["range"]), [undefined, "bytes=300-", undefined])
      }
    }))

  it.effect("does without ranges after a 416", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ body: bytes.subarray(0, 300), cut: true }, { status: 416 }, {
        body: bytes
      }])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
    }))

  it.effect("takes a 416 at the end of a blob of unknown size for the end", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { body: bytes, cut: true },
        { status: 416, headers: { "content-range": "bytes */1000" } }
      ])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob({ digest }))), Array.from(bytes))
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("refuses a part of a blob of another size", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ body: bytes.subarray(0, 300), cut: true }, partial(300, 999, 2000)])
      assert.deepInclude(yield* bad(collect(repository.getBlob(blob))), {
        _tag: "SizeMismatch",
        expected: 1000,
        actual: 2000
      })
    }))

  it.effect("goes on behind a part that is smaller than asked for", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { body: bytes.subarray(0, 300), cut: true },
        partial(300, 599, "*"),
        partial(600, 999, "*")
      ])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
      assert.strictEqual(seen[2]?.headers["range"], "bytes=600-")
    }))

  it.effect("gives up after four tries without progress", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script((_, index) =>
        index === 0 ? { body: bytes.subarray(0, 10), cut: true } : { ...partial(10), body: "", cut: true }
      )
      const error = yield* bad(collect(repository.getBlob(blob)))
      assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Reset")
      assert.strictEqual(seen.length, 5)
    }))

  it.effect("counts tries anew after progress, and waits between them", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script(({ headers }) => {
        const from = Number(/\d+/.exec(headers["range"] ?? "0")?.[0])
        return { ...(from === 0 ? { body: bytes.subarray(0, 100) } : partial(from, from + 99)), cut: true }
      })
      const fiber = yield* Effect.fork(collect(repository.getBlob(blob)))
      yield* Effect.yieldNow()
      assert.isAtMost(seen.length, 1)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(Array.from(yield* Fiber.join(fiber)), Array.from(bytes))
      assert.strictEqual(seen.length, 10)
    }))

  it.effect("says that a blob is not there, and forgets that it was", () =>
    Effect.gen(function*() {
      const { repository, session } = yield* script([{ status: 404 }])
      session.markBlob(registry, name, digest)
      const error = yield* bad(collect(repository.getBlob(blob)))
      assert.strictEqual(error.message, `blob ${registry}/${name}@${digest} was not found`)
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
    }))

  it.effect("passes other failures on", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 403 }, { body: bytes.subarray(0, 9), cut: true }, {
        status: 401
      }])
      assert.strictEqual((yield* bad(collect(repository.getBlob(blob))))._tag, "Denied")
      assert.strictEqual((yield* bad(collect(repository.getBlob(blob))))._tag, "Unauthorized")
    }))

  it.effect("stops asking when the reader has enough", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ body: [bytes.subarray(0, 10)], cut: true }])
      assert.deepStrictEqual(
        yield* good(collect(Stream.take(repository.getBlob(blob), 1))),
        Array.from(bytes.subarray(0, 10))
      )
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("sends nothing for what can never work", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([])
      const get = (...args: Parameters<typeof repository.getBlob>) =>
        Effect.map(bad(collect(repository.getBlob(...args))), (error) => error._tag)
      assert.strictEqual(yield* get({ digest: "sha256:../x" as never }), "InvalidInput")
      assert.strictEqual(yield* get({ digest: `blake3:${"a".repeat(64)}` as never }), "InvalidInput")
      assert.strictEqual(yield* get({ digest, size: -1 }), "InvalidInput")
      assert.strictEqual(yield* get(blob, { offset: -1 }), "InvalidInput")
      assert.strictEqual(yield* get(blob, { offset: 1.5 }), "InvalidInput")
      assert.strictEqual(yield* get(blob, { offset: 0, length: NaN }), "InvalidInput")
      assert.strictEqual(yield* get(blob, { offset: 900, length: 101 }), "InvalidInput")
      assert.strictEqual(seen.length, 0)
    }))

  it.effect.prop(
    "gives the same bytes wherever it is cut",
    {
      cuts: FastCheck.array(FastCheck.integer({ min: 0, max: 999 }), { maxLength: 4 }),
      whole: FastCheck.boolean()
    },
    ({ cuts, whole }) =>
      Effect.gen(function*() {
        const { repository } = yield* script(({ headers }, index) => {
          const from = whole ? 0 : Number(/\d+/.exec(headers["range"] ?? "0")?.[0])
          const to = cuts[index]
          const answer = from === 0 ? { body: bytes } : partial(from)
          return to === undefined ? answer : { ...answer, body: bytes.subarray(from, Math.max(from, to)), cut: true }
        })
        assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob))), Array.from(bytes))
      })
  )
})

describe("getBlob of a range", () => {
  it.effect("asks for the part, and checks its length", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([partial(10, 19), partial(0, 4), partial(990)])
      assert.deepStrictEqual(
        yield* good(collect(repository.getBlob(blob, { offset: 10, length: 10 }))),
        Array.from(bytes.subarray(10, 20))
      )
      assert.deepStrictEqual(
        yield* good(collect(repository.getBlob(blob, { offset: 0, length: 5 }))),
        Array.from(bytes.subarray(0, 5))
      )
      assert.deepStrictEqual(
        yield* good(collect(repository.getBlob({ digest }, { offset: 990 }))),
        Array.from(bytes.subarray(990))
      )
      assert.deepStrictEqual(seen.map((one) => one.headers["range"]), ["bytes=10-19", "bytes=0-4", "bytes=990-"])
    }))

  it.effect("takes the part out of a whole answer", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ body: bytes, cut: true }])
      assert.deepStrictEqual(
        yield* good(collect(repository.getBlob(blob, { offset: 10, length: 10 }))),
        Array.from(bytes.subarray(10, 20))
      )
    }))

  it.effect("goes on after a cut", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { ...partial(10, 19), body: bytes.subarray(10, 13), cut: true },
        partial(13, 19)
      ])
      assert.deepStrictEqual(
        yield* good(collect(repository.getBlob(blob, { offset: 10, length: 10 }))),
        Array.from(bytes.subarray(10, 20))
      )
      assert.strictEqual(seen[1]?.headers["range"], "bytes=13-19")
    }))

  it.effect("names the size of the whole blob where it is too short for the part", () =>
    Effect.gen(function*() {
      const part = { offset: 500, length: 100 }
      for (const [came, size, expected] of [[550, 1000, 1000], [550, undefined, 600], [300, 1000, 1000]] as const) {
        const { repository } = yield* script([{ body: bytes.subarray(0, came) }])
        const error = yield* bad(collect(repository.getBlob({ digest, ...(size === undefined ? {} : { size }) }, part)))
        assert.deepInclude(error, { _tag: "SizeMismatch", expected, actual: came })
      }
    }))

  it.effect("fails when the blob is shorter than the part", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ body: bytes }, {
        status: 416,
        headers: { "content-range": "bytes */1000" }
      }])
      assert.strictEqual(
        (yield* bad(collect(repository.getBlob({ digest }, { offset: 990, length: 20 }))))._tag,
        "SizeMismatch"
      )
      assert.strictEqual((yield* bad(collect(repository.getBlob({ digest }, { offset: 1001 }))))._tag, "InvalidInput")
    }))

  it.effect("needs no request for an empty part", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob(blob, { offset: 1000 }))), [])
      assert.deepStrictEqual(yield* good(collect(repository.getBlob({ digest }, { offset: 4, length: 0 }))), [])
      assert.strictEqual(seen.length, 0)
    }))
})
