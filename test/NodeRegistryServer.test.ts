import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import * as Digest from "../src/Digest.js"
import * as NodeRegistryServer from "../src/NodeRegistryServer.js"
import * as RegistryServer from "../src/RegistryServer.js"
import * as Http from "./utils/http.js"
import { sample, utf8 } from "./utils/samples.js"

const live = Effect.provide(Layer.merge(NodeHttpClient.layerUndici, NodeContext.layer))
const blob = sample("z".repeat(300_000), "text/plain")
const path = `/v2/app/blobs/${blob.descriptor.digest}`

const start = Effect.gen(function*() {
  const registry = yield* RegistryServer.make()
  const repository = yield* registry.repository("app")
  yield* repository.putBlob(blob.descriptor, Stream.make(blob.raw))
  const { host, url } = yield* NodeRegistryServer.serve(registry)
  assert.strictEqual(url, `http://${host}`)
  return { registry, url }
})

/** What a connection answers to bytes as they are, until it is ended from there, or `until` is in it. */
const exchange = (port: number, request: string | Stream.Stream<string>, until?: string) =>
  Effect.async<string>((resume) => {
    const socket = Net.connect(port, "127.0.0.1")
    const parts: Stream.Stream<string> = typeof request === "string" ? Stream.make(request) : request
    let text = ""
    const done = () => {
      socket.destroy()
      resume(Effect.succeed(text))
    }
    socket.setEncoding("latin1").on("data", (part: string) => {
      text += part
      if (until !== undefined && text.includes(until)) done()
    })
    // One that is ended while more is written breaks; what it answered before counts.
    socket.on("error", () => {})
    socket.on("close", done)
    const write = (part: string) =>
      Effect.async<void>((next) => {
        socket.write(part, () => next(Effect.void))
      })
    Effect.runFork(Stream.runForEach(Stream.takeWhile(parts, () => !socket.destroyed), write))
    return Effect.sync(() => socket.destroy())
  })

/** How many bytes of a body come, and how it ends. */
const take = (url: string) =>
  Effect.gen(function*() {
    let seen = 0
    const exit = yield* HttpClient.get(url).pipe(
      Effect.map((response) => response.stream),
      Stream.unwrap,
      Stream.runForEach((part) => Effect.sync(() => seen += part.byteLength)),
      Effect.exit
    )
    return { seen, ended: Exit.isSuccess(exit) }
  })

describe("NodeRegistryServer", () => {
  it.scopedLive("serves on a free port of the loopback, and keeps its log", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* start
      const get = yield* Http.send(url, "GET", path)
      assert.deepStrictEqual([get.status, get.body.length], [200, blob.raw.length])
      const head = yield* Http.send(url, "HEAD", path)
      assert.strictEqual(head.headers["content-length"], String(blob.raw.length))
      const raw = utf8("from afar")
      const put = yield* Http.send(url, "POST", `/v2/app/blobs/uploads/?digest=${Digest.fromBytes(raw)}`, { body: raw })
      assert.strictEqual(put.status, 201)
      // An upload that is refused before it is read does not hang, and the answer comes.
      const refused = yield* Http.send(url, "PATCH", "/v2/app/blobs/uploads/none", { body: blob.raw })
      assert.strictEqual(refused.code(), "BLOB_UPLOAD_UNKNOWN")
      const log = yield* registry.requests
      assert.deepStrictEqual(log.map((r) => [r.kind, r.status, r.received, r.sent]), [
        ["getBlob", 200, 0, blob.raw.length],
        ["headBlob", 200, 0, 0],
        ["startUpload", 201, raw.length, 0],
        ["patchUpload", 404, 0, refused.body.length]
      ])
    }).pipe(live))

  it.scopedLive("breaks connections as planned", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* start
      yield* registry.setFaults([
        { kind: "getBlob", nth: 1, action: { _tag: "CutBody", after: 1000 } },
        { kind: "getBlob", nth: 2, action: { _tag: "Reset", at: "before" } },
        { kind: "getBlob", nth: 3, action: { _tag: "TruncateBody", after: 5 } },
        { kind: "patchUpload", action: { _tag: "CutUpload", after: 100_000 } }
      ])
      const cut = yield* take(`${url}${path}`)
      assert.deepStrictEqual(cut, { seen: 1000, ended: false })
      assert.deepStrictEqual(yield* take(`${url}${path}`), { seen: 0, ended: false })
      assert.deepStrictEqual(yield* take(`${url}${path}`), { seen: 5, ended: true })
      assert.deepStrictEqual(yield* take(`${url}${path}`), { seen: blob.raw.length, ended: true })
      const opened = yield* Http.send(url, "POST", "/v2/app/blobs/uploads/")
      const location = `${url}${opened.headers.location}`
      const lost = yield* Effect.exit(Http.send(url, "PATCH", location, { body: blob.raw }))
      assert.isTrue(Exit.isFailure(lost))
      assert.strictEqual((yield* Http.send(url, "GET", location)).headers.range, "0-99999")
    }).pipe(live))

  it.scopedLive("ends with its scope, whatever is stalled", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { registry, url } = yield* Scope.extend(start, scope)
      yield* registry.setFaults([{ kind: "getBlob", action: { _tag: "Stall", at: "body", after: 10 } }])
      const response = yield* HttpClient.get(`${url}${path}`)
      assert.strictEqual(response.status, 200)
      yield* Effect.timeout(Scope.close(scope, Exit.void), "5 seconds")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Stream.runDrain(response.stream))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(HttpClient.get(`${url}${path}`))))
    }).pipe(live))

  it.scopedLive("understands no transfer encoding but chunked, and does nothing for a request with another", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* start
      const port = Number(new URL(url).port)
      const digest = Digest.fromBytes(utf8("hello"))
      const send = (head: string, coding: string) =>
        exchange(
          port,
          `${head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: ${coding}\r\n\r\n` +
            "5\r\nhello\r\n0\r\n\r\n"
        )
      const post = `POST /v2/app/blobs/uploads/?digest=${digest}`
      for (
        const coding of ["xchunked", "chunkedx", "gzip, chunked", "x, chunked", ",chunked", "identity", "chunked;q=1"]
      ) {
        for (const head of [post, "POST /v2/app/blobs/uploads/", `DELETE ${path}`]) {
          const answer = yield* send(head, coding)
          // Those that Node's parser knows to be wrong it answers itself.
          assert.match(answer, /^HTTP\/1\.1 (501 Not Implemented|400 Bad Request)\r\n/, `${head} ${coding}`)
        }
      }
      const repository = yield* registry.repository("app")
      assert.isFalse(yield* repository.hasBlob(digest))
      assert.isTrue(yield* repository.hasBlob(blob.descriptor.digest))
      assert.strictEqual(yield* registry.openUploads, 0)
      for (const coding of ["chunked", "Chunked", " chunked "]) {
        assert.match(yield* send(post, coding), /^HTTP\/1\.1 201 Created\r\n/, coding)
        yield* repository.deleteBlob!(digest)
      }
    }).pipe(live))

  it.scopedLive("ends a connection whose body goes on for ever beyond what may be", () =>
    Effect.gen(function*() {
      const registry = yield* RegistryServer.make({ maxBlobSize: 100, maxManifestSize: 100 })
      const { port } = yield* NodeRegistryServer.serve(registry)
      const digest = Digest.fromBytes(utf8("hello"))
      const part = `10000\r\n${"x".repeat(0x10000)}\r\n`
      for (const head of [`POST /v2/app/blobs/uploads/?digest=${digest}`, "PUT /v2/app/manifests/v1"]) {
        const start = `${head} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`
        yield* exchange(port, Stream.concat(Stream.make(start), Stream.repeatValue(part)))
        // One that is only too large gets to its answer.
        const answer = yield* exchange(port, `${start}${part}0\r\n\r\n`, "SIZE_INVALID")
        assert.match(answer, /^HTTP\/1\.1 413 /)
      }
      for (const { received } of yield* registry.requests) assert.isBelow(received, 32 * 1024 * 1024)
    }).pipe(live))

  it.scopedLive("says that an address is taken", () =>
    Effect.gen(function*() {
      const registry = yield* RegistryServer.make()
      const { host, port } = yield* NodeRegistryServer.serve(registry)
      const error = yield* Effect.flip(NodeRegistryServer.serve(registry, { port }))
      assert.strictEqual(error._tag, "StorageError")
      assert.strictEqual(error.path, host)
    }).pipe(live))

  it.scopedLive("streams uploads to a directory, which another registry can go on with", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const parts = 40
      const part = utf8("p".repeat(100_000))
      const hasher = Digest.makeHasher()
      for (let i = 0; i < parts; i++) hasher.update(part)
      const digest = hasher.digest()
      yield* Effect.scoped(Effect.gen(function*() {
        const storage = yield* RegistryServer.storageDirectory(directory)
        const registry = yield* RegistryServer.make({ storage })
        const { url } = yield* NodeRegistryServer.serve(registry)
        const opened = yield* Http.send(url, "POST", "/v2/library/app/blobs/uploads/")
        const body = HttpBody.stream(Stream.take(Stream.repeatValue(part), parts), "application/octet-stream")
        const put = yield* HttpClient.execute(
          HttpClientRequest.put(`${url}${opened.headers.location}&digest=${digest}`, { body })
        )
        assert.strictEqual(put.status, 201)
        const left = yield* Http.send(url, "POST", "/v2/library/app/blobs/uploads/")
        yield* Http.send(url, "PATCH", `${url}${left.headers.location}`, { body: utf8("unfinished") })
        assert.strictEqual((yield* fs.readDirectory(`${directory}/.uploads`)).length, 1)
        const reserved = yield* Http.send(url, "POST", "/v2/library/app/blobs/uploads/blobs/uploads/")
        assert.deepStrictEqual([reserved.status, reserved.code()], [400, "NAME_INVALID"])
        assert.deepStrictEqual((yield* Http.send(url, "GET", "/v2/_catalog")).json(), { repositories: ["library/app"] })
      }))
      assert.deepStrictEqual(yield* fs.readDirectory(directory), ["library"])
      const storage = yield* RegistryServer.storageDirectory(directory)
      assert.strictEqual(yield* storage.blobSize("library/app", digest), parts * part.length)
      assert.deepStrictEqual(yield* storage.names, ["library/app"])
      const repository = yield* storage.repository("other/app")
      assert.isTrue(yield* repository.mountBlob!({ digest, size: parts * part.length }, "library/app"))
      yield* Stream.runDrain(repository.getBlob({ digest }))
      assert.strictEqual(yield* storage.find(digest), "library/app")
    }).pipe(live))
})
