import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Digest from "../../src/Digest.js"
import * as Session from "../../src/internal/session.js"

const digest = Digest.fromBytes(new Uint8Array([1]))

describe("session", () => {
  it.effect("remembers where blobs have been seen, in order", () =>
    Effect.gen(function*() {
      const session = yield* Session.make
      session.markBlob("a.example", "two", digest)
      session.markBlob("a.example", "one", digest)
      session.markBlob("a.example", "two", digest)
      session.markBlob("b.example", "three", digest)
      assert.deepStrictEqual(session.repositoriesWith("a.example", digest), ["two", "one"])
      session.forgetBlob("a.example", "two", digest)
      assert.deepStrictEqual(session.repositoriesWith("a.example", digest), ["one"])
      session.forgetBlob("a.example", "one", digest)
      session.forgetBlob("c.example", "one", digest)
      assert.deepStrictEqual(session.repositoriesWith("a.example", digest), [])
    }))

  it.effect("stands for a sighting for 15 minutes, counted from the last one", () =>
    Effect.gen(function*() {
      const session = yield* Session.make
      session.markBlob("a.example", "one", digest)
      yield* TestClock.adjust("10 minutes")
      session.markBlob("a.example", "one", digest)
      yield* TestClock.adjust("14 minutes")
      assert.isTrue(session.hasSeen("a.example", "one", digest))
      assert.isFalse(session.hasSeen("a.example", "two", digest))
      assert.isFalse(session.hasSeen("b.example", "one", digest))
      yield* TestClock.adjust("1 minutes")
      assert.isFalse(session.hasSeen("a.example", "one", digest))
      // As a candidate for a mount it may still do.
      assert.deepStrictEqual(session.repositoriesWith("a.example", digest), ["one"])
      session.markBlob("a.example", "one", digest)
      session.forgetBlob("a.example", "one", digest)
      assert.isFalse(session.hasSeen("a.example", "one", digest))
    }))

  it.effect("forgets what it has not seen for longest when there are 100 000 sightings", () =>
    Effect.gen(function*() {
      const session = yield* Session.make
      const names = Array.from({ length: 100_000 }, (_, i) => `repository${i}`)
      for (const name of names) session.markBlob("a.example", name, digest)
      session.markBlob("a.example", "repository0", digest)
      session.markBlob("a.example", "one more", digest)
      assert.isTrue(session.hasSeen("a.example", "repository0", digest))
      assert.isFalse(session.hasSeen("a.example", "repository1", digest))
      assert.isTrue(session.hasSeen("a.example", "repository2", digest))
      assert.strictEqual(session.repositoriesWith("a.example", digest).length, 100_000)
    }))

  it.effect("tells what has been seen since a moment", () =>
    Effect.gen(function*() {
      const session = yield* Session.make
      session.markBlob("a.example", "one", digest)
      const since = session.moment()
      assert.isTrue(session.hasSeen("a.example", "one", digest))
      assert.isFalse(session.hasSeen("a.example", "one", digest, since))
      session.markBlob("a.example", "two", digest)
      assert.isTrue(session.hasSeen("a.example", "two", digest, since))
      session.markBlob("a.example", "one", digest)
      assert.isTrue(session.hasSeen("a.example", "one", digest, since))
    }))

  it.effect("runs one effect for a key at a time and shares its success", () =>
    Effect.gen(function*() {
      const session = yield* Session.make
      const gate = yield* Deferred.make<void>()
      let runs = 0
      const work = Effect.andThen(Effect.sync(() => ++runs), (n) => Effect.as(Deferred.await(gate), n))
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(session.single("key", work)))
      const other = yield* Effect.fork(session.single("other", Effect.succeed("at once")))
      assert.strictEqual(yield* Fiber.join(other), "at once")
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [1, 1, 1])
      // Nothing is kept: a later call does its own work.
      assert.strictEqual(yield* session.single("key", work), 2)
    }))

  it.effect("lets those who waited run their own, one at a time, when the first fails", () =>
    Effect.gen(function*() {
      const session = yield* Session.make
      let runs = 0
      let atOnce = 0
      let most = 0
      const work = Effect.gen(function*() {
        const n = ++runs
        most = Math.max(most, ++atOnce)
        yield* Effect.yieldNow()
        yield* Effect.yieldNow()
        atOnce--
        return n < 3 ? yield* Effect.fail(n) : n
      })
      const exits = yield* Effect.forEach([1, 2, 3, 4], () => Effect.exit(session.single("key", work)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(most, 1)
      assert.strictEqual(runs, 3)
      assert.deepStrictEqual(exits.filter(Exit.isSuccess).map((exit) => exit.value), [3, 3])
    }))

  it.effect("hands over when the one under way is interrupted, and lets a waiter go", () =>
    Effect.gen(function*() {
      const session = yield* Session.make
      const first = yield* Effect.fork(session.single("key", Effect.never))
      yield* Effect.yieldNow()
      const waiter = yield* Effect.fork(session.single("key", Effect.succeed("mine")))
      const leaver = yield* Effect.fork(session.single("key", Effect.succeed("late")))
      yield* Effect.yieldNow()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(leaver)))
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* Fiber.join(waiter), "mine")
    }))
})
