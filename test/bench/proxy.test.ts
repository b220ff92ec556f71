import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Proxy from "./proxy.js"

/** Answers with what it was asked. */
const upstream = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = http.createServer((request, response) => {
      let size = 0
      request.on("data", (bytes: Uint8Array) => size += bytes.length)
      request.on("end", () => {
        response.writeHead(request.method === "PUT" ? 201 : 200, { "docker-content-digest": "sha256:1" })
        response.end(`${request.method} ${request.url} ${size} ${request.headers.authorization ?? "open"}`)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return server
  }),
  (server) =>
    Effect.promise(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
).pipe(Effect.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`))

const start = (delay = 0) => Effect.flatMap(upstream, (host) => Proxy.start(host, { delay }))

const ask = (proxy: Proxy.Proxy, path: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const answer = await fetch(`http://${proxy.host}${path}`, init)
    return { status: answer.status, headers: answer.headers, body: await answer.text() }
  })

const token = (proxy: Proxy.Proxy, ...scopes: ReadonlyArray<string>) =>
  Effect.map(
    ask(proxy, `/token?service=registry${scopes.map((scope) => `&scope=${encodeURIComponent(scope)}`).join("")}`),
    ({ body }) => ({ authorization: `Bearer ${JSON.parse(body).token}` })
  )

describe("the benchmark's proxy", () => {
  it.scopedLive("demands a token of the repository's scope", () =>
    Effect.gen(function*() {
      const proxy = yield* start()
      const refused = yield* ask(proxy, "/v2/a/b/manifests/1")
      assert.strictEqual(refused.status, 401)
      assert.strictEqual(
        refused.headers.get("www-authenticate"),
        `Bearer realm="http://${proxy.host}/token",service="registry",scope="repository:a/b:pull"`
      )
      const other = yield* ask(proxy, "/v2/a/b/manifests/1", { headers: yield* token(proxy, "repository:a:pull") })
      assert.strictEqual(other.status, 401)
      assert.include(other.headers.get("www-authenticate") ?? "", `error="insufficient_scope"`)
      const unknown = yield* ask(proxy, "/v2/a/b/manifests/1", { headers: { authorization: "Bearer made-up" } })
      assert.strictEqual(unknown.status, 401)
      const read = yield* token(proxy, "repository:a/b:pull")
      const answer = yield* ask(proxy, "/v2/a/b/manifests/1", { headers: read })
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("docker-content-digest"), "sha256:1")
      // The registry behind sees no token.
      assert.strictEqual(answer.body, "GET /v2/a/b/manifests/1 0 open")
      assert.strictEqual((yield* ask(proxy, "/v2/a/b/manifests/1", { method: "PUT", headers: read })).status, 401)
    }))

  it.scopedLive("demands pull of what is mounted from, and passes bodies on", () =>
    Effect.gen(function*() {
      const proxy = yield* start()
      const path = "/v2/a/blobs/uploads/?mount=sha256%3A1&from=b"
      const headers = yield* token(proxy, "repository:a:pull,push")
      const refused = yield* ask(proxy, path, { method: "POST", headers })
      assert.strictEqual(refused.status, 401)
      assert.include(
        refused.headers.get("www-authenticate") ?? "",
        `scope="repository:a:pull,push repository:b:pull"`
      )
      const both = yield* token(proxy, "repository:a:pull,push repository:b:pull")
      assert.strictEqual((yield* ask(proxy, path, { method: "POST", headers: both })).body, `POST ${path} 0 open`)
      const body = new Uint8Array(300_000)
      const upload = yield* ask(proxy, "/v2/a/blobs/uploads/1?digest=d", { method: "PUT", headers, body })
      assert.strictEqual(upload.status, 201)
      assert.strictEqual(upload.body, "PUT /v2/a/blobs/uploads/1?digest=d 300000 open")
    }))

  it.scopedLive("logs what it saw, and waits", () =>
    Effect.gen(function*() {
      const proxy = yield* start(30)
      yield* ask(proxy, "/v2/")
      yield* ask(proxy, "/v2/a/tags/list?n=1", { headers: yield* token(proxy, "repository:a:pull") })
      yield* Effect.repeat(Effect.sleep("5 millis"), {
        until: () => proxy.requests.every(({ end }) => !Number.isNaN(end)),
        times: 200
      })
      assert.deepStrictEqual(proxy.requests.map(({ kind, path, status }) => ({ kind, path, status })), [
        { kind: "GET ping", path: "/v2/", status: 401 },
        { kind: "GET token", path: "/token?service=registry&scope=repository%3Aa%3Apull", status: 200 },
        { kind: "GET tags", path: "/v2/a/tags/list?n=1", status: 200 }
      ])
      // A timer may fire a fraction of a millisecond early.
      for (const { end, start } of proxy.requests) assert.isAbove(end - start, 28)
    }))
})
