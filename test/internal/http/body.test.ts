/** What is left of the body of an answer, and of what watched it, when nobody wants more of it. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../../../src/Credentials.js"
import { makeTransport } from "../../../src/internal/http/make.js"
import { get, type Reply, scripted } from "./scripted.js"

/** A body of so many parts of so many bytes, and how many of them were asked for. */
const counted = (parts: number, size: number) => {
  let given = 0
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => given < parts ? (given++, controller.enqueue(new Uint8Array(size))) : controller.close()
  }, { highWaterMark: 0 })
  return { body, given: () => given }
}

const silent = () => new ReadableStream<Uint8Array>({ pull: () => new Promise<void>(() => {}) })

/** The clock with a count of those who sleep by it. */
const counting = Effect.map(Effect.clock, (clock) => {
  let timers = 0
  const begin = Effect.sync(() => timers++)
  const end = Effect.sync(() => timers--)
  const sleep: Clock.Clock["sleep"] = (duration) =>
    Effect.acquireUseRelease(begin, () => clock.sleep(duration), () => end)
  return { clock: Object.assign(Object.create(clock), { sleep }) as Clock.Clock, timers: () => timers }
})

const answered = (reply: () => Reply) => Effect.map(scripted(reply).transport({ retries: 0 }), ({ execute }) => execute)

describe("a body that was read", () => {
  for (const [where, region] of [["can", Effect.interruptible], ["cannot", Effect.uninterruptible]] as const) {
    it.effect(`leaves no timer behind, where the caller ${where} be interrupted`, () =>
      Effect.gen(function*() {
        const execute = yield* answered(() => ({ status: 200, body: counted(10, 10).body }))
        for (const buffer of [undefined, 1000]) {
          const read = Effect.scoped(
            Effect.flatMap(execute(get("example.com", { buffer })), (response) => response.bytes(1000))
          )
          const { clock, timers } = yield* counting
          assert.strictEqual((yield* Effect.withClock(region(read), clock)).length, 100)
          yield* TestClock.adjust("1 minutes")
          assert.strictEqual(timers(), 0)
        }
      }))
  }

  it.effect("in part leaves none behind either", () =>
    Effect.gen(function*() {
      const execute = yield* answered(() => ({ status: 200, body: counted(10, 10).body }))
      const { clock, timers } = yield* counting
      const part = Effect.scoped(
        Effect.flatMap(execute(get("example.com")), (response) => Stream.runDrain(Stream.take(response.stream, 1)))
      )
      yield* Effect.withClock(part, clock)
      yield* TestClock.adjust("1 minutes")
      assert.strictEqual(timers(), 0)
    }))
})

describe("a body that stalls", () => {
  it.scoped("is a time-out, whatever the client makes of being aborted", () =>
    Effect.gen(function*() {
      // Its stream ends as an interrupted one.
      const client = HttpClient.make((request, _, signal) =>
        Effect.sync(() => {
          const stream = Stream.fromEffect(
            Effect.async<Uint8Array>((resume) =>
              signal.addEventListener("abort", () => resume(Effect.interrupt), { once: true })
            )
          )
          const response = HttpClientResponse.fromWeb(request, new Response("x"))
          return Object.defineProperty(Object.create(response), "stream", { value: stream }) as typeof response
        })
      )
      const { execute } = yield* makeTransport().pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.provide(Layer.orDie(Credentials.layerHosts({})))
      )
      const response = yield* execute(get("example.com"))
      const fiber = yield* Effect.fork(Effect.flip(response.bytes(10)))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "Timeout")
    }))
})

describe("a body that nobody reads", () => {
  it.effect("is read for the sake of its connection when it is small", () =>
    Effect.gen(function*() {
      const small = counted(10, 10)
      const execute = yield* answered(() => ({ status: 200, body: small.body }))
      yield* Effect.scoped(execute(get("example.com")))
      assert.strictEqual(small.given(), 10)
    }))

  it.effect("is given up when it is large", () =>
    Effect.gen(function*() {
      const large = counted(1000, 10_000)
      const execute = yield* answered(() => ({ status: 200, body: large.body }))
      yield* Effect.scoped(execute(get("example.com")))
      assert.isAtMost(large.given(), 10)
    }))

  it.effect("is given up when what is done with its answer fails", () =>
    Effect.gen(function*() {
      const small = counted(10, 10)
      const execute = yield* answered(() => ({ status: 200, body: small.body }))
      yield* Effect.exit(Effect.scoped(Effect.zipRight(execute(get("example.com")), Effect.fail("changed my mind"))))
      assert.isBelow(small.given(), 10)
    }))

  it.effect("is given up when it does not come, though the caller's clock stands still", () =>
    Effect.gen(function*() {
      const execute = yield* answered(() => ({ status: 200, body: silent() }))
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.scoped(execute(get("example.com")))))
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
    }))
})
