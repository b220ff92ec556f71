import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { pause } from "../../../src/internal/remote/backoff.js"

describe("pause", () => {
  it.effect("grows with the failures, up to ten seconds", () =>
    Effect.gen(function*() {
      for (
        const [failures, longest] of [[1, 250], [2, 500], [4, 2000], [7, 10_000], [40, 10_000], [2000, 10_000]] as const
      ) {
        const before = yield* Clock.currentTimeMillis
        const fiber = yield* Effect.fork(Effect.zipRight(pause(failures), Clock.currentTimeMillis))
        yield* TestClock.adjust(longest / 2 - 1)
        assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
        yield* TestClock.adjust(longest / 2 + 1)
        assert.isAtMost((yield* Fiber.join(fiber)) - before, longest)
      }
    }))
})
