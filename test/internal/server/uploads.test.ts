import * as NodeContext from "@effect/platform-node/NodeContext"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Digest from "../../../src/Digest.js"
import * as RegistryServer from "../../../src/RegistryServer.js"
import * as RegistryTest from "../../../src/RegistryTest.js"
import { basic, embedded, embeddedInDirectory } from "../../utils/embedded.js"
import * as Http from "../../utils/http.js"
import { sample, utf8 } from "../../utils/samples.js"

const blob = sample("a blob", "text/plain")
const { digest } = blob.descriptor
const uploads = "/v2/app/blobs/uploads/"
const node = Effect.provide(NodeContext.layer)

describe("server/uploads", () => {
  it.scoped("a session holds no file between its requests, and none before its first byte", () =>
    Effect.gen(function*() {
      const { directory, files, fs, send, storage } = yield* embeddedInDirectory()
      const drafts = Effect.map(fs.readDirectory(`${directory}/.uploads`), (names) => names.length)
      yield* (yield* storage.repository("app")).putBlob(blob.descriptor, Stream.make(blob.raw))
      const locations = yield* Effect.forEach(
        Array.from({ length: 500 }),
        () =>
          Effect.map(send("POST", uploads), ({ headers, status }) => {
            assert.strictEqual(status, 202)
            return headers.location!
          })
      )
      assert.deepStrictEqual([files.open, yield* drafts], [0, 0])
      yield* Effect.forEach(locations.slice(0, 20), (location) => send("PATCH", location, { body: utf8("a") }))
      assert.deepStrictEqual([files.open, yield* drafts], [0, 20])
      assert.strictEqual((yield* send("GET", `/v2/app/blobs/${digest}`)).status, 200)
      // They go on where they were, and an empty blob needs no byte.
      const [first = "", second = "", third = "", ...others] = locations
      yield* send("PATCH", first, { body: utf8(" bl") })
      const closed = yield* send("PUT", `${first}&digest=${digest}`, { body: utf8("ob") })
      assert.strictEqual(closed.status, 201)
      assert.strictEqual((yield* send("DELETE", second)).status, 204)
      assert.strictEqual((yield* send("PUT", `${third}&digest=${digest}`, { body: utf8("else") })).status, 400)
      assert.deepStrictEqual([files.open, yield* drafts], [0, 17])
      const nothing = Digest.fromBytes(new Uint8Array())
      const empty = yield* send("PUT", `${others.at(-1)}&digest=${nothing}`)
      assert.strictEqual(empty.status, 201)
      assert.strictEqual((yield* send("GET", `/v2/app/blobs/${nothing}`)).body.length, 0)
      assert.deepStrictEqual([files.open, yield* drafts], [0, 17])
    }).pipe(node))

  it.scoped("a session that is idle for too long ends, and its file goes", () =>
    Effect.gen(function*() {
      const { directory, fs, send, server } = yield* embeddedInDirectory()
      const drafts = Effect.map(fs.readDirectory(`${directory}/.uploads`), (names) => names.length)
      const open = Effect.map(send("POST", uploads), ({ headers }) => headers.location!)
      const [idle, used] = [yield* open, yield* open]
      for (const location of [idle, used]) yield* send("PATCH", location, { body: utf8("a") })
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual((yield* send("PATCH", used, { body: utf8(" bl") })).status, 202)
      assert.strictEqual(yield* server.openUploads, 2)
      yield* TestClock.adjust("1 minute")
      // Any request will do: there is no timer that does it.
      yield* send("GET", "/v2/")
      assert.deepStrictEqual([yield* drafts, yield* server.openUploads], [1, 1])
      for (const method of ["GET", "PATCH", "PUT", "DELETE"] as const) {
        const gone = yield* send(method, `${idle}&digest=${digest}`)
        assert.deepStrictEqual([gone.status, gone.code()], [404, "BLOB_UPLOAD_UNKNOWN"])
      }
      assert.strictEqual((yield* send("PUT", `${used}&digest=${digest}`, { body: utf8("ob") })).status, 201)
      yield* open
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* server.openUploads, 0)
      assert.strictEqual((yield* TestClock.sleeps()).length, 0)
    }).pipe(node))

  it.effect("a session does not end while a request is at work on it, however slow", () =>
    Effect.gen(function*() {
      const registries = yield* RegistryTest.RegistryTest
      const server = yield* registries.server("registry.example")
      const send = (method: "POST" | "GET", url: string) => Http.send("https://registry.example", method, url)
      const location = (yield* send("POST", uploads)).headers.location!
      const slow = Stream.concat(
        Stream.make(utf8("a bl")),
        Stream.fromEffect(Effect.as(Effect.sleep("10 minutes"), utf8("ob")))
      )
      const put = yield* Effect.fork(HttpClient.execute(
        HttpClientRequest.put(`https://registry.example${location}&digest=${digest}`, {
          body: HttpBody.stream(slow, "application/octet-stream")
        })
      ))
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* server.openUploads, 1)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Fiber.join(put)).status, 201)
    }).pipe(
      Effect.provide(RegistryTest.layer({ registries: { "registry.example": { uploadTimeout: "1 minute" } } }))
    ))

  it.effect("an account has so many sessions at a time and no more", () =>
    Effect.gen(function*() {
      const users = { one: "one", two: "two" }
      const { send, server } = yield* embedded({ auth: { _tag: "Basic", users }, maxUploads: 2 })
      const open = (user: string, query = "") => send("POST", `${uploads}${query}`, { headers: basic(user) })
      const first = yield* open("one")
      assert.strictEqual((yield* open("one")).status, 202)
      for (const query of ["", `?mount=${digest}`, `?mount=${digest}&from=other`]) {
        const refused = yield* open("one", query)
        assert.deepStrictEqual([refused.status, refused.code()], [429, "TOOMANYREQUESTS"])
        assert.include(refused.json().errors[0].message, "2 open uploads")
      }
      assert.strictEqual((yield* open("two")).status, 202)
      // What needs no session is not counted.
      const single = yield* send("POST", `${uploads}?digest=${digest}`, { headers: basic("one"), body: blob.raw })
      assert.strictEqual(single.status, 201)
      yield* send("DELETE", first.headers.location!, { headers: basic("one") })
      assert.strictEqual((yield* open("one")).status, 202)
      assert.strictEqual((yield* open("one")).status, 429)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* open("one")).status, 202)
      assert.strictEqual(yield* server.openUploads, 1)
    }))

  it.effect("a single POST keeps to the limit of blob sizes too, announced or not", () =>
    Effect.gen(function*() {
      const { server } = yield* embedded()
      const registries = yield* RegistryTest.RegistryTest
      const parts = Stream.repeatValue(utf8("x".repeat(64 * 1024)))
      let taken = 0
      const send = (method: "post" | "put", url: string, body: Stream.Stream<Uint8Array>) =>
        HttpClient.execute(HttpClientRequest[method](`https://registry.example${url}`, {
          body: HttpBody.stream(
            Stream.tap(body, (part) => Effect.sync(() => taken += part.byteLength)),
            "application/octet-stream"
          )
        }))
      const short = yield* send("post", `${uploads}?digest=${digest}`, Stream.take(parts, 1))
      assert.strictEqual(short.status, 413)
      // A body that never ends is not read for ever.
      for (
        const [method, url] of [
          ["post", `${uploads}?digest=${digest}`],
          ["put", "/v2/app/manifests/v1"],
          ["post", "/token"]
        ] as const
      ) {
        taken = 0
        assert.strictEqual((yield* send(method, url, parts)).status, url === "/token" ? 404 : 413)
        assert.isBelow(taken, 32 * 1024 * 1024)
      }
      const location = (yield* Http.send("https://registry.example", "POST", uploads)).headers.location!
      taken = 0
      assert.strictEqual((yield* send("put", `${location}&digest=${digest}`, parts)).status, 413)
      assert.isBelow(taken, 32 * 1024 * 1024)
      assert.strictEqual(yield* (yield* registries.server("registry.example")).openUploads, 0)
      assert.strictEqual(yield* server.openUploads, 0)
    }).pipe(
      Effect.provide(
        RegistryTest.layer({ registries: { "registry.example": { maxBlobSize: 10, maxManifestSize: 10 } } })
      )
    ))

  it.effect("refuses limits that are none", () =>
    Effect.gen(function*() {
      for (
        const options of [
          { maxUploads: 0 },
          { maxUploads: 1.5 },
          { logSize: -1 },
          { logSize: Number.NaN },
          { uploadTimeout: "soon" as "1 hour" },
          { uploadTimeout: 0 },
          { uploadTimeout: "-1 hour" as "1 hour" }
        ]
      ) {
        const error = yield* Effect.flip(RegistryServer.make(options))
        assert.deepStrictEqual([error._tag, error.field], ["InvalidInput", Object.keys(options)[0]])
      }
      yield* RegistryServer.make({ maxUploads: 1, logSize: 0, uploadTimeout: 1 })
    }))
})
