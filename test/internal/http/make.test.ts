import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import { readFileSync } from "node:fs"
import { inspect } from "node:util"
import * as Credentials from "../../../src/Credentials.js"
import { makeTransport } from "../../../src/internal/http/make.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import type { TransportError } from "../../../src/RegistryError.js"
import { coded, get, type Reply, scripted, utf8 } from "./scripted.js"

const encoder = new TextEncoder()

/** A body that gives its parts and then ends, breaks or says nothing more. */
const body = (parts: ReadonlyArray<string>, then: "end" | "break" | "stall"): ReadableStream<Uint8Array> => {
  let index = 0
  return new ReadableStream({
    pull: (controller) => {
      const part = parts[index++]
      if (part !== undefined) controller.enqueue(encoder.encode(part))
      else if (then === "end") controller.close()
      else if (then === "break") controller.error(coded("ECONNRESET"))
      else return new Promise<void>(() => {})
      return undefined
    }
  }, { highWaterMark: 0 })
}

/** An answer with so many bytes every fifteen seconds, without an end. */
const dripping = (bytes: number, status = 200): Effect.Effect<Reply> =>
  Effect.map(
    Stream.toReadableStreamEffect(Stream.repeatEffect(Effect.as(Effect.sleep("15 seconds"), new Uint8Array(bytes)))),
    (body) => ({ status, body })
  )

describe("an answer", () => {
  it.scoped("is handed back when its status is accepted, and is an error otherwise", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({
        status: 404,
        headers: { "X-Thing": "1" },
        body: JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "gone\u001b[31m" }] })
      }))
      const { execute } = yield* transport()
      const response = yield* execute(get("example.com", { accept: [404] }))
      assert.strictEqual(response.status, 404)
      assert.strictEqual(response.headers["x-thing"], "1")
      const error = yield* Effect.flip(execute(get("example.com", { url: "/v2/x?token=SECRET" })))
      assert.strictEqual(error._tag, "UnexpectedStatus")
      assert.include(error.message, "GET https://example.com/v2/x was answered 404: MANIFEST_UNKNOWN (gone")
      assert.notInclude(error.message, "\u001b")
    }))

  it.scoped("of HEAD has no body", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({ status: 200, headers: { "content-length": "123" } }))
      const { execute } = yield* transport()
      const response = yield* execute(get("example.com", { method: "HEAD" }))
      assert.strictEqual((yield* response.bytes(1)).length, 0)
    }))

  it.scoped("is read up to a limit, and no further", () =>
    Effect.gen(function*() {
      const endless = () =>
        new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(1000)) })
      const { transport } = scripted((_, count) => ({
        status: 200,
        ...(count === 1
          ? { body: endless() }
          : { body: "short", headers: { "content-length": count === 2 ? "5000" : "50" } })
      }))
      const { execute } = yield* transport()
      const failures: Array<unknown> = []
      for (let i = 0; i < 3; i++) {
        const response = yield* execute(get("example.com"))
        const { reason, size } = yield* Effect.flip(response.bytes(4096))
        failures.push([reason, size])
      }
      // What had come by then, and what was announced.
      assert.deepStrictEqual(failures, [["TooLarge", 5000], ["TooLarge", 5000], ["Reset", undefined]])
    }))

  for (const headers of [{}, { "content-length": "10000000" }]) {
    it.scoped(`with a large error body and ${inspect(headers)} is the error of its status, and is not read to its end`, () =>
      Effect.gen(function*() {
        let given = 0
        const large = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            given += 65536
            if (given > 10_000_000) controller.close()
            else controller.enqueue(new Uint8Array(65536))
          }
        })
        const { transport } = scripted(() => ({ status: 400, body: large, headers }))
        const { execute } = yield* transport()
        assert.strictEqual((yield* Effect.flip(execute(get("example.com"))))._tag, "UnexpectedStatus")
        assert.isAtMost(given, 2 * 1024 * 1024)
      }))
  }

  for (const [what, then] of [["breaks off", "break"], ["does not come", "stall"]] as const) {
    it.scoped(`that is a refusal is one also when its body ${what}`, () =>
      Effect.gen(function*() {
        const challenge = { "www-authenticate": "Basic realm=\"r\"" }
        const headers = { "content-length": "10" }
        const { log, transport } = scripted((seen) =>
          seen.headers["authorization"] === undefined
            ? { status: 401, headers: { ...headers, ...challenge }, body: body(["{"], then) }
            : { status: 404, headers, body: body(["{"], then) }
        )
        const { execute } = yield* transport({}, { "example.com": Credentials.basic("u", Redacted.make("p")) })
        const fiber = yield* Effect.fork(Effect.flip(execute(get("example.com"))))
        yield* TestClock.adjust("1 minutes")
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "UnexpectedStatus", status: 404 })
        assert.strictEqual(log.length, 2)
      }))
  }

  it.scoped("whose refusal comes ever so slowly is told after an idle time-out", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => dripping(200_000, 404))
      const { execute } = yield* transport()
      const fiber = yield* Effect.fork(Effect.flip(execute(get("example.com"))))
      yield* TestClock.adjust("20 seconds")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "UnexpectedStatus", status: 404 })
    }))

  it.scoped.each([{}, { "content-length": "5" }])(
    "whose buffered body breaks is fetched again, with %o",
    (headers) =>
      Effect.gen(function*() {
        const { log, transport } = scripted((_, count) => ({
          status: 200,
          headers,
          body: body(["he", "llo"], count === 1 ? "break" : "end")
        }))
        const { execute } = yield* transport()
        const fiber = yield* Effect.fork(execute(get("example.com", { buffer: 100 })))
        yield* TestClock.adjust("1 minutes")
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(utf8(yield* response.bytes(100)), "hello")
        assert.strictEqual(yield* Stream.runFold(response.stream, 0, (sum, part) => sum + part.length), 5)
        assert.strictEqual((yield* Effect.flip(response.bytes(4))).reason, "TooLarge")
        assert.strictEqual(log.length, 2)
        const tooLarge = yield* Effect.flip(execute(get("example.com", { buffer: 4 })))
        assert.strictEqual((tooLarge as TransportError).reason, "TooLarge")
        assert.strictEqual(log.length, 3)
      })
  )
})

describe("the watchdog", () => {
  it.scoped("ends a request that is not answered, tries it again, and gives up in bounded time", () =>
    Effect.gen(function*() {
      const { log, signals, transport } = scripted(() => "hang")
      const { execute } = yield* transport({ retries: 1 })
      const fiber = yield* Effect.fork(Effect.flip(execute(get("example.com"))))
      yield* TestClock.adjust("19 seconds")
      assert.isFalse(signals[0]?.aborted)
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(signals[0]?.aborted)
      assert.strictEqual(log.length, 2)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(((yield* Fiber.join(fiber)) as TransportError).reason, "Timeout")
    }))

  it.scoped("works where the caller cannot be interrupted", () =>
    Effect.gen(function*() {
      const { transport } = scripted((_, count) => count === 1 ? { status: 200 } : "hang")
      const { execute } = yield* transport({ retries: 0 })
      yield* Effect.acquireRelease(execute(get("example.com")), () => Effect.void)
      const fiber = yield* Effect.fork(Effect.flip(Effect.uninterruptible(execute(get("example.com")))))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(((yield* Fiber.join(fiber)) as TransportError).reason, "Timeout")
    }))

  it.scoped("ends a body that stalls, however slow its consumer was before", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({ status: 200, body: body(["a", "b"], "stall") }))
      const { execute } = yield* transport({ idleTimeout: "5 seconds" })
      const response = yield* execute(get("example.com"))
      let seen = 0
      const fiber = yield* response.stream.pipe(
        Stream.rechunk(1),
        Stream.runForEach(() => Effect.zipRight(Effect.sync(() => seen++), Effect.sleep("1 minutes"))),
        Effect.flip,
        Effect.fork
      )
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(seen, 2)
      yield* TestClock.adjust("6 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason, "Timeout")
      assert.include(error.description, "no progress for 5s while reading the body")
    }))

  it.scoped("ends a body of which a byte comes now and then, when it took longer than its bytes may", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted(() => dripping(200))
      const { execute } = yield* transport({ retries: 0 })
      const buffered = yield* Effect.fork(Effect.flip(execute(get("example.com", { buffer: 1000 }))))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* Fiber.poll(buffered))._tag, "None")
      yield* TestClock.adjust("1 seconds")
      const error = (yield* Fiber.join(buffered)) as TransportError
      assert.deepStrictEqual([error.reason, log.length], ["Timeout", 1])
      assert.include(error.description, "less than 10000 bytes per second while reading the body")
      const patient = yield* transport({ retries: 0, minRate: 10 })
      const slow = yield* Effect.fork(patient.execute(get("example.com", { buffer: 100_000 })))
      yield* TestClock.adjust("1 hours")
      assert.strictEqual((yield* Fiber.poll(slow))._tag, "None")
      yield* Fiber.interrupt(slow)
    }))

  it.scoped("gives a small body the time that its bytes may take, and ends it then", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({
        status: 200,
        headers: { "content-length": "60000" },
        body: body(["a"], "stall")
      }))
      const { execute } = yield* transport({ retries: 0 })
      const fiber = yield* Effect.fork(Effect.flip(execute(get("example.com", { buffer: 100_000 }))))
      yield* TestClock.adjust("25999 millis")
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
      yield* TestClock.adjust("1 millis")
      const error = (yield* Fiber.join(fiber)) as TransportError
      assert.strictEqual(error.reason, "Timeout")
      assert.include(error.description, "while reading the body")
    }))

  it.scoped("ends a token answer that drips, for all who wait for the token, and gets another", () =>
    Effect.gen(function*() {
      let tokens = 0
      const { transport } = scripted((seen) => {
        if (seen.url.startsWith("https://auth")) {
          return tokens++ === 0 ? dripping(1) : { status: 200, body: "{\"token\":\"t\"}" }
        }
        return seen.headers["authorization"] === undefined
          ? { status: 401, headers: { "www-authenticate": "Bearer realm=\"https://auth.example.com/t\"" } }
          : { status: 200 }
      })
      const { execute } = yield* transport({ retries: 1 })
      const both = Effect.all([execute(get("example.com")), execute(get("example.com"))], { concurrency: 2 })
      const fiber = yield* Effect.fork(both)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(tokens, 2)
    }))

  it.scoped("does not count the time of a slow consumer against the rate", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({ status: 200, body: body(["a", "b", "c", "d"], "end") }))
      const { execute } = yield* transport({ idleTimeout: "5 seconds" })
      const response = yield* execute(get("example.com"))
      const fiber = yield* Effect.fork(
        Stream.runForEach(Stream.rechunk(response.stream, 1), () => Effect.sleep("1 minutes"))
      )
      yield* TestClock.adjust("4 minutes")
      yield* Fiber.join(fiber)
    }))

  it.scoped("ends an upload of which little is taken now and then", () =>
    Effect.gen(function*() {
      const { client } = scripted(() => "hang")
      let taken = 0
      // Takes a piece every fifteen seconds.
      const slow = HttpClient.make((request) =>
        request.body._tag === "Stream"
          ? Effect.zipRight(
            Effect.orDie(Stream.runForEach(request.body.stream, () =>
              Effect.zipRight(Effect.sync(() => taken++), Effect.sleep("15 seconds")))),
            Effect.never
          )
          : client.execute(request)
      )
      const { execute } = yield* Effect.provideService(
        Effect.provide(makeTransport({ retries: 0 }), Layer.orDie(Credentials.layerHosts({}))),
        HttpClient.HttpClient,
        slow
      )
      const put = (content: Uint8Array, each: number) =>
        execute({
          ...get("example.com"),
          method: "PUT",
          body: {
            _tag: "Stream",
            content: Stream.rechunk(Stream.repeatValue(content), each),
            contentType: "application/octet-stream",
            length: undefined
          }
        })
      const little = yield* Effect.fork(Effect.flip(put(new Uint8Array(1), 1)))
      yield* TestClock.adjust("21 seconds")
      const error = (yield* Fiber.join(little)) as TransportError
      assert.strictEqual(error.reason, "Timeout")
      assert.include(error.description, "less than 10000 bytes per second while sending the body")
      assert.strictEqual(taken, 2)
      const enough = yield* Effect.fork(put(new Uint8Array(150_000), 1))
      yield* TestClock.adjust("1 hours")
      assert.strictEqual((yield* Fiber.poll(enough))._tag, "None")
      yield* Fiber.interrupt(enough)
    }))

  it.scoped("sees how far a large body of bytes got, and notices a stall however large it is", () =>
    Effect.gen(function*() {
      const size = 8 * 1024 * 1024
      const { client } = scripted(() => "hang")
      let taken = 0
      const stuck = HttpClient.make((request) =>
        request.body._tag !== "Stream" ? client.execute(request) : Effect.zipRight(
          Effect.orDie(Stream.runForEach(request.body.stream, (part) =>
            Effect.suspend(() => {
              taken += part.length
              return taken < size / 2 ? Effect.void : Effect.never
            }))),
          Effect.never
        )
      )
      const { call } = yield* Effect.provideService(
        Effect.provide(makeTransport({ retries: 0 }), Layer.orDie(Credentials.layerHosts({}))),
        HttpClient.HttpClient,
        stuck
      )
      const fiber = yield* Effect.fork(Effect.flip(call({
        ...get("example.com"),
        method: "PATCH",
        body: { _tag: "Bytes", bytes: new Uint8Array(size), contentType: "application/octet-stream" }
      })))
      yield* TestClock.adjust("1 minutes")
      const error = (yield* Fiber.join(fiber)) as TransportError
      assert.strictEqual(error.reason, "Timeout")
      assert.include(error.description, "while sending the body")
      assert.isAtLeast(taken, size / 2)
    }))

  it.scoped("sends no head of a request before the first bytes of its body are there", () =>
    Effect.gen(function*() {
      const { client } = scripted(() => ({ status: 201 }))
      const sent: Array<number> = []
      const noting = HttpClient.make((request) =>
        Effect.zipRight(
          Effect.map(Clock.currentTimeMillis, (now) => sent.push(now)),
          client.execute(request)
        )
      )
      const { execute } = yield* Effect.provideService(
        Effect.provide(makeTransport({ retries: 0 }), Layer.orDie(Credentials.layerHosts({}))),
        HttpClient.HttpClient,
        noting
      )
      let ended = 0
      const put = (content: Stream.Stream<Uint8Array>) =>
        execute({
          ...get("example.com"),
          method: "PUT",
          accept: [201],
          body: {
            _tag: "Stream",
            content: Stream.ensuring(content, Effect.sync(() => ended++)),
            contentType: "application/octet-stream",
            length: 1
          }
        })
      const fiber = yield* Effect.fork(put(Stream.fromEffect(Effect.as(Effect.sleep("10 minutes"), new Uint8Array(1)))))
      yield* TestClock.adjust("9 minutes")
      assert.deepStrictEqual(sent, [])
      yield* TestClock.adjust("1 minutes")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual([sent, ended], [[600_000], 1])
      const given = yield* Effect.fork(put(Stream.fromEffect(Effect.never)))
      yield* TestClock.adjust("1 minutes")
      yield* Fiber.interrupt(given)
      assert.deepStrictEqual([sent.length, ended], [1, 2])
    }))

  it.effect("gives a body that goes out at once the time that its bytes may take on a slow line", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => "hang")
      const { call } = yield* transport({ retries: 0, idleTimeout: "5 seconds" })
      const bytes = new Uint8Array(256 * 1024)
      const fiber = yield* Effect.fork(Effect.flip(call({
        ...get("example.com"),
        method: "PUT",
        body: { _tag: "Bytes", bytes, contentType: "application/octet-stream" }
      })))
      yield* TestClock.adjust("14999 millis")
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(((yield* Fiber.join(fiber)) as TransportError).reason, "Timeout")
    }))

  it.scoped("waits for a slow source of an upload, and not for a registry that does not answer it", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen) => seen.url.endsWith("/hang") ? "hang" : { status: 201 })
      const { execute } = yield* transport({ retries: 0 })
      const put = (url: string) =>
        execute({
          ...get("example.com", { url }),
          method: "PUT",
          accept: [201],
          body: {
            _tag: "Stream",
            content: Stream.schedule(
              Stream.make(encoder.encode("a"), encoder.encode("b")),
              Schedule.spaced("1 minutes")
            ),
            contentType: "application/octet-stream",
            length: 2
          }
        })
      const slowly = yield* Effect.fork(put("/v2/slow"))
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Fiber.join(slowly)).status, 201)
      const hanging = yield* Effect.fork(Effect.flip(put("/v2/hang")))
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(log[1]?.body, "ab")
      assert.strictEqual(((yield* Fiber.join(hanging)) as TransportError).reason, "Timeout")
    }))
})

describe("the source of a body", () => {
  it.scoped("fails the request with its own error or defect, once", () =>
    Effect.gen(function*() {
      let runs = 0
      const { transport } = scripted(() => ({ status: 201 }))
      const { execute } = yield* transport()
      const put = <E>(end: Stream.Stream<never, E>) =>
        Effect.exit(execute({
          ...get("example.com"),
          method: "PUT",
          body: {
            _tag: "Stream",
            content: Stream.concat(Stream.sync(() => encoder.encode(`${runs++}`)), end),
            contentType: "application/octet-stream",
            length: undefined
          }
        }))
      const failed = yield* put(Stream.fail("disk" as const))
      assert.deepStrictEqual(failed, Exit.fail("disk"))
      const died = yield* put(Stream.die("bug"))
      assert.isTrue(Exit.isFailure(died) && Cause.isDie(died.cause))
      assert.strictEqual(runs, 2)
    }))
})

describe("nothing secret", () => {
  const secrets = ["S3CRET-password", "S3CRET-token", "S3CRET-query", "S3CRET-header", "S3CRET-identity"]
  const options: RegistryConfig.Options = {
    retries: 1,
    hosts: { "example.com": { headers: { "x-key": Redacted.make("S3CRET-header") } } }
  }
  const request = get("example.com", { url: "/v2/x?sig=S3CRET-query" })
  const challenge: Reply = {
    status: 401,
    headers: { "www-authenticate": "Bearer realm=\"https://auth.example.com/t?k=S3CRET-query\"" }
  }
  const platform = Object.assign(new Error("S3CRET-token in https://x/?S3CRET-query"), { code: "ECONNRESET" })
  const token: Reply = { status: 200, body: "{\"token\":\"S3CRET-token\"}" }
  const ends: ReadonlyArray<readonly [string, Reply, Reply]> = [
    ["refused", challenge, token],
    ["denied", { status: 403 }, token],
    ["limited", { status: 429 }, token],
    ["reset", { cause: platform }, token],
    ["redirected", { status: 307, headers: { location: "http://cdn.example.net/?S3CRET-query" } }, token],
    ["a token that cannot be sent", challenge, { status: 200, body: "{\"token\":\"S3CRET-token\\n\"}" }],
    ["a token answer that is none", challenge, { status: 200, body: "S3CRET-token" }],
    ["no token", challenge, { status: 401 }],
    ["no token server", challenge, { cause: platform }],
    ["a token server elsewhere", challenge, { status: 302, headers: { location: "http://x/?S3CRET-query" } }]
  ]
  for (const [name, reply, tokenReply] of ends) {
    for (const kind of ["Basic", "Identity"] as const) {
      it.effect(`is in errors, logs or spans: ${name}, ${kind}`, () =>
        Effect.gen(function*() {
          const shown: Array<unknown> = []
          const logger = Logger.make((line) => shown.push(line.message, [...line.annotations], line.cause))
          const tracer = Tracer.make({
            context: (run) => run(),
            span: (spanName, parent, context, links, startTime, spanKind) => {
              const attributes = new Map<string, unknown>()
              shown.push(spanName, attributes)
              return {
                _tag: "Span",
                name: spanName,
                spanId: "1",
                traceId: "1",
                parent,
                context,
                links: [...links],
                status: { _tag: "Started", startTime },
                attributes,
                sampled: true,
                kind: spanKind,
                addLinks: () => {},
                attribute: (key, value) => attributes.set(key, value),
                end: (_, exit) => shown.push(exit),
                event: (event, __, values) => shown.push(event, values)
              }
            }
          })
          const { log, transport } = scripted((seen) =>
            seen.url.startsWith("https://auth")
              ? tokenReply
              : seen.headers["authorization"] === undefined
              ? challenge
              : reply
          )
          const credential = kind === "Basic"
            ? Credentials.basic("ci", Redacted.make("S3CRET-password"))
            : Credentials.identity(Redacted.make("S3CRET-identity"))
          yield* Effect.gen(function*() {
            const service = yield* transport(options, { "example.com": credential })
            const fiber = yield* Effect.fork(Effect.exit(Effect.scoped(service.execute(request))))
            yield* TestClock.adjust("10 minutes")
            const exit = yield* Fiber.join(fiber)
            assert.isTrue(Exit.isFailure(exit))
            shown.push(exit, service)
            if (Exit.isFailure(exit)) shown.push(Cause.pretty(exit.cause), Cause.squash(exit.cause))
          }).pipe(
            Logger.withMinimumLogLevel(LogLevel.All),
            Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
            Effect.withTracer(tracer)
          )
          assert.isAbove(shown.length, 4)
          for (const one of shown) {
            const texts = [inspect(one, { depth: 12, showHidden: true }), JSON.stringify(one) ?? "", String(one)]
            for (const text of texts) for (const secret of secrets) assert.notInclude(text, secret)
          }
          for (const seen of log) {
            for (const header of ["traceparent", "b3"]) assert.strictEqual(seen.headers[header], undefined)
            if (!seen.url.startsWith("https://example.com/")) assert.strictEqual(seen.headers["x-key"], undefined)
          }
        }))
    }
  }
})

describe("warnings", () => {
  it.scoped("are logged once", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => lines.push(String(message)))
      const { transport } = scripted(() => ({
        status: 200,
        headers: { warning: "299 - \"old, \\\"really\\\"\", 110 x \"stale\", 299 - \"second\"" }
      }))
      const { execute } = yield* transport()
      yield* Effect.replicateEffect(execute(get("example.com")), 3).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.deepStrictEqual(lines, ["example.com warns: old, \"really\"", "example.com warns: second"])
    }))
})

describe("options", () => {
  const bad: ReadonlyArray<RegistryConfig.Options> = [
    { retries: -1 },
    { retries: 1.5 },
    { idleTimeout: 0 },
    ...[0, -1, 0.5, NaN, Infinity].map((minRate) => ({ minRate })),
    { idleTimeout: Duration.zero },
    { maxRetryAfter: -5 },
    { maxListTime: 0 },
    { maxPages: 0 },
    { maxPages: 1.5 },
    { userAgent: "a\r\nb" },
    { userAgent: " " },
    { hosts: { "http://example.com": {} } },
    { hosts: { "docker.io": {}, "index.docker.io": {} } },
    { hosts: { "example.com": { headers: { "content-length": "1" } } } },
    ...[0, -1, 0.5, NaN, Infinity].flatMap((size) => [
      { maxManifestSize: size },
      { hosts: { "example.com": { chunkSize: size } } },
      { hosts: { "example.com": { concurrency: size } } }
    ]),
    { hosts: { "example.com": { blobCheck: "get" as "head" } } }
  ]
  for (const options of bad) {
    it.effect(`are refused: ${inspect(options)}`, () =>
      Effect.gen(function*() {
        const { transport } = scripted(() => ({ status: 200 }))
        assert.strictEqual((yield* Effect.flip(transport(options)))._tag, "InvalidInput")
      }))
  }

  it.scoped("name who asks", () =>
    Effect.gen(function*() {
      const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"))
      const { log, transport } = scripted(() => ({ status: 200 }))
      yield* (yield* transport()).execute(get("example.com", { headers: { "Accept-Encoding": "gzip" } }))
      yield* (yield* transport({ userAgent: "mine/1" })).execute(get("example.com"))
      assert.strictEqual(log[0]?.headers["user-agent"], `effect-oci/${version}`)
      assert.strictEqual(log[0]?.headers["accept-encoding"], "identity")
      assert.strictEqual(log[1]?.headers["user-agent"], "mine/1")
    }))

  it.scoped("do not make a bad registry name good", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted(() => ({ status: 200 }))
      const { execute } = yield* transport()
      assert.strictEqual((yield* Effect.flip(execute(get("exa mple"))))._tag, "InvalidInput")
      assert.strictEqual(log.length, 0)
    }))
})
