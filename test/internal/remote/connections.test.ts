/** The connections of a download: how many there may be, how long they may take, and when they are let go. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import { TransportError } from "../../../src/RegistryError.js"
import { type Answer, blobOf, collect, instantly, origin, sample, type Script, script, type Seen } from "./scripted.js"

const bytes = sample(1000)
const blob = blobOf(bytes)
const { digest } = blob

const part = (from: number, to = 999): Answer => ({
  status: 206,
  headers: { "content-range": `bytes ${from}-${to}/1000` },
  body: bytes.subarray(from, to + 1)
})

/** Answers each request from the byte it asks for on, with so many bytes, and breaks off. */
const piecemeal =
  (of: Uint8Array, count: (from: number) => number, every?: Answer["every"]) => ({ headers }: Seen): Answer => {
    const from = Number(/\d+/.exec(headers["range"] ?? "0")?.[0])
    const body = of.subarray(from, from + count(from))
    return {
      ...(from === 0
        ? {}
        : { status: 206, headers: { "content-range": `bytes ${from}-${of.byteLength - 1}/${of.byteLength}` } }),
      body,
      cut: true,
      ...(every === undefined || from === 0 ? {} : { every })
    }
  }

/** Runs it with all its waits cut short. */
const run = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.exit(effect))
    yield* TestClock.adjust("4 hours")
    return yield* Fiber.join(fiber)
  })

/** A script, and how many of its answers are being read whenever one is asked for. */
const watched = (answers: ReadonlyArray<Answer>, config: RegistryConfig.Options = {}) =>
  Effect.gen(function*() {
    const held: Array<number> = []
    let all: ReadonlyArray<Seen> = []
    const scripted: Script = yield* script((one, index) => {
      held.push(all.filter((other) => other !== one && !other.released).length)
      return answers[index] ?? assert.fail("too many requests")
    }, { config })
    all = scripted.seen
    return { ...scripted, held }
  })

describe("the connections of a download", () => {
  it.effect("are a thousand at most, however far each of them gets", () =>
    Effect.gen(function*() {
      const many = sample(1100)
      const { repository, seen } = yield* script(piecemeal(many, () => 1))
      const error = yield* Effect.orDie(Effect.flip(instantly(collect(repository.getBlob(blobOf(many))))))
      assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Reset")
      assert.strictEqual(seen.length, 1000)
    }))

  it.effect("have no credit for ever by bytes that came quickly at first", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script(piecemeal(bytes, (from) => from === 0 ? 500 : 1, "15 seconds"), {
        config: { minRate: 1 }
      })
      const exit = yield* run(collect(repository.getBlob(blob)))
      assert.isTrue(Exit.isFailure(exit))
      // Five times the idle time-out of twenty seconds, of which each byte takes fifteen and gives back one.
      assert.strictEqual(seen.length, 1 + 8)
    }))

  for (const delay of ["19 seconds", "1 minute"] as const) {
    it.effect(`end where each of them takes ${delay} to its headers and brings a byte`, () =>
      Effect.gen(function*() {
        const drip = piecemeal(bytes, () => 1)
        const { repository, seen } = yield* script((one) => ({ ...drip(one), delay }))
        const exit = yield* run(collect(repository.getBlob(blob)))
        assert.isTrue(Exit.isFailure(exit))
        // Five times the idle time-out of twenty seconds, which is the most that counts of each wait.
        assert.strictEqual(seen.length, 6)
      }))
  }

  it.effect("lose nothing of their time by the reader's, however long they take to their headers", () =>
    Effect.gen(function*() {
      const tenth = piecemeal(bytes, () => 100)
      const { repository, seen } = yield* script((one) => ({ ...tenth(one), delay: "9 seconds" }))
      const exit = yield* run(collect(Stream.tap(repository.getBlob(blob), () => Effect.sleep("1 minute"))))
      assert.deepStrictEqual(exit, Exit.succeed(bytes))
      assert.strictEqual(seen.length, 10)
    }))

  it.effect("lose nothing of their time by what is done with the bytes", () =>
    Effect.gen(function*() {
      const { repository } = yield* script(piecemeal(bytes, () => 100))
      const slow = Stream.mapEffect(repository.getBlob(blob), (one) => Effect.as(Effect.sleep("10 minutes"), one))
      const exit = yield* run(collect(slow))
      assert.deepStrictEqual(Exit.map(exit, (all) => Array.from(all)), Exit.succeed(Array.from(bytes)))
    }))

  it.effect("are not made again after an error that another try does not change", () =>
    Effect.gen(function*() {
      const error = new TransportError({ method: "GET", url: origin, reason: "Tls", description: "expired" })
      const { repository, seen } = yield* script([
        { ...part(0), status: 200, body: bytes.subarray(0, 300), cut: true },
        {
          error
        }
      ])
      assert.deepStrictEqual(yield* run(collect(repository.getBlob(blob))), Exit.fail(error))
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("are not made again where a body breaks off for such a reason", () =>
    Effect.gen(function*() {
      const cut = new TransportError({ method: "GET", url: origin, reason: "Tls", description: "bad record" })
      const { repository, seen } = yield* script([{ body: bytes.subarray(0, 300), cut }])
      assert.deepStrictEqual(yield* run(collect(repository.getBlob(blob))), Exit.fail(cut))
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("are let go before the next one is made, also one whose answer is of no use", () =>
    Effect.gen(function*() {
      for (const useless of [part(0, 9), { status: 416, body: "no such range" }]) {
        const { held, repository } = yield* watched([{ body: bytes.subarray(0, 300), cut: true }, useless, {
          body: bytes
        }])
        assert.isTrue(Exit.isSuccess(yield* run(collect(repository.getBlob(blob)))))
        assert.deepStrictEqual(held, [0, 0, 0])
      }
    }))

  for (
    const [what, answers, of, range] of [
      ["all of it has come", [{ body: bytes }], blob, undefined],
      ["the part has come", [{ body: [bytes.subarray(0, 500), bytes.subarray(500)] }], blob, { offset: 0, length: 10 }],
      [
        "the registry says that this is the end",
        [{ body: bytes, cut: true }, {
          status: 416,
          headers: { "content-range": "bytes */1000" }
        }],
        { digest },
        undefined
      ]
    ] as const
  ) {
    it.effect(`are let go when ${what}, though the reader's scope is open`, () =>
      Effect.gen(function*() {
        const { repository, seen } = yield* script(answers)
        const reading = Effect.scoped(Effect.gen(function*() {
          const pull = yield* Stream.toPull(repository.getBlob(of, range))
          const end = yield* Effect.flip(Effect.forever(pull))
          assert.isTrue(Option.isNone(end))
          // Nor is anything asked for by whoever pulls behind the end.
          assert.isTrue(Option.isNone(yield* Effect.flip(pull)))
          return seen.map(({ released }) => released)
        }))
        assert.deepStrictEqual(yield* run(reading), Exit.succeed(answers.map(() => true)))
      }))
  }

  it.effect("are let go when the reader has enough", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{
        body: [bytes.subarray(0, 10), bytes.subarray(10)],
        every: "1 second"
      }])
      yield* run(Stream.runDrain(Stream.take(repository.getBlob(blob), 1)))
      assert.deepStrictEqual(seen.map(({ released }) => released), [true])
    }))
})

describe("a part of a blob", () => {
  it.effect("takes no longer than its own bytes, though the registry sends all of them", () =>
    Effect.gen(function*() {
      const pieces = Array.from({ length: 100 }, (_, i) => bytes.subarray(i * 10, (i + 1) * 10))
      const { repository } = yield* script([{ body: pieces, every: "1 second" }])
      const read = collect(repository.getBlob(blob, { offset: 10, length: 10 }))
      const fiber = yield* Effect.fork(Effect.zip(read, Clock.currentTimeMillis))
      yield* TestClock.adjust("4 hours")
      const [part, end] = yield* Fiber.join(fiber)
      assert.deepStrictEqual(Array.from(part), Array.from(bytes.subarray(10, 20)))
      assert.strictEqual(end, 2000)
    }))

  it.effect("has all its bytes when they come quickly", () =>
    Effect.gen(function*() {
      const large = sample(600_000)
      const pieces = Array.from({ length: 10 }, (_, i) => large.subarray(i * 60_000, (i + 1) * 60_000))
      const { repository } = yield* script([{ body: pieces }])
      const exit = yield* run(collect(repository.getBlob(blobOf(large), { offset: 0, length: 500_000 })))
      assert.strictEqual(Exit.isSuccess(exit) ? exit.value.byteLength : exit.cause, 500_000)
    }))

  it.effect("to the end of a blob of unknown size goes on where an answer was short", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ ...part(990), body: bytes.subarray(990, 995) }, part(995)])
      const exit = yield* run(collect(repository.getBlob({ digest }, { offset: 990 })))
      assert.deepStrictEqual(Exit.map(exit, (all) => Array.from(all)), Exit.succeed(Array.from(bytes.subarray(990))))
      assert.deepStrictEqual(seen.map(({ headers }) => headers["range"]), ["bytes=990-", "bytes=995-999"])
    }))
})
