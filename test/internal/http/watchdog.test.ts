import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Watchdog from "../../../src/internal/http/watchdog.js"
import { byTurns } from "../../utils/turns.js"

/** What has a second from when it is made. */
const aSecond = Effect.map(Clock.currentTimeMillis, (start) => (now: number) => start + 1000 - now)

describe("a watchdog", () => {
  it.effect("ends what has no time left, and nothing else", () =>
    Effect.gen(function*() {
      const { guard } = Watchdog.make(1000)
      const first = yield* Effect.fork(Effect.either(guard(Effect.never, yield* aSecond)))
      yield* TestClock.adjust("600 millis")
      const second = yield* Effect.fork(Effect.either(guard(Effect.never, yield* aSecond)))
      yield* TestClock.adjust("400 millis")
      assert.deepStrictEqual(yield* first, yield* Effect.either(Effect.fail("stalled")))
      assert.strictEqual((yield* Fiber.poll(second))._tag, "None")
      yield* TestClock.adjust("600 millis")
      assert.deepStrictEqual(yield* second, yield* Effect.either(Effect.fail("stalled")))
    }))

  it.effect("looks after what comes while it waits for the end of what is stalled", () =>
    Effect.gen(function*() {
      const { guard } = Watchdog.make(1000)
      const slow = Effect.onInterrupt(Effect.never, () => Effect.sleep("5 seconds"))
      const first = yield* Effect.fork(Effect.either(guard(slow, yield* aSecond)))
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.fork(Effect.either(guard(Effect.never, yield* aSecond)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* second, yield* Effect.either(Effect.fail("stalled")))
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(yield* first, yield* Effect.either(Effect.fail("stalled")))
    }))

  it.effect("is in time for what has less time than others before it", () =>
    Effect.gen(function*() {
      const { guard } = Watchdog.make(1000)
      yield* Effect.fork(guard(Effect.never, () => 60_000))
      yield* TestClock.adjust("100 millis")
      const fiber = yield* Effect.fork(Effect.either(guard(Effect.never, yield* aSecond)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* fiber, yield* Effect.either(Effect.fail("stalled")))
    }))

  it.effect("goes by the clock of each of its effects", () =>
    Effect.gen(function*() {
      const { guard } = Watchdog.make(1000)
      const stalled = yield* Effect.either(Effect.fail("stalled"))
      const first = yield* Effect.fork(Effect.either(guard(Effect.never, yield* aSecond)))
      yield* TestClock.adjust("1 millis")
      // The test's clock stands still meanwhile.
      const second = byTurns(Effect.flatMap(aSecond, (rest) => Effect.either(guard(Effect.never, rest))))
      assert.deepStrictEqual(yield* second, stalled)
      assert.strictEqual((yield* Fiber.poll(first))._tag, "None")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* first, stalled)
    }))

  it.effect("passes successes, failures and interruptions on", () =>
    Effect.gen(function*() {
      const { guard } = Watchdog.make(1000)
      const rest = () => 1000
      assert.strictEqual(yield* guard(Effect.succeed(1), rest), 1)
      assert.deepStrictEqual(yield* Effect.exit(guard(Effect.fail("own"), rest)), Exit.fail("own"))
      assert.isTrue(Exit.isInterrupted(yield* Effect.exit(guard(Effect.interrupt, rest))))
      const fiber = yield* Effect.fork(guard(Effect.never, rest))
      yield* TestClock.adjust("10 millis")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
    }))

  it.effect("has ended it before its caller, when that is interrupted, clears up", () =>
    Effect.gen(function*() {
      const { guard } = Watchdog.make(1000)
      const events: Array<string> = []
      const note = (event: string) => Effect.sync(() => events.push(event))
      const effect = Effect.onInterrupt(Effect.never, () => note("ended"))
      const fiber = yield* Effect.fork(Effect.ensuring(guard(effect, () => 60_000), note("cleared up")))
      yield* TestClock.adjust("10 millis")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(events, ["ended", "cleared up"])
    }))

  it.live("leaves no timer behind, which would keep the process from ending", () =>
    Effect.gen(function*() {
      let timers = 0
      const clock = Clock.make()
      const begin = Effect.sync(() => timers++)
      const end = Effect.sync(() => timers--)
      const counting: Clock.Clock = {
        ...clock,
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis(),
        sleep: (duration) => Effect.acquireUseRelease(begin, () => clock.sleep(duration), () => end)
      }
      const { guard } = Watchdog.make(1000)
      const gate = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(Effect.withClock(guard(Deferred.await(gate), () => 60_000), counting))
      yield* Effect.sleep("10 millis")
      assert.strictEqual(timers, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      yield* Effect.sleep("10 millis")
      assert.strictEqual(timers, 0)
    }))

  it.effect("ends it also where its caller cannot be interrupted", () =>
    Effect.gen(function*() {
      const { guard } = Watchdog.make(1000)
      const rest = yield* aSecond
      const fiber = yield* Effect.fork(Effect.uninterruptible(Effect.either(guard(Effect.never, rest))))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* fiber, yield* Effect.either(Effect.fail("stalled")))
    }))
})
