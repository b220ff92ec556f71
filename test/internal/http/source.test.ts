/** Where the content of an upload comes from: when it is asked, when it is closed, and what its failures mean. */
import * as HttpClient from "@effect/platform/HttpClient"
import { type HttpClientError, RequestError } from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../../../src/Credentials.js"
import { makeTransport } from "../../../src/internal/http/make.js"
import type { Request } from "../../../src/internal/http/transport.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import type { TransportError } from "../../../src/RegistryError.js"
import { coded, get } from "./scripted.js"

const contentType = "application/octet-stream"

/** A transport over a client that does this with the bytes of a request, and answers with the status that comes of it. */
const over = (
  take: (
    bytes: Stream.Stream<Uint8Array, unknown>,
    request: HttpClientRequest,
    signal: AbortSignal
  ) => Effect.Effect<number, HttpClientError>,
  options: RegistryConfig.Options = {}
) =>
  Effect.provide(
    makeTransport({ retries: 0, ...options }),
    Layer.merge(
      Layer.orDie(Credentials.layerHosts({})),
      Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request, _, signal) =>
          Effect.map(
            take(request.body._tag === "Stream" ? request.body.stream : Stream.empty, request, signal),
            (status) =>
              HttpClientResponse.fromWeb(request, new Response(null, { status, headers: { "content-length": "0" } }))
          )
        )
      )
    )
  )

const put = <E>(content: Stream.Stream<Uint8Array, E>): Request<E> => ({
  ...get("example.com"),
  method: "PUT",
  accept: [201],
  body: { _tag: "Stream", content, contentType, length: undefined }
})

const drained = (bytes: Stream.Stream<Uint8Array, unknown>) => Effect.orDie(Stream.runDrain(bytes))

describe("the source of an upload", () => {
  it.scoped("fails the request before anything is sent when it fails before its first bytes", () =>
    Effect.gen(function*() {
      let sent = 0
      const { execute } = yield* over(() => Effect.sync(() => (sent++, 201)))
      assert.strictEqual(yield* Effect.flip(execute(put(Stream.fail("disk" as const)))), "disk")
      assert.strictEqual(sent, 0)
    }))

  it.scoped("fails the request also where the registry takes what came before for all of it", () =>
    Effect.gen(function*() {
      const { execute } = yield* over((content) => Effect.as(Effect.exit(Stream.runDrain(content)), 201))
      const content = Stream.concat(Stream.make(new Uint8Array(1)), Stream.fail("disk" as const))
      assert.strictEqual(yield* Effect.flip(execute(put(content))), "disk")
    }))

  it.scoped("is sent as it is, also when large pieces of it are cut", () =>
    Effect.gen(function*() {
      const bytes = Buffer.from(Uint8Array.from({ length: 1_500_001 }, (_, i) => (i * 31 + (i >> 8)) % 251))
      const bodies: Array<Buffer> = []
      const { execute } = yield* over((content) =>
        Effect.map(Effect.orDie(Stream.runCollect(content)), (parts) => {
          bodies.push(Buffer.concat(Chunk.toReadonlyArray(parts)))
          return 201
        })
      )
      yield* execute(put(Stream.make(bytes.subarray(0, 3), bytes.subarray(3))))
      yield* execute({ ...put(Stream.empty), body: { _tag: "Bytes", bytes, contentType } })
      assert.deepStrictEqual(bodies.map((body) => body.equals(bytes)), [true, true])
    }))

  it.scoped("is closed when the registry answers before it has taken all of it", () =>
    Effect.gen(function*() {
      let open = 0
      const source = Stream.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)).pipe(
        Stream.flatMap(() => Stream.repeatValue(new Uint8Array(10)))
      )
      const { execute } = yield* over((content) => Effect.as(drained(Stream.take(content, 1)), 413))
      assert.strictEqual((yield* Effect.flip(execute(put(source))))._tag, "UnexpectedStatus")
      assert.strictEqual(open, 0)
    }))

  it.scoped("is read no further when the registry has answered, and its connection is let go of", () =>
    Effect.gen(function*() {
      let read = 0
      const source = Stream.repeatEffect(
        Effect.as(Effect.zipRight(Effect.sleep("1 seconds"), Effect.sync(() => read++)), new Uint8Array(1))
      )
      const { call } = yield* over((content, _, signal) => {
        const aborted = Effect.async<void>((resume) =>
          signal.addEventListener("abort", () => resume(Effect.void), { once: true })
        )
        const going = Effect.raceFirst(drained(content), aborted)
        return Effect.as(
          Effect.zipRight(Effect.forkDaemon(Effect.interruptible(going)), Effect.sleep("5 seconds")),
          413
        )
      })
      const fiber = yield* Effect.fork(Effect.flip(call(put(source))))
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "UnexpectedStatus")
      const before = read
      yield* TestClock.adjust("1 minutes")
      assert.strictEqual(read, before)
    }))

  it.scoped("is not closed in the middle of a read when the request is interrupted", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const read = Effect.sleep("10 seconds").pipe(
        Effect.zipRight(Effect.sync(() => events.push("read"))),
        Effect.as(new Uint8Array(1)),
        Effect.uninterruptible
      )
      const source = Stream.acquireRelease(Effect.void, () => Effect.sync(() => events.push("closed"))).pipe(
        Stream.flatMap(() => Stream.concat(Stream.make(new Uint8Array(1)), Stream.fromEffect(read)))
      )
      // It reads in a fiber of its own, as clients do, which goes on for a while after the request.
      const { execute } = yield* over((content) =>
        Effect.flatMap(
          Effect.forkDaemon(Effect.interruptible(drained(content))),
          (fiber) => Effect.onInterrupt(Effect.never, () => Fiber.interruptFork(fiber))
        )
      )
      const fiber = yield* Effect.fork(Effect.scoped(execute(put(source))))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(events, [])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(events, ["read", "closed"])
    }))

  it.scoped("is not blamed for a connection that breaks while it is slow: the request is sent again", () =>
    Effect.gen(function*() {
      let tries = 0
      const { execute } = yield* over((content, request) => {
        if (tries++ > 0) return Effect.as(drained(content), 201)
        const broken = Effect.zipRight(
          Effect.sleep("5 seconds"),
          Effect.fail(new RequestError({ request, reason: "Transport", cause: coded("ECONNRESET") }))
        )
        return Effect.raceFirst(broken, Effect.zipRight(drained(content), Effect.never))
      }, { retries: 1 })
      const slow = Stream.concat(
        Stream.make(new Uint8Array(1)),
        Stream.fromEffect(Effect.as(Effect.sleep("1 minutes"), new Uint8Array(1)))
      )
      const fiber = yield* Effect.fork(execute(put(slow)))
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 201)
      assert.strictEqual(tries, 2)
    }))

  it.scoped("gives a registry time to store what it has sent, at ten mebibytes a second", () =>
    Effect.gen(function*() {
      const { execute } = yield* over((content) => Effect.zipRight(drained(content), Effect.never), {
        idleTimeout: "5 seconds"
      })
      const mebibyte = new Uint8Array(1024 * 1024)
      const content = Stream.take(Stream.repeatValue(mebibyte), 200)
      const fiber = yield* Effect.fork(Effect.flip(execute(put(content))))
      // Three idle time-outs for the last piece of it, and twenty seconds to store it all.
      yield* TestClock.adjust("34999 millis")
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
      yield* TestClock.adjust("1 millis")
      const error = (yield* Fiber.join(fiber)) as TransportError
      assert.strictEqual(error.reason, "Timeout")
      assert.include(error.description, "while waiting for the answer")
    }))
})
