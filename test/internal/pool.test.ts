import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Pool from "../../src/internal/pool.js"

/** The effect, and how often a fiber was woken for it. */
const counted = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const scheduler = new Scheduler.MixedScheduler(2048)
    let tasks = 0
    const counting: Scheduler.Scheduler = {
      shouldYield: (fiber) => scheduler.shouldYield(fiber),
      scheduleTask: (task, priority, fiber) => {
        tasks++
        scheduler.scheduleTask(task, priority, fiber)
      }
    }
    return Effect.map(Effect.withScheduler(effect, counting), (value) => ({ value, tasks }))
  })

describe("pool", () => {
  it.effect("wakes one of a thousand that wait for each place that comes back", () =>
    Effect.gen(function*() {
      const pool = Pool.make(2)
      let running = 0
      let most = 0
      const work = Effect.gen(function*() {
        most = Math.max(most, ++running)
        yield* Effect.yieldNow()
        running--
      })
      const all = Effect.forEach(Array.from({ length: 1000 }), () => pool.run(work), {
        concurrency: "unbounded",
        discard: true
      })
      const { tasks } = yield* counted(all)
      assert.strictEqual(most, 2)
      assert.isBelow(tasks, 10_000)
      assert.deepStrictEqual(pool.places(), { window: 2, taken: 0, waiting: 0 })
    }))

  it.effect("passes a place on that somebody was given and did not live to take", () =>
    Effect.gen(function*() {
      const pool = Pool.make(1)
      const gate = yield* Deferred.make<void>()
      const first = yield* Effect.fork(pool.run(Deferred.await(gate)))
      yield* Effect.yieldNow()
      const second = yield* Effect.fork(pool.run(Effect.never))
      const third = yield* Effect.fork(pool.run(Effect.succeed("third")))
      yield* Effect.yieldNow()
      assert.deepStrictEqual(pool.places(), { window: 1, taken: 1, waiting: 2 })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.interrupt(second)
      assert.strictEqual(yield* Fiber.join(third), "third")
      yield* Fiber.join(first)
      assert.deepStrictEqual(pool.places(), { window: 1, taken: 0, waiting: 0 })
    }))
})
