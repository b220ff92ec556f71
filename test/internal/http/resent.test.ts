/** The content of an upload where the client sends a request again by itself. */
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
import { coded, get, utf8 } from "./scripted.js"

type Bytes = Stream.Stream<Uint8Array, unknown>
type Take = (bytes: Bytes, run: number, request: HttpClientRequest) => Effect.Effect<number, HttpClientError>

/** A transport over a client that does this with the bytes of each run of a request, and sends some of them again. */
const over = (
  take: Take,
  again: (client: HttpClient.HttpClient) => HttpClient.HttpClient,
  options: RegistryConfig.Options = {}
) => {
  let runs = 0
  const client = HttpClient.make((request) =>
    Effect.map(
      take(request.body._tag === "Stream" ? request.body.stream : Stream.empty, ++runs, request),
      (status) =>
        HttpClientResponse.fromWeb(request, new Response(null, { status, headers: { "content-length": "0" } }))
    )
  )
  return Effect.provide(
    makeTransport({ retries: 0, ...options }),
    Layer.merge(Layer.orDie(Credentials.layerHosts({})), Layer.succeed(HttpClient.HttpClient, again(client)))
  )
}

const put = <E>(content: Stream.Stream<Uint8Array, E>): Request<E> => ({
  ...get("example.com"),
  method: "PUT",
  accept: [201],
  body: { _tag: "Stream", content, contentType: "application/octet-stream", length: undefined }
})

const broken = (request: HttpClientRequest) =>
  new RequestError({ request, reason: "Transport", cause: coded("ECONNRESET") })

/** "abc" in three chunks, and how often it was opened and closed. */
const letters = () => {
  const events: Array<string> = []
  const content = Stream.acquireRelease(
    Effect.sync(() => events.push("open")),
    () => Effect.sync(() => events.push("closed"))
  ).pipe(
    Stream.flatMap(() => Stream.make("a", "b", "c")),
    Stream.rechunk(1),
    Stream.encodeText
  )
  return { content, events }
}

/** What a client reads, so many chunks of it. */
const text = (bytes: Bytes, chunks = 9) =>
  Effect.map(
    Effect.orDie(Stream.runCollect(Stream.take(bytes, chunks))),
    (parts) => utf8(Buffer.concat(Chunk.toReadonlyArray(parts)))
  )

const once = (client: HttpClient.HttpClient) => HttpClient.retry(client, { times: 1 })

describe("the content of a request that the client sends again", () => {
  for (const chunks of [1, 2, 3]) {
    it.scoped(`begins anew after ${chunks} of its three chunks, and is closed each time`, () =>
      Effect.gen(function*() {
        const bodies: Array<string> = []
        const { content, events } = letters()
        const { call } = yield* over((bytes, run, request) =>
          Effect.flatMap(text(bytes, run === 1 ? chunks : undefined), (body) => {
            bodies.push(body)
            return run === 1 ? Effect.fail(broken(request)) : Effect.succeed(201)
          }), once)
        assert.strictEqual((yield* call(put(content))).status, 201)
        assert.deepStrictEqual(bodies, ["abc".slice(0, chunks), "abc"])
        assert.deepStrictEqual(events, ["open", "closed", "open", "closed"])
      }))
  }

  it.scoped("is opened once where the client did not come to read it", () =>
    Effect.gen(function*() {
      const { content, events } = letters()
      let body = ""
      const { call } = yield* over((bytes, run, request) =>
        run === 1 ? Effect.fail(broken(request)) : Effect.map(text(bytes), (all) => {
          body = all
          return 201
        }), once)
      assert.strictEqual((yield* call(put(content))).status, 201)
      assert.strictEqual(body, "abc")
      assert.deepStrictEqual(events, ["open", "closed"])
    }))

  it.scoped("begins anew after an answer that the client does not take for the last", () =>
    Effect.gen(function*() {
      const bodies: Array<string> = []
      const { content, events } = letters()
      const { call } = yield* over((bytes, run) =>
        Effect.map(text(bytes), (body) => {
          bodies.push(body)
          return run < 3 ? 503 : 201
        }), HttpClient.retryTransient({ times: 2 }))
      assert.strictEqual((yield* call(put(content))).status, 201)
      assert.deepStrictEqual(bodies, ["abc", "abc", "abc"])
      assert.deepStrictEqual(events, ["open", "closed", "open", "closed", "open", "closed"])
    }))

  it.scoped("fails the request with its own failure where it can be run only once", () =>
    Effect.gen(function*() {
      let opened = 0
      const content = Stream.suspend(() =>
        opened++ === 0 ? Stream.make(new Uint8Array(1)) : Stream.fail("used" as const)
      )
      const { execute } = yield* over((bytes, run, request) =>
        Effect.zipRight(
          Effect.mapError(Stream.runDrain(bytes), () => broken(request)),
          run === 1 ? Effect.fail(broken(request)) : Effect.succeed(201)
        ), once)
      assert.strictEqual(yield* Effect.flip(execute(put(content))), "used")
    }))

  it.scoped("is not blamed for what a run before met with", () =>
    Effect.gen(function*() {
      let opened = 0
      const content = Stream.concat(
        Stream.make(new Uint8Array(1)),
        Stream.suspend(() => opened++ === 0 ? Stream.fail("disk" as const) : Stream.make(new Uint8Array(1)))
      )
      const { execute } = yield* over(
        (bytes, _, request) => Effect.as(Effect.mapError(Stream.runDrain(bytes), () => broken(request)), 201),
        once
      )
      assert.strictEqual((yield* execute(put(content))).status, 201)
    }))

  it.scoped("has the time of one that is sent for the first time", () =>
    Effect.gen(function*() {
      const mebibyte = new Uint8Array(1024 * 1024)
      const { execute } = yield* over(
        (bytes, run, request) =>
          Effect.zipRight(
            Effect.orDie(Stream.runDrain(bytes)),
            run === 1 ? Effect.zipRight(Effect.sleep("14 seconds"), Effect.fail(broken(request))) : Effect.never
          ),
        once,
        { idleTimeout: "5 seconds" }
      )
      const fiber = yield* Effect.fork(Effect.flip(execute(put(Stream.make(mebibyte)))))
      // Three idle time-outs for the last piece of it, and a tenth of a second to store it all.
      yield* TestClock.adjust("29099 millis")
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "None")
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "TransportError", reason: "Timeout" })
    }))
})
