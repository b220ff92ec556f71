import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as RegistryTest from "../src/RegistryTest.js"
import { image, sample, utf8 } from "./utils/samples.js"

const { config, manifest } = image(["layer"])
const origin = "https://registry.example"
const manifestUrl = `${origin}/v2/app/manifests/v1`
const blobUrl = `${origin}/v2/app/blobs/${config.descriptor.digest}`

const seed = Effect.gen(function*() {
  const registries = yield* RegistryTest.RegistryTest
  const repository = yield* registries.repository("registry.example", "app")
  yield* repository.putBlob(config.descriptor, Stream.make(config.raw))
  yield* repository.putManifest(manifest, { tag: "v1" })
  return registries
})

describe("RegistryTest", () => {
  it.effect("answers requests and logs them", () =>
    Effect.gen(function*() {
      const registries = yield* seed
      const head = yield* HttpClient.head(manifestUrl, { headers: { authorization: "Bearer secret" } })
      assert.strictEqual(head.status, 200)
      assert.strictEqual(head.headers["content-length"], String(manifest.raw.byteLength))
      assert.strictEqual(head.headers["docker-content-digest"], manifest.descriptor.digest)
      const get = yield* HttpClient.get(`${manifestUrl}?a=b~c`)
      assert.strictEqual(yield* get.text, new TextDecoder().decode(manifest.raw))
      assert.strictEqual(get.headers["content-type"], manifest.descriptor.mediaType)
      const log = yield* registries.requests()
      assert.deepStrictEqual(
        log.map((r) => [r.registry, r.kind, r.method, r.path, r.query, r.status, r.authorization, r.sent]),
        [
          ["registry.example", "headManifest", "HEAD", "/v2/app/manifests/v1", "", 200, "Bearer", 0],
          [
            "registry.example",
            "getManifest",
            "GET",
            "/v2/app/manifests/v1",
            "a=b~c",
            200,
            "none",
            get.headers["content-length"] === undefined ? -1 : Number(get.headers["content-length"])
          ]
        ]
      )
      assert.notInclude(JSON.stringify(log), "secret")
      yield* registries.clearRequests
      assert.deepStrictEqual(yield* registries.requests(), [])
      yield* HttpClient.head(manifestUrl)
      yield* registries.clearRequests
      assert.deepStrictEqual(yield* registries.requests(), [])
    }).pipe(Effect.provide(RegistryTest.layer())))

  it.effect("is several registries, which may share content, and nothing else", () =>
    Effect.gen(function*() {
      const registries = yield* RegistryTest.RegistryTest
      const blob = sample("shared", "text/plain")
      const repository = yield* registries.repository("a.example", "app")
      yield* repository.putBlob(blob.descriptor, Stream.make(blob.raw))
      const path = `/v2/app/blobs/${blob.descriptor.digest}`
      assert.strictEqual((yield* HttpClient.get(`https://a.example${path}`)).status, 200)
      assert.strictEqual((yield* HttpClient.get(`https://cdn.example${path}`)).status, 200)
      assert.strictEqual((yield* HttpClient.get(`http://b.example:5000${path}`)).status, 404)
      const nowhere = yield* Effect.flip(HttpClient.get(`https://b.example${path}`))
      assert.strictEqual(nowhere._tag, "RequestError")
      assert.deepStrictEqual(
        (yield* registries.requests()).map((r) => r.registry),
        ["a.example", "cdn.example", "b.example:5000"]
      )
      assert.strictEqual((yield* registries.requests("cdn.example")).length, 1)
      assert.strictEqual((yield* Effect.flip(registries.setFaults("nowhere", [])))._tag, "InvalidInput")
    }).pipe(Effect.provide(RegistryTest.layer({
      registries: { "cdn.example": { contentOf: "a.example" }, "a.example": {}, "b.example:5000": {} }
    }))))

  it.effect("refuses content of a registry that is not there", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(RegistryTest.make({ registries: { "a.example": { contentOf: "b.example" } } }))
      assert.strictEqual(error.field, "contentOf")
    }))

  it.effect("waits by the test's clock: a stall before the headers and in the body, a delay", () =>
    Effect.gen(function*() {
      const registries = yield* seed
      yield* registries.setFaults("registry.example", [
        { kind: "getManifest", nth: 1, action: { _tag: "Stall", at: "headers" } },
        { kind: "getManifest", nth: 2, action: { _tag: "Delay", duration: "1 minute" } },
        { kind: "getBlob", action: { _tag: "Stall", at: "body", after: 5, duration: "1 hour" } }
      ])
      const stalled = yield* Effect.fork(Effect.timeoutOption(HttpClient.get(manifestUrl), "20 seconds"))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* Fiber.join(stalled))._tag, "None")

      const delayed = yield* Effect.fork(HttpClient.get(manifestUrl))
      yield* TestClock.adjust("59 seconds")
      assert.isNull(yield* Fiber.poll(delayed).pipe(Effect.map((o) => o._tag === "None" ? null : o)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(delayed)).status, 200)

      let seen = 0
      const gate = yield* Deferred.make<void>()
      const body = yield* HttpClient.get(blobUrl).pipe(
        Effect.map((response) => response.stream),
        Stream.unwrap,
        Stream.runForEach((part) => {
          seen += part.byteLength
          return Deferred.succeed(gate, undefined)
        }),
        Effect.fork
      )
      yield* Deferred.await(gate)
      assert.strictEqual(seen, 5)
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(body)
      assert.strictEqual(seen, config.raw.byteLength)
    }).pipe(Effect.provide(RegistryTest.layer())))

  it.effect("breaks connections by plan", () =>
    Effect.gen(function*() {
      const registries = yield* seed
      yield* registries.setFaults("registry.example", [
        { kind: "headBlob", action: { _tag: "Refuse" } },
        { kind: "putManifest", action: { _tag: "Reset", at: "before" } },
        { kind: "putManifest", nth: 2, action: { _tag: "Reset", at: "after" } },
        { kind: "getBlob", action: { _tag: "CutBody", after: 7 } }
      ])
      const refused = yield* Effect.flip(HttpClient.head(blobUrl))
      assert.strictEqual(refused._tag, "RequestError")
      const put = HttpClient.put(`${origin}/v2/app/manifests/v2`, {
        body: HttpBody.uint8Array(manifest.raw, manifest.descriptor.mediaType)
      })
      const repository = yield* registries.repository("registry.example", "app")
      assert.strictEqual((yield* Effect.flip(put))._tag, "RequestError")
      assert.strictEqual((yield* Effect.flip(repository.resolve("v2")))._tag, "NotFound")
      assert.strictEqual((yield* Effect.flip(put))._tag, "RequestError")
      assert.strictEqual((yield* repository.resolve("v2")).digest, manifest.descriptor.digest)
      let seen = 0
      const cut = yield* HttpClient.get(blobUrl).pipe(
        Effect.flatMap((response) =>
          Stream.runForEach(response.stream, (part) => Effect.sync(() => seen += part.length))
        ),
        Effect.flip
      )
      assert.strictEqual(cut._tag, "ResponseError")
      assert.strictEqual(seen, 7)
      const statuses = (yield* registries.requests()).map((r) => r.status)
      assert.deepStrictEqual(statuses, [undefined, undefined, undefined, 200])
    }).pipe(Effect.provide(RegistryTest.layer())))

  it.effect("ends an upload that nobody reads, and tells a failed source by its own error", () =>
    Effect.gen(function*() {
      const registries = yield* seed
      let open = 0
      const source = Stream.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)).pipe(
        Stream.flatMap(() => Stream.repeatValue(utf8("x".repeat(1000))))
      )
      const put = (body: Stream.Stream<Uint8Array>) =>
        HttpClient.execute(HttpClientRequest.put(`${origin}/v2/app/blobs/uploads/none?digest=x`, {
          body: HttpBody.stream(body, "application/octet-stream")
        }))
      assert.strictEqual((yield* put(source)).status, 404)
      assert.strictEqual(open, 0)

      const opened = yield* HttpClient.post(`${origin}/v2/app/blobs/uploads/`)
      const location = opened.headers.location!
      const failing = Stream.concat(Stream.make(utf8("abc")), Stream.fail("disk on fire"))
      const error = yield* HttpClient.execute(HttpClientRequest.patch(`${origin}${location}`, {
        body: HttpBody.stream(failing, "application/octet-stream")
      })).pipe(Effect.flip)
      assert.strictEqual(error._tag, "RequestError")
      assert.strictEqual(error.cause, "disk on fire")
      // What came before the failure is kept, and where to go on is told.
      const status = yield* HttpClient.get(`${origin}${location}`)
      assert.strictEqual(status.headers.range, "0-2")
      const server = yield* registries.server("registry.example")
      assert.strictEqual(yield* server.openUploads, 1)
    }).pipe(Effect.provide(RegistryTest.layer())))
})
