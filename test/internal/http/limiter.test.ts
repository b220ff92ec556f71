import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Limiter from "../../../src/internal/http/limiter.js"
import { CurrentPlace, type Place } from "../../../src/internal/place.js"
import type { Places } from "../../../src/internal/pool.js"
import { byTurns } from "../../utils/turns.js"
import { get, scripted } from "./scripted.js"

const tooMany = (seconds?: number): Limiter.Verdict => ({
  _tag: "TooMany",
  retryAfter: seconds === undefined ? undefined : Duration.seconds(seconds)
})
const accepted: Limiter.Verdict = { _tag: "Accepted" }
const make = (concurrency: number) => Limiter.make(concurrency, Duration.seconds(60))
const free = (window: number): Places => ({ window, taken: 0, waiting: 0 })

describe("limiter", () => {
  it.effect("lets so many small requests through, first come first served, and big ones past them", () =>
    Effect.gen(function*() {
      const limiter = make(1)
      const order: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const work = (name: string) => () => Effect.zipRight(Effect.sync(() => order.push(name)), Deferred.await(gate))
      const fibers = yield* Effect.forEach(
        ["a", "b", "c", "d"],
        (name) => Effect.zipLeft(Effect.fork(limiter.request(true, work(name))), Effect.yieldNow())
      )
      yield* Effect.fork(limiter.request(false, work("big")))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(order, ["a", "b", "big"])
      assert.deepStrictEqual(limiter.places().small, { window: 2, taken: 2, waiting: 2 })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(order, ["a", "b", "big", "c", "d"])
      assert.deepStrictEqual(limiter.places().small, free(2))
    }))

  it.effect("halves once for all that was under way, down to one, and grows by one place a window", () =>
    Effect.gen(function*() {
      const limiter = make(4)
      const gate = yield* Deferred.make<void>()
      const slow = () => limiter.request(true, (tell) => Effect.zipRight(Deferred.await(gate), tell(tooMany())))
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.fork(slow()))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(limiter.places(), { small: free(4), transfers: free(2) })
      yield* Effect.repeatN(limiter.request(true, (tell) => tell(tooMany())), 9)
      assert.deepStrictEqual(limiter.places(), { small: free(1), transfers: free(1) })
      const windows: Array<number> = []
      for (let i = 0; i < 40; i++) {
        yield* limiter.request(true, (tell) => tell(accepted))
        windows.push(limiter.places().small.window)
      }
      assert.deepStrictEqual(windows.slice(0, 5), [2, 2, 2, 3, 3])
      assert.deepStrictEqual(limiter.places(), { small: free(8), transfers: free(4) })
    }))

  it.effect("holds new requests back for as long as it was told, and then lets no more through than there are places", () =>
    Effect.gen(function*() {
      const limiter = make(2)
      yield* limiter.request(true, (tell) => tell(tooMany(30)))
      let begun = 0
      const gate = yield* Deferred.make<void>()
      const work = () => Effect.zipRight(Effect.sync(() => begun++), Deferred.await(gate))
      const small = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.fork(limiter.request(true, work)))
      const big = yield* Effect.fork(limiter.request(false, work))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(begun, 0)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(begun, 2 + 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([...small, big])
      assert.deepStrictEqual(limiter.places().small, free(2))
    }))

  it.effect("keeps to the longest of its pauses, also when that is asked for while others wait", () =>
    Effect.gen(function*() {
      const limiter = make(2)
      const late = yield* Effect.fork(
        limiter.request(true, (tell) => Effect.zipRight(Effect.sleep("5 seconds"), tell(tooMany(30))))
      )
      yield* Effect.yieldNow()
      yield* limiter.request(true, (tell) => Effect.zipRight(tell(tooMany(10)), tell(tooMany(1))))
      const held = yield* Effect.fork(limiter.request(true, () => Effect.void))
      for (const seconds of [5, 5, 24]) {
        yield* TestClock.adjust(Duration.seconds(seconds))
        assert.strictEqual((yield* Fiber.poll(held))._tag, "None")
      }
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll([late, held])
    }))

  it.effect("lets others have the place of a transfer during a pause, and not that of a small request", () =>
    Effect.gen(function*() {
      const limiter = make(2)
      yield* limiter.request(true, (tell) => tell(tooMany(30)))
      const resting: Array<boolean> = []
      for (const isSmall of [true, false]) {
        let rests = false
        const place: Place = { rest: (wait) => Effect.zipRight(Effect.sync(() => rests = true), wait) }
        yield* Effect.fork(
          Effect.provideService(limiter.request(isSmall, () => Effect.void), CurrentPlace, place)
        )
        yield* TestClock.adjust("1 second")
        resting.push(rests)
      }
      assert.deepStrictEqual(resting, [false, true])
    }))

  it.effect("does not wait longer than is waited for at all", () =>
    Effect.gen(function*() {
      const limiter = make(2)
      yield* limiter.request(true, (tell) => tell(tooMany(61)))
      assert.strictEqual(yield* limiter.request(true, () => Effect.succeed("at once")), "at once")
    }))

  it.effect("keeps a pause by the clock that it was asked for under", () =>
    Effect.gen(function*() {
      const limiter = make(2)
      yield* byTurns(limiter.request(true, (tell) => tell(tooMany(30))))
      assert.strictEqual(yield* limiter.request(true, () => Effect.succeed("at once")), "at once")
      yield* limiter.request(true, (tell) => tell(tooMany(30)))
      const held = yield* Effect.fork(limiter.request(true, () => Effect.void))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual((yield* Fiber.poll(held))._tag, "None")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(held)
    }))

  it.effect("has all places free in the end, whoever was interrupted and whenever", () =>
    Effect.gen(function*() {
      const limiter = make(3)
      let most = 0
      const pause = Effect.flatMap(Random.nextIntBetween(1, 20), (n) => Effect.sleep(Duration.millis(n)))
      const request = limiter.request(true, (tell) =>
        Effect.gen(function*() {
          most = Math.max(most, limiter.places().small.taken)
          yield* pause
          const dice = yield* Random.nextIntBetween(0, 20)
          yield* tell(dice === 0 ? tooMany(dice / 100) : accepted)
        }))
      const transfer = limiter.transfer(Effect.zipRight(pause, request))
      const fibers = yield* Effect.forEach(Array.from({ length: 300 }), (_, i) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(i % 3 === 0 ? transfer : request)
          const dice = yield* Random.nextIntBetween(0, 3)
          if (dice > 0) return fiber
          return yield* Effect.fork(Effect.zipRight(pause, Fiber.interrupt(fiber)))
        }))
      yield* TestClock.adjust("1 minutes")
      yield* Effect.forEach(fibers, (fiber) => Fiber.await<unknown, never>(fiber))
      const { small, transfers } = limiter.places()
      assert.isAtMost(most, 6)
      assert.deepStrictEqual([small.taken, small.waiting, transfers.taken, transfers.waiting], [0, 0, 0, 0])
    }))
})

describe("the limit of a registry", () => {
  it.scoped("is kept by small requests; uploads and blobs that stream pass them", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { log, transport } = scripted((_, count) =>
        Effect.as(count === 1 ? Effect.void : Deferred.await(gate), { status: 200, body: "x" })
      )
      const { execute } = yield* transport({ hosts: { "example.com": { concurrency: 2 } } })
      yield* execute(get("example.com"))
      const heads = yield* Effect.fork(
        Effect.all(Array.from({ length: 9 }, () => execute(get("example.com", { method: "HEAD" }))), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(log.length, 1 + 4)
      const blob = yield* Effect.fork(execute(get("example.com", { url: "/v2/team/app/blobs/sha256:abc" })))
      const upload = yield* Effect.fork(execute(get("example.com", {
        method: "PUT",
        body: { _tag: "Stream", content: Stream.make(new Uint8Array(1)), contentType: "a/b", length: 1 }
      })))
      const elsewhere = yield* Effect.fork(execute(get("other.example")))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(log.length, 1 + 4 + 3)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([blob, upload, elsewhere])
      yield* Fiber.join(heads)
      assert.strictEqual(log.length, 1 + 9 + 3)
    }))

  it.scoped("holds requests back after a 429, and a request that waits for its next try holds no place", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((_, count) =>
        count === 1 ? { status: 429, headers: { "retry-after": "10" } } : { status: 200 }
      )
      const { execute } = yield* transport({ hosts: { "example.com": { concurrency: 1 } }, retries: 1 })
      const first = yield* Effect.fork(execute(get("example.com")))
      yield* TestClock.adjust("1 seconds")
      const others = yield* Effect.fork(Effect.all([execute(get("example.com")), execute(get("example.com"))], {
        concurrency: "unbounded"
      }))
      yield* TestClock.adjust("8 seconds")
      assert.strictEqual(log.length, 1)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(first)
      yield* Fiber.join(others)
      assert.strictEqual(log.length, 4)
    }))

  it.scoped("is that of the transfers, by any of the registry's names", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({ status: 200 }))
      const { transfer } = yield* transport({ hosts: { "docker.io": { concurrency: 2 } } })
      let running = 0
      const work = Effect.zipRight(Effect.sync(() => running++), Effect.never)
      for (const name of ["docker.io", "index.docker.io", "docker.io"]) yield* Effect.fork(transfer(name, work))
      yield* Effect.fork(transfer("other.example", work))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(running, 3)
    }))
})
