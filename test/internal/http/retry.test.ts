import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { parseRetryAfter } from "../../../src/internal/http/retry.js"
import type { Request } from "../../../src/internal/http/transport.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import { type RateLimited, TransportError } from "../../../src/RegistryError.js"
import { coded, get, type Reply, scripted } from "./scripted.js"

/** Runs the request against these answers, one after the other, the last for ever; gives the log and the retries. */
const run = (replies: ReadonlyArray<Reply>, request: Partial<Request> = {}, options: RegistryConfig.Options = {}) =>
  Effect.gen(function*() {
    const retries: Array<RegistryConfig.Retry> = []
    const { log, transport } = scripted((_, count) => replies[Math.min(count, replies.length) - 1] ?? "hang")
    const { execute } = yield* transport({
      onRetry: (retry) => Effect.sync(() => retries.push(retry)),
      ...options
    })
    const fiber = yield* Effect.fork(Effect.either(Effect.scoped(execute(get("example.com", request)))))
    yield* TestClock.adjust("3 hours")
    return { result: yield* Fiber.join(fiber), tries: log.length, retries }
  })

const codeBody = (status: number, code: string): Reply => ({ status, body: JSON.stringify({ errors: [{ code }] }) })
const ok: Reply = { status: 200 }

describe("retry", () => {
  for (const status of [408, 429, 500, 502, 503, 504]) {
    it.effect(`tries again after ${status}`, () =>
      Effect.gen(function*() {
        const { result, retries, tries } = yield* run([{ status }, ok])
        assert.strictEqual(result._tag, "Right")
        assert.strictEqual(tries, 2)
        assert.deepStrictEqual(retries.map((retry) => [retry.attempt, retry.reason, retry.registry, retry.url]), [
          [1, String(status), "example.com", "https://example.com/v2/team/app/manifests/1"]
        ])
      }))
  }

  for (const code of ["ECONNRESET", "ECONNREFUSED", "UND_ERR_SOCKET", "EAI_AGAIN", "whatever"]) {
    it.effect(`tries again after ${code}`, () =>
      Effect.gen(function*() {
        const { result, tries } = yield* run([{ cause: coded(code) }, ok])
        assert.strictEqual(result._tag, "Right")
        assert.strictEqual(tries, 2)
      }))
  }

  for (const reply of [codeBody(403, "TOOMANYREQUESTS"), codeBody(400, "UNAVAILABLE")]) {
    it.effect(`tries again for the code in ${JSON.stringify(reply)}`, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* run([reply, ok])).tries, 2)
      }))
  }

  const final: ReadonlyArray<readonly [string, Reply]> = [
    ["400", { status: 400 }],
    ["404", codeBody(404, "MANIFEST_UNKNOWN")],
    ["501", { status: 501 }],
    ["a bad certificate", { cause: coded("CERT_HAS_EXPIRED") }],
    ["a name that does not exist", { cause: coded("ENOTFOUND") }],
    ["a wrong length", { cause: coded("UND_ERR_REQ_CONTENT_LENGTH_MISMATCH") }]
  ]
  for (const [name, reply] of final) {
    it.effect(`does not try again after ${name}`, () =>
      Effect.gen(function*() {
        const { result, tries } = yield* run([reply])
        assert.strictEqual(result._tag, "Left")
        assert.strictEqual(tries, 1)
      }))
  }

  it.effect("ends after four more tries with the last failure", () =>
    Effect.gen(function*() {
      const { result, retries, tries } = yield* run([
        { status: 503 },
        { cause: coded("ECONNRESET") },
        codeBody(502, "X")
      ])
      assert.strictEqual(tries, 5)
      assert.strictEqual(result._tag === "Left" && result.left._tag, "UnexpectedStatus")
      const delays = retries.map((retry) => Duration.toMillis(retry.delay))
      for (const [index, middle] of [500, 1000, 2000, 4000].entries()) {
        assert.isAtLeast(delays[index] ?? 0, middle * 0.8 - 1)
        assert.isAtMost(delays[index] ?? 0, middle * 1.2 + 1)
      }
    }))

  it.effect("waits for whole milliseconds, as TestClock fails after a fraction of one", () =>
    Effect.gen(function*() {
      const { retries } = yield* run([{ status: 503 }])
      const delays = retries.map((retry) => Duration.toMillis(retry.delay))
      assert.strictEqual(delays.length, 4)
      assert.deepStrictEqual(delays, delays.map(Math.round))
    }))

  it.effect("waits before each try for as long as it said", () =>
    Effect.gen(function*() {
      const delays: Array<number> = []
      const { log, transport } = scripted((_, count) => count < 3 ? { status: 503 } : { status: 200 })
      const { execute } = yield* transport({
        onRetry: ({ delay }) => Effect.sync(() => delays.push(Duration.toMillis(delay)))
      })
      const fiber = yield* Effect.fork(Effect.scoped(execute(get("example.com"))))
      for (const tries of [1, 2]) {
        yield* TestClock.adjust(0)
        assert.strictEqual(log.length, tries)
        const delay = delays.at(-1) ?? 0
        yield* TestClock.adjust(delay - 1)
        assert.strictEqual(log.length, tries)
        yield* TestClock.adjust(1)
        assert.strictEqual(log.length, tries + 1)
      }
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    }))

  it.effect("waits 24 seconds at most, however many tries there are", () =>
    Effect.gen(function*() {
      const { retries } = yield* run([{ status: 503 }], {}, { retries: 12 })
      const delays = retries.map((retry) => Duration.toMillis(retry.delay))
      assert.strictEqual(delays.length, 12)
      for (const delay of delays.slice(6)) {
        assert.isAtLeast(delay, 16_000 - 1)
        assert.isAtMost(delay, 24_000 + 1)
      }
    }))

  it.effect("does not wait as long for all requests that failed at the same time", () =>
    Effect.gen(function*() {
      const runs = yield* Effect.forEach([1, 2, 3, 4, 5], () => run([{ status: 503 }, ok]))
      assert.isAbove(new Set(runs.map(({ retries }) => Duration.toMillis(retries[0]?.delay ?? 0))).size, 1)
    }))

  it.effect("takes another number, or another schedule", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* run([{ status: 503 }], {}, { retries: 0 })).tries, 1)
      assert.strictEqual((yield* run([{ status: 503 }], {}, { retries: 2 })).tries, 3)
      const retry = Schedule.intersect(Schedule.spaced("3 seconds"), Schedule.recurs(6))
      const { retries } = yield* run([{ status: 503 }], {}, { retry })
      assert.deepStrictEqual(retries.map((one) => Duration.toMillis(one.delay)), Array(6).fill(3000))
    }))

  it.effect("waits for so long as Retry-After says", () =>
    Effect.gen(function*() {
      const { retries } = yield* run([
        { status: 429, headers: { "retry-after": "17" } },
        { status: 503, headers: { "retry-after": new Date(17_000 + 30_000).toUTCString() } },
        { status: 429, headers: { "retry-after": "5.5" } },
        ok
      ])
      assert.deepStrictEqual(retries.map((retry) => Duration.toMillis(retry.delay)), [17_000, 30_000, 5500])
    }))

  it.effect("waits for longer than Retry-After says where its own schedule does", () =>
    Effect.gen(function*() {
      const after = (seconds: string): Reply => ({ status: 503, headers: { "retry-after": seconds } })
      const retry = Schedule.intersect(Schedule.spaced("3 seconds"), Schedule.recurs(6))
      const { retries } = yield* run([after("1"), after("17"), after("2"), ok], {}, { retry })
      assert.deepStrictEqual(retries.map((one) => Duration.toMillis(one.delay)), [3000, 17_000, 3000])
    }))

  it.effect("does not wait for longer than allowed, and says what was asked for", () =>
    Effect.gen(function*() {
      const reply: Reply = { status: 429, headers: { "retry-after": "3600" } }
      const { result, tries } = yield* run([reply])
      assert.strictEqual(tries, 1)
      const error = (result._tag === "Left" ? result.left : undefined) as RateLimited
      assert.strictEqual(error._tag, "RateLimited")
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(3600))
      assert.strictEqual((yield* run([reply, ok], {}, { maxRetryAfter: "2 hours" })).tries, 2)
    }))

  it.effect("sends what must not be replayed again only when it was not acted on", () =>
    Effect.gen(function*() {
      const tries = (reply: Reply) => Effect.map(run([reply, ok], { replay: false }), (done) => done.tries)
      assert.strictEqual(yield* tries({ status: 429 }), 2)
      assert.strictEqual(yield* tries({ cause: coded("ECONNREFUSED") }), 2)
      assert.strictEqual(yield* tries({ cause: new AggregateError([coded("ECONNREFUSED"), coded("ENETUNREACH")]) }), 2)
      assert.strictEqual(yield* tries({ status: 503 }), 1)
      assert.strictEqual(yield* tries({ cause: coded("ECONNRESET") }), 1)
      assert.strictEqual(yield* tries({ cause: new Error("odd") }), 1)
    }))

  it.effect("is logged, without the query", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const about: Array<unknown> = []
      const logger = Logger.make(({ annotations, message }) => {
        lines.push(String(message))
        about.push(Object.fromEntries(annotations))
      })
      yield* run([{ status: 503 }, ok], { url: "/v2/x?sig=SECRET" }).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^GET https:\/\/example\.com\/v2\/x was answered 503; next try in 0\.\d s$/)
      assert.deepStrictEqual(about, [{ registry: "example.com", attempt: 1 }])
    }))

  it.effect("is not for what the body's own source fails with, even when that is a transport error", () =>
    Effect.gen(function*() {
      const own = new TransportError({ method: "GET", url: "https://source/x", reason: "Reset", description: "cut" })

      const { log, transport } = scripted(() => ({ status: 201 }))
      const { execute } = yield* transport()
      const error = yield* Effect.flip(Effect.scoped(execute({
        ...get("example.com"),
        method: "PUT",
        body: {
          _tag: "Stream",
          content: Stream.concat(Stream.make(new Uint8Array(3)), Stream.fail(own)),
          contentType: "application/octet-stream",
          length: 6
        }
      })))
      assert.strictEqual(error, own)
      assert.strictEqual(log.length, 0)
    }))
})

describe("parseRetryAfter", () => {
  const now = Date.parse("2026-01-01T00:00:00Z")
  const millis = (text: string | undefined) => {
    const delay = parseRetryAfter(text, now)
    return delay === undefined ? undefined : Duration.toMillis(delay)
  }
  const table: ReadonlyArray<readonly [string | undefined, number | undefined]> = [
    [undefined, undefined],
    ["", undefined],
    ["0", undefined],
    ["-1", undefined],
    ["1", 1000],
    [" 120 ", 120_000],
    ["0.25", 250],
    ["1e9", undefined],
    ["soon", undefined],
    ["2030", 2_030_000],
    ["Thu, 01 Jan 2026 00:00:10 GMT", 10_000],
    ["Thursday, 01-Jan-26 00:00:10 GMT", 10_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", undefined]
  ]
  for (const [text, expected] of table) {
    it(`reads ${JSON.stringify(text)}`, () => assert.strictEqual(millis(text), expected))
  }
  it.prop("is a wait or nothing", [FastCheck.string()], ([text]) => {
    const wait = millis(text)
    assert.isTrue(wait === undefined || wait > 0)
  })
})
