import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import type { AddressInfo, Socket } from "node:net"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import * as Credentials from "../src/Credentials.js"
import * as Descriptor from "../src/Descriptor.js"
import * as MediaType from "../src/MediaType.js"
import * as NodeRegistry from "../src/NodeRegistry.js"
import * as NodeRegistryServer from "../src/NodeRegistryServer.js"
import * as RegistryClient from "../src/RegistryClient.js"
import * as RegistryServer from "../src/RegistryServer.js"

const listen = <S extends Net.Server>(server: S) => {
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  return Effect.acquireRelease(
    Effect.async<{ readonly server: S; readonly port: number }>((resume) => {
      server.listen(
        0,
        "127.0.0.1",
        () => resume(Effect.succeed({ server, port: (server.address() as AddressInfo).port }))
      )
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )
}

const withEnvironment = (variables: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const names = ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()])
      const before = names.map((name) => [name, process.env[name]] as const)
      for (const name of names) delete process.env[name]
      Object.assign(process.env, variables)
      return before
    }),
    (before) =>
      Effect.sync(() => {
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name]
          else process.env[name] = value
        }
      })
  )

const status = (url: string, method: "get" | "head" = "get") =>
  HttpClient.HttpClient.pipe(
    Effect.flatMap((client) => client[method](url)),
    Effect.flatMap((response) => Effect.as(response.text, response.status)),
    Effect.scoped
  )

describe("NodeRegistry.layerHttp", () => {
  it.scopedLive("keeps the connection open after a HEAD", () =>
    Effect.gen(function*() {
      const ports = new Set<number | undefined>()
      const { port } = yield* listen(Http.createServer((request, response) => {
        ports.add(request.socket.remotePort)
        response.setHeader("content-length", 10).end()
      }))
      for (let i = 0; i < 5; i++) {
        assert.strictEqual(yield* status(`http://127.0.0.1:${port}/`, "head"), 200)
      }
      assert.strictEqual(ports.size, 1)
    }).pipe(Effect.provide(NodeRegistry.layerHttp({ connections: 1 }))))

  it.scopedLive("holds no more connections than asked for", () =>
    Effect.gen(function*() {
      const ports = new Set<number | undefined>()
      const { port } = yield* listen(Http.createServer((request, response) => {
        ports.add(request.socket.remotePort)
        setTimeout(() => response.end("ok"), 5)
      }))
      yield* Effect.replicateEffect(status(`http://127.0.0.1:${port}/`), 10, { concurrency: "unbounded" })
      assert.strictEqual(ports.size, 2)
    }).pipe(Effect.provide(NodeRegistry.layerHttp({ connections: 2 }))))

  it.scopedLive("follows no redirect and sends nothing of its own to the registry", () =>
    Effect.gen(function*() {
      let headers: Http.IncomingHttpHeaders = {}
      const { port } = yield* listen(Http.createServer((request, response) => {
        headers = request.headers
        response.writeHead(307, { location: "/elsewhere" }).end()
      }))
      assert.strictEqual(yield* status(`http://127.0.0.1:${port}/`), 307)
      assert.notProperty(headers, "user-agent")
      assert.notProperty(headers, "accept-encoding")
    }).pipe(Effect.provide(NodeRegistry.layerHttp())))

  const proxied = Effect.gen(function*() {
    const asked: Array<string | undefined> = []
    const target = yield* listen(Http.createServer((_, response) => response.end("target")))
    const server = Http.createServer()
    server.on("connect", (request: Http.IncomingMessage, socket: Socket) => {
      asked.push(request.url, request.headers["proxy-authorization"])
      const upstream = Net.connect(target.port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n")
        upstream.pipe(socket)
        socket.pipe(upstream)
      })
      socket.on("error", () => upstream.destroy())
      upstream.on("error", () => socket.destroy())
      socket.on("close", () => upstream.destroy())
    })
    const proxy = yield* listen(server)
    return { asked, proxy: proxy.port, target: target.port }
  })

  it.scopedLive("goes through the proxy of the environment, but not to loopback hosts", () =>
    Effect.gen(function*() {
      const { asked, proxy, target } = yield* proxied
      yield* withEnvironment({ HTTP_PROXY: `http://127.0.0.1:${proxy}` })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* status("http://registry.test/v2/"), 200)
        assert.deepStrictEqual(asked, ["registry.test:80", undefined])
        assert.strictEqual(yield* status(`http://localhost:${target}/v2/`), 200)
        assert.strictEqual(asked.length, 2)
      }).pipe(Effect.provide(NodeRegistry.layerHttp()))
    }))

  it.scopedLive("obeys NO_PROXY", () =>
    Effect.gen(function*() {
      const { asked, proxy } = yield* proxied
      yield* withEnvironment({ HTTP_PROXY: `http://127.0.0.1:${proxy}`, NO_PROXY: "other.test, registry.invalid" })
      const error = yield* Effect.flip(Effect.provide(status("http://registry.invalid/"), NodeRegistry.layerHttp()))
      assert.strictEqual(error._tag, "RequestError")
      assert.deepStrictEqual(asked, [])
    }))

  it.scopedLive("uses the proxy that is asked for, with its credentials", () =>
    Effect.gen(function*() {
      const { asked, proxy } = yield* proxied
      yield* withEnvironment({ HTTP_PROXY: "http://127.0.0.1:1" })
      const layer = NodeRegistry.layerHttp({ proxy: Redacted.make(`http://user:secret@127.0.0.1:${proxy}`) })
      assert.strictEqual(yield* Effect.provide(status("http://registry.test/v2/"), layer), 200)
      assert.deepStrictEqual(asked, ["registry.test:80", `Basic ${btoa("user:secret")}`])
    }))

  it.scopedLive("uses none when told so", () =>
    Effect.gen(function*() {
      const { asked, proxy } = yield* proxied
      yield* withEnvironment({ HTTP_PROXY: `http://127.0.0.1:${proxy}` })
      const layer = NodeRegistry.layerHttp({ proxy: false })
      yield* Effect.flip(Effect.provide(status("http://registry.invalid/"), layer))
      assert.deepStrictEqual(asked, [])
    }))

  it.effect("refuses options that can never work, without quoting a secret", () =>
    Effect.gen(function*() {
      const fails = (options: NodeRegistry.HttpOptions) =>
        Effect.flip(Effect.provide(Effect.void, NodeRegistry.layerHttp(options)))
      for (const connections of [0, -1, 1.5, Number.NaN]) {
        assert.strictEqual((yield* fails({ connections })).field, "connections")
      }
      assert.strictEqual((yield* fails({ ca: "not a certificate" })).field, "ca")
      const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
      assert.strictEqual((yield* fails({ ca: [broken] })).field, "ca")
      for (const proxy of ["http://user:hunter2@", "hunter2", Redacted.make("hunter2")]) {
        const error = yield* fails({ proxy })
        assert.strictEqual(error.field, "proxy")
        assert.notInclude(inspect(error, { depth: 10 }), "hunter2")
      }
    }))

  const openssl = spawnSync("openssl", ["version"]).status === 0

  it.scopedLive.skipIf(!openssl)("trusts the authorities it is given (needs openssl)", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-oci-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const file = (name: string) => join(folder, name)
      execFileSync("openssl", [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
        ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
        ...["-keyout", file("key.pem"), "-out", file("cert.pem")]
      ], { stdio: "ignore" })
      const [cert, key] = [readFileSync(file("cert.pem"), "utf8"), readFileSync(file("key.pem"), "utf8")]
      const { port } = yield* listen(Https.createServer({ cert, key }, (_, response) => response.end("ok")))
      const url = `https://127.0.0.1:${port}/`
      assert.strictEqual(yield* Effect.provide(status(url), NodeRegistry.layerHttp({ ca: cert })), 200)
      const error = yield* Effect.flip(Effect.provide(status(url), NodeRegistry.layerHttp()))
      assert.strictEqual(error._tag, "RequestError")
    }))
})

describe("NodeRegistry.layer", () => {
  it.scopedLive("sends the query of a redirect and of a Location byte for byte", () =>
    Effect.gen(function*() {
      const query = "?sig=a%20b~c(d)'e'+f%2F=&x=%3a&&q=\"<{^`|}>"
      const lines: Array<string> = []
      const content = new TextEncoder().encode("blob")
      const blob = Descriptor.fromBytes(content, "application/octet-stream")
      const { port } = yield* listen(Http.createServer((request, response) => {
        lines.push(`${request.method} ${request.url}`)
        request.resume()
        const isStored = request.url?.startsWith("/store") === true
        const location = `/store/o'1${query}#part`
        request.on("end", () => {
          if (request.method === "GET") {
            if (isStored) response.end(content)
            else response.writeHead(307, { location }).end()
          } else if (request.method === "HEAD") response.writeHead(404).end()
          else if (request.method === "POST") response.writeHead(202, { location }).end()
          else response.writeHead(201).end()
        })
      }))
      yield* Effect.gen(function*() {
        const repository = yield* RegistryClient.repository(`127.0.0.1:${port}/app`)
        yield* Stream.runDrain(repository.getBlob(blob))
        yield* repository.putBlob(blob, Stream.make(content))
      }).pipe(Effect.provide(NodeRegistry.layer({ retries: 0 })))
      assert.deepStrictEqual(lines.filter((line) => line.includes("/store")), [
        `GET /store/o'1${query}`,
        `PUT /store/o'1${query}&digest=${encodeURIComponent(blob.digest)}`
      ])
    }))

  const protectedRegistry = Effect.gen(function*() {
    const password = Redacted.make("a password")
    const server = yield* RegistryServer.make({
      auth: { _tag: "Basic", users: { ci: password }, anonymousPull: true }
    })
    const { host } = yield* NodeRegistryServer.serve(server)
    const repository = yield* server.repository("app")
    const raw = new TextEncoder().encode(
      JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] })
    )
    const digest = yield* repository.putManifest(
      { descriptor: Descriptor.fromBytes(raw, MediaType.ociIndex), raw },
      { tag: "1.0" }
    )
    return { digest, host, password, server }
  })

  it.scopedLive("is all that a program needs, anonymous by default", () =>
    Effect.gen(function*() {
      const { digest, host, server } = yield* protectedRegistry
      const program = Effect.gen(function*() {
        assert.strictEqual(yield* RegistryClient.getDigest(`${host}/app:1.0`), digest)
        return yield* Effect.flip(RegistryClient.copy(`${host}/app:1.0`, `${host}/app:2.0`))
      }).pipe(Effect.provide(NodeRegistry.layer({ retries: 0, http: { connections: 4 } })))
      assert.strictEqual((yield* program)._tag, "CopyError")
      assert.isTrue((yield* server.requests).every(({ authorization }) => authorization === "none"))
    }))

  it.scopedLive("uses the credentials it is given", () =>
    Effect.gen(function*() {
      const { digest, host, password } = yield* protectedRegistry
      const credentials = Credentials.layerBasic({ registry: host, username: "ci", password })
      const result = yield* RegistryClient.copy(`${host}/app:1.0`, `${host}/app:2.0`).pipe(
        Effect.provide(NodeRegistry.layer({ credentials }))
      )
      assert.strictEqual(result.digest, digest)
    }))

  it.effect("fails as its parts do", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Effect.provide(RegistryClient.RegistryClient, NodeRegistry.layer({ http: { connections: 0 } }))
      )
      assert.strictEqual(error.field, "connections")
    }))
})
