/** The transport over loopback sockets, with undici. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import * as Credentials from "../../../src/Credentials.js"
import { makeTransport } from "../../../src/internal/http/make.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import type { TransportError } from "../../../src/RegistryError.js"
import { visible } from "../../utils/visible.js"
import { get } from "./scripted.js"

const serve = (listener: RequestListener) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const server = createServer(listener)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.async<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    ),
    (server) => {
      const sockets = new Set<unknown>()
      server.on("connection", (socket) => sockets.add(socket))
      return { name: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets }
    }
  )

const transport = (
  options: RegistryConfig.Options = {},
  credentials: Readonly<Record<string, Credentials.Credential>> = {},
  client: Layer.Layer<HttpClient.HttpClient> = NodeHttpClient.layerUndici
) =>
  Effect.flatMap(
    Layer.build(Layer.merge(client, Layer.orDie(Credentials.layerHosts(credentials)))),
    (context) => Effect.provide(makeTransport(options), context)
  )

const closed = (request: IncomingMessage, deferred: Deferred.Deferred<void>) =>
  request.socket.on("close", () => Deferred.unsafeDone(deferred, Effect.void))

/** undici opens a second connection when the next request comes before it has noted the end of the last, and no third. */
const reused = 2

describe("over sockets", () => {
  it.scopedLive("closing the scope aborts what has not been read", () =>
    Effect.gen(function*() {
      const gone = yield* Deferred.make<void>()
      const server = yield* serve((request, response) => {
        closed(request, gone)
        response.writeHead(200, { "content-length": "100000000" })
        response.write(Buffer.alloc(1_000_000))
      })
      const { execute } = yield* transport()
      const scope = yield* Scope.make()
      yield* Scope.extend(execute(get(server.name)), scope)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.timeout(Deferred.await(gone), "3 seconds")
    }))

  it.scopedLive("a body that stalls fails, and its connection is closed", () =>
    Effect.gen(function*() {
      const gone = yield* Deferred.make<void>()
      const server = yield* serve((request, response) => {
        closed(request, gone)
        response.writeHead(200, { "content-length": "10" })
        response.write("half")
      })
      const { execute } = yield* transport({ idleTimeout: "200 millis" })
      const error = yield* Effect.flip(Effect.scoped(
        Effect.flatMap(execute(get(server.name)), (response) => Stream.runDrain(response.stream))
      ))
      assert.strictEqual((error as TransportError).reason, "Timeout")
      yield* Effect.timeout(Deferred.await(gone), "3 seconds")
    }))

  it.scopedLive("a large body that stalls late fails, and its connection is closed", () =>
    Effect.gen(function*() {
      const gone = yield* Deferred.make<void>()
      const size = 4_000_000
      const server = yield* serve((request, response) => {
        closed(request, gone)
        response.writeHead(200, { "content-length": `${size + 1}` })
        response.write(Buffer.alloc(size))
      })
      const { execute } = yield* transport({ idleTimeout: "300 millis" })
      let bytes = 0
      const count = Stream.mapChunks<Uint8Array, Uint8Array>((chunk) => {
        for (const part of chunk) bytes += part.length
        return chunk
      })
      const error = yield* Effect.flip(Effect.scoped(
        Effect.flatMap(execute(get(server.name)), (response) => Stream.runDrain(count(response.stream)))
      ))
      assert.strictEqual((error as TransportError).reason, "Timeout")
      assert.strictEqual(bytes, size)
      yield* Effect.timeout(Deferred.await(gone), "3 seconds")
    }))

  it.scopedLive("headers that do not come fail, and a body that is cut is reset", () =>
    Effect.gen(function*() {
      const server = yield* serve((request, response) => {
        if (request.url === "/v2/silent") return
        response.writeHead(200, { "content-length": "10" })
        response.write("half", () => response.destroy())
      })
      const { execute } = yield* transport({ idleTimeout: "200 millis", retries: 0 })
      const silent = yield* Effect.flip(execute(get(server.name, { url: "/v2/silent" })))
      assert.strictEqual((silent as TransportError).reason, "Timeout")
      const cut = yield* execute(get(server.name))
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(cut.stream))).reason, "Reset")
    }))

  it.scopedLive("a redirect to another port goes without Authorization, with its query as it was", () =>
    Effect.gen(function*() {
      const seen: Array<readonly [string, string | undefined]> = []
      const storage = yield* serve((request, response) => {
        seen.push([request.url ?? "", request.headers.authorization])
        response.end("blob")
      })
      const server = yield* serve((request, response) => {
        if (request.headers.authorization === undefined) {
          response.writeHead(401, { "www-authenticate": "Basic realm=\"r\"" }).end("no")
        } else {
          response.writeHead(307, { location: `http://${storage.name}/b?sig=a%20b~c%3A(d)#x` }).end("moved")
        }
      })
      const credentials = { [server.name]: Credentials.basic("u", Redacted.make("p")) }
      const { execute } = yield* transport({}, credentials)
      const response = yield* execute(get(server.name))
      assert.strictEqual(new TextDecoder().decode(yield* response.bytes(10)), "blob")
      assert.deepStrictEqual(seen, [["/b?sig=a%20b~c%3A(d)", undefined]])
      assert.isAtMost(server.sockets.size, reused)
    }))

  it.scopedLive("connections are used again after HEAD, errors, refusals and bodies that nobody read", () =>
    Effect.gen(function*() {
      let count = 0
      const server = yield* serve((request, response) => {
        count++
        request.resume()
        if (request.method === "POST") {
          response.writeHead(202, { "content-length": "0" }).end()
          return
        }
        const status = request.url === "/v2/absent" ? 404 : request.method === "PUT" ? 201 : 200
        response.writeHead(status, { "content-type": "application/json" })
        response.flushHeaders()
        setTimeout(() => response.end(request.method === "HEAD" ? undefined : "{\"errors\":[]}"), 20)
      })
      const { execute } = yield* transport()
      for (let i = 0; i < 3; i++) {
        yield* Effect.scoped(execute(get(server.name, { method: "HEAD" }))).pipe(
          Effect.provideService(NodeHttpClient.UndiciRequestOptions, { reset: false } as never)
        )
        yield* Effect.scoped(execute(get(server.name)))
        yield* Effect.flip(execute(get(server.name, { url: "/v2/absent" })))
        yield* Effect.scoped(Effect.flatMap(execute(get(server.name)), (response) => response.bytes(100)))
        yield* Effect.scoped(execute(get(server.name, { method: "POST", accept: [202] })))
        yield* Effect.scoped(execute({
          ...get(server.name, { method: "PUT", accept: [201] }),
          body: {
            _tag: "Stream",
            content: Stream.make(new Uint8Array(1000)),
            contentType: "application/octet-stream",
            length: 1000
          }
        }))
      }
      assert.strictEqual(count, 18)
      assert.isAtMost(server.sockets.size, reused)
    }))

  it.scopedLive("an agent of node:http gets its connections back from answers that are over", () =>
    Effect.gen(function*() {
      const server = yield* serve((request, response) => {
        request.resume()
        if (request.url === "/v2/absent") response.writeHead(404, { "content-length": "0" }).end()
        else if (request.method === "HEAD") response.writeHead(200, { "content-length": "12" }).end()
        else response.writeHead(202, { "content-length": "0" }).end()
      })
      const agent = NodeHttpClient.makeAgentLayer({ keepAlive: true, maxSockets: 2 })
      const { call } = yield* transport({}, {}, Layer.provide(NodeHttpClient.layerWithoutAgent, agent))
      for (let i = 0; i < 3; i++) {
        yield* call(get(server.name, { method: "HEAD" }))
        yield* call(get(server.name, { method: "POST", accept: [202] }))
        yield* call(get(server.name, { method: "HEAD", url: "/v2/absent", accept: [404] }))
        yield* Effect.flip(call(get(server.name, { url: "/v2/absent" })))
        yield* call({
          ...get(server.name, { method: "PUT", accept: [202] }),
          body: { _tag: "Bytes", bytes: new Uint8Array(1000), contentType: "application/octet-stream" }
        })
      }
      assert.isAtMost(server.sockets.size, 2)
    }))

  it.scopedLive("a source that fails in the middle of an upload is reported as it is", () =>
    Effect.gen(function*() {
      const server = yield* serve((request) => request.resume())
      const { execute } = yield* transport()
      for (const length of [10, undefined]) {
        const error = yield* Effect.flip(execute({
          ...get(server.name),
          method: "PUT",
          body: {
            _tag: "Stream",
            content: Stream.concat(Stream.make(new Uint8Array(4)), Stream.fail("disk" as const)),
            contentType: "application/octet-stream",
            length
          }
        }))
        assert.strictEqual(error, "disk")
      }
    }))

  it.scopedLive("an upload that the registry does not take in fails", () =>
    Effect.gen(function*() {
      const server = yield* serve((request) => request.pause())
      const { execute } = yield* transport({ idleTimeout: "300 millis", retries: 0 })
      const error = yield* Effect.flip(execute({
        ...get(server.name),
        method: "PUT",
        body: {
          _tag: "Stream",
          content: Stream.range(1, 1000).pipe(Stream.rechunk(1), Stream.map(() => new Uint8Array(1_000_000))),
          contentType: "application/octet-stream",
          length: 1_000_000_000
        }
      }))
      assert.strictEqual((error as TransportError).reason, "Timeout")
      assert.include((error as TransportError).description, "sending the body")
    }))

  it.scopedLive("nobody there is a failure to connect", () =>
    Effect.gen(function*() {
      const server = yield* Effect.scoped(serve(() => {}))
      const { execute } = yield* transport({ retries: 0 })
      const error = (yield* Effect.flip(execute(get(server.name)))) as TransportError
      assert.strictEqual(error.reason, "Connect")
      assert.include(error.description, "ECONNREFUSED")
      const tls = yield* serve((_, response) => response.end())
      const plain = yield* transport({ retries: 0, hosts: { [tls.name]: { plainHttp: false } } })
      assert.strictEqual(((yield* Effect.flip(plain.execute(get(tls.name)))) as TransportError).reason, "Tls")
    }))

  for (const [name, layer] of [["undici", NodeHttpClient.layerUndici], ["fetch", FetchHttpClient.layer]] as const) {
    it.scopedLive(`${name} shows no query where a body breaks off or cannot be`, () =>
      Effect.gen(function*() {
        const server = yield* serve((request, response) => {
          if (request.url?.includes("/none") === true) return void response.writeHead(204).end()
          response.writeHead(201, { "content-length": "10" })
          response.write("half", () => request.socket.destroy())
        })
        const { call } = yield* transport({}, {}, layer)
        for (const path of ["none", "cut"]) {
          const url = `http://${server.name}/v2/${path}?_state=SIGNATURE`
          const { exit, texts } = yield* visible(
            Effect.asVoid(call(get(server.name, { method: "PUT", url, accept: [201, 204] })))
          )
          assert.isTrue(Exit.isSuccess(exit))
          for (const text of texts) assert.notInclude(text, "SIGNATURE")
        }
      }))
  }
})
