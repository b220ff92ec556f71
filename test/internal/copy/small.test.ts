import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Descriptor from "../../../src/Descriptor.js"
import * as Digest from "../../../src/Digest.js"
import { run } from "../../../src/internal/copy/job.js"
import * as small from "../../../src/internal/copy/small.js"
import * as Target from "../../../src/internal/copy/target.js"
import * as Repository from "../../../src/Repository.js"

const bytes = new TextEncoder().encode("small")
const descriptor: Descriptor.Descriptor = {
  mediaType: "application/octet-stream",
  digest: Digest.fromBytes(bytes),
  size: bytes.length
}

/** Turns of the scheduler in which a move that is not hindered has ended. */
const turns = 50

/** A fiber with fewer steps between two turns does nothing but yield. */
const fewest = 12

const wait = (count: number) => Effect.repeatN(Effect.yieldNow(), count)

describe("the shared read of a small blob", () => {
  it.effect("reaches the other targets wherever one of them is interrupted", () =>
    Effect.gen(function*() {
      const source = yield* Repository.makeMemory({ registry: "one.test", name: "app" })
      yield* source.putBlob(descriptor, Effect.succeed(bytes))
      const stuck: Array<number> = []
      // With a budget of so many steps the move yields behind the last of them: once behind each step in all.
      for (let steps = fewest; steps < fewest + 120; steps++) {
        const destinations = yield* Effect.forEach(
          ["two.test", "three.test"],
          (registry) => Repository.makeMemory({ registry, name: "app" })
        )
        yield* run(source, {}, undefined, (job) =>
          Effect.scoped(Effect.gen(function*() {
            const members = destinations.map((repository) => ({
              target: Target.make(source, { repository, tag: "1" }),
              descriptor,
              action: { _tag: "Upload" } as const
            }))
            const [first, second] = yield* small.ways(job, descriptor, members)
            if (first === undefined || second === undefined) return assert.fail("a member without a way")
            const one = yield* Effect.forkDaemon(Effect.withMaxOpsBeforeYield(first.move, steps))
            yield* Effect.yieldNow()
            one.unsafeInterruptAsFork(FiberId.none)
            const two = yield* Effect.forkDaemon(second.move)
            yield* wait(turns)
            if (Option.isNone(yield* Fiber.poll(two))) stuck.push(steps)
            yield* Fiber.interruptFork(two)
          })))
      }
      assert.deepStrictEqual(stuck, [])
    }))
})
