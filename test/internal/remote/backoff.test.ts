import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as TestClock from "effect/TestClock"
import { CurrentObserver } from "../../../src/internal/observer.js"
import { asksTooMuch, pause, stepOf } from "../../../src/internal/remote/backoff.js"
import type { Remote } from "../../../src/internal/remote/remote.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import { SizeMismatch, TransportError, UnexpectedStatus } from "../../../src/RegistryError.js"
import { instantly, name, registry, script } from "./scripted.js"

const step = { method: "PUT", url: "https://user:pw@registry.test/up/1?sig=secret", reason: "503" }

const remoteOf = (config: RegistryConfig.Options = {}) =>
  Effect.map(script([]), ({ session, transport }): Remote => ({ transport, session, registry, name, config }))

describe("pause", () => {
  it.effect("grows with the failures, up to ten seconds", () =>
    Effect.gen(function*() {
      const remote = yield* remoteOf()
      for (
        const [failures, longest] of [[1, 250], [2, 500], [4, 2000], [7, 10_000], [40, 10_000], [2000, 10_000]] as const
      ) {
        const before = yield* Clock.currentTimeMillis
        const fiber = yield* Effect.fork(Effect.zipRight(pause(remote, step, failures), Clock.currentTimeMillis))
        yield* TestClock.adjust(longest / 2 - 1)
        assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
        yield* TestClock.adjust(longest / 2 + 1)
        assert.isAtMost((yield* Fiber.join(fiber)) - before, longest)
      }
    }))

  it.effect("lasts for whole milliseconds, as TestClock fails after a fraction of one", () =>
    Effect.gen(function*() {
      const delays: Array<number> = []
      const remote = yield* remoteOf({
        onRetry: ({ delay }) => Effect.sync(() => delays.push(Duration.toMillis(delay)))
      })
      yield* Effect.forEach([1, 2, 3, 4, 5], (failures) => instantly(pause(remote, step, failures)))
      assert.deepStrictEqual(delays, delays.map(Math.round))
      assert.strictEqual(new Set(delays).size, 5)
    }))

  it.effect("lasts as long as the registry asked, and is told without secrets", () =>
    Effect.gen(function*() {
      const told: Array<RegistryConfig.Retry> = []
      const observed: Array<RegistryConfig.Retry> = []
      const remote = yield* remoteOf({ onRetry: (retry) => Effect.sync(() => told.push(retry)) })
      const observer = { onRequest: () => {}, onRetry: (retry: RegistryConfig.Retry) => void observed.push(retry) }
      const retryAfter = Duration.seconds(7)
      const fiber = yield* Effect.fork(
        Effect.provideService(pause(remote, { ...step, retryAfter }, 2), CurrentObserver, observer)
      )
      yield* TestClock.adjust(6999)
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
      yield* TestClock.adjust(1)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
      const url = "https://registry.test/up/1"
      assert.deepStrictEqual(told, [
        { registry, method: "PUT", url, attempt: 2, reason: "503", retryAfter, delay: retryAfter }
      ])
      assert.deepStrictEqual(observed, told)
    }))

  it.effect("is logged, as a warning when it is long, without secrets", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => lines.push(`${logLevel.label} ${message}`))
      const remote = yield* remoteOf()
      const paused = Effect.zipRight(
        pause(remote, { ...step, retryAfter: Duration.seconds(7) }, 1),
        pause(remote, { ...step, message: "it broke" }, 1)
      )
      const fiber = yield* Effect.fork(
        paused.pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
          Logger.withMinimumLogLevel(LogLevel.Debug)
        )
      )
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(lines[0], "WARN PUT https://registry.test/up/1 failed (503); going on in 7.0 s")
      assert.match(lines[1] ?? "", /^DEBUG it broke; going on in 0\.\d s$/)
    }))

  it.effect("is not for a registry that asks for more time than it is given", () =>
    Effect.gen(function*() {
      const asking = (seconds: number) => ({ ...step, retryAfter: Duration.seconds(seconds) })
      const remote = yield* remoteOf()
      const patient = yield* remoteOf({ maxRetryAfter: "2 minutes" })
      assert.isFalse(asksTooMuch(remote, step))
      assert.isFalse(asksTooMuch(remote, asking(60)))
      assert.isTrue(asksTooMuch(remote, asking(61)))
      assert.isFalse(asksTooMuch(patient, asking(61)))
    }))

  it("takes the request from the error where that names one", () => {
    const otherwise = { method: "GET", url: "/v2/x" }
    const retryAfter = Duration.seconds(1)
    const url = "https://storage.test/x"
    assert.deepStrictEqual(
      stepOf(new TransportError({ method: "PUT", url, reason: "Reset", description: "cut" }), otherwise),
      { method: "PUT", url, reason: "Reset", message: `PUT ${url} failed (Reset): cut`, retryAfter: undefined }
    )
    assert.deepStrictEqual(
      stepOf(new UnexpectedStatus({ method: "PUT", url, status: 503, errors: [], retryAfter }), otherwise),
      { method: "PUT", url, reason: "503", message: `PUT ${url} was answered 503`, retryAfter }
    )
    assert.deepStrictEqual(stepOf(new SizeMismatch({ resource: "x", expected: 1, actual: 2 }), otherwise), {
      ...otherwise,
      reason: "SizeMismatch",
      message: "x should have 1 bytes, but 2 were found",
      retryAfter: undefined
    })
  })
})
