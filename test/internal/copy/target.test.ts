import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scheduler from "effect/Scheduler"
import * as sided from "../../../src/internal/copy/sided.js"
import * as Target from "../../../src/internal/copy/target.js"
import { InvalidInput } from "../../../src/RegistryError.js"
import * as Repository from "../../../src/Repository.js"

const error = sided.make("destination", new InvalidInput({ field: "tag", reason: "it is bad" }))

/** Runs fibers by hand, and has one of them wait for its turn at a certain operation. */
const makeScheduler = (stop: number) => {
  const tasks: Array<() => void> = []
  let operations = 0
  const scheduler: Scheduler.Scheduler = {
    shouldYield: () => ++operations === stop ? 0 : false,
    scheduleTask: (task) => void tasks.push(task)
  }
  const run = (isOver: () => boolean) => {
    while (!isOver()) {
      const task = tasks.shift()
      if (task === undefined) return
      task()
    }
  }
  return { scheduler, isThere: () => operations >= stop, run }
}

describe("target", () => {
  it.effect("ends what runs for it, whatever the moment of its own end", () =>
    Effect.gen(function*() {
      const repository = yield* Repository.makeMemory()
      const started = new Set<boolean>()
      for (let stop = 1; stop < 100; stop++) {
        const target = Target.make(repository, { repository, tag: "v1" })
        const { isThere, run, scheduler } = makeScheduler(stop)
        let hasStarted = false
        const endless = Effect.zipRight(Effect.sync(() => hasStarted = true), Effect.never)
        const fiber = Effect.runFork(Target.during(target, endless), { scheduler })
        run(isThere)
        Effect.runSync(Target.fail(target, error))
        started.add(hasStarted)
        run(() => false)
        assert.deepStrictEqual(fiber.unsafePoll(), Exit.succeed(Option.none()), `at operation ${stop}`)
        assert.strictEqual(target.running.size, 0, `at operation ${stop}`)
      }
      // It ended before the work began as well as in the middle of it.
      assert.strictEqual(started.size, 2)
    }))
})
