import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Credentials from "../../../src/Credentials.js"
import * as Descriptor from "../../../src/Descriptor.js"
import { isInternal } from "../../../src/internal/http/address.js"
import { CurrentNames } from "../../../src/internal/http/dispatcher.js"
import * as NodeRegistry from "../../../src/NodeRegistry.js"
import * as RegistryClient from "../../../src/RegistryClient.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"

const content = new TextEncoder().encode("blob")
const blob = Descriptor.fromBytes(content, "application/octet-stream")

type Handler = (request: Http.IncomingMessage, response: Http.ServerResponse) => void

/** A server on a loopback address, with the requests and the connections that it got. */
const serve = (handler: Handler, address = "127.0.0.1", at = 0) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const sockets = new Set<Net.Socket>()
    const server = Http.createServer((request, response) => {
      lines.push(`${request.method} ${request.headers.host?.split(":")[0]} ${request.url}`)
      request.resume().on("end", () => handler(request, response))
    })
    let connections = 0
    server.on("connection", (socket) => {
      connections++
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(at, address, () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
    const { port } = server.address() as Net.AddressInfo
    return { lines, port, connections: () => connections }
  })

const found: Handler = (request, response) => {
  if (request.url?.startsWith("/realm") === true) response.end(JSON.stringify({ token: "T" }))
  else response.writeHead(request.method === "PUT" ? 201 : 200).end(request.method === "GET" ? content : undefined)
}

/** A registry that has one blob and takes others, and lets others do the work. */
const leading =
  (to: { readonly realm?: string; readonly redirect?: string; readonly location?: string }): Handler =>
  (request, response) => {
    if (to.realm !== undefined && request.headers.authorization === undefined) {
      response.writeHead(401, { "www-authenticate": `Bearer realm="${to.realm}"` }).end()
    } else if (request.method === "POST") {
      response.writeHead(202, { location: to.location ?? "/up" }).end()
    } else if (to.redirect !== undefined && request.method === "GET") {
      response.writeHead(307, { location: to.redirect }).end()
    } else found(request, response)
  }

/**
 * A DNS. Each look-up of a name takes the next answer, and the last one ever after. The addresses of `outside` are on the
 * public network here, which the tests cannot reach.
 */
const dns = (records: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>>, outside: string = "") => {
  const lookups: Array<string> = []
  const names: typeof CurrentNames.Service = {
    lookup: (hostname, _, callback) => {
      const answers = records[hostname] ?? []
      const nth = lookups.filter((name) => name === hostname).length
      lookups.push(hostname)
      const addresses = answers[Math.min(nth, answers.length - 1)]
      if (addresses === undefined) callback(Object.assign(new Error(), { code: "ENOTFOUND" }), [])
      else callback(null, addresses.map((address) => ({ address, family: Net.isIP(address) })))
    },
    isInternal: (address) => address !== outside && isInternal(address)
  }
  return { lookups, names }
}

const client = (
  { names }: ReturnType<typeof dns>,
  hosts: Readonly<Record<string, RegistryConfig.HostOptions>>,
  http: NodeRegistry.HttpOptions = { proxy: false }
) =>
  RegistryClient.layer({ hosts }).pipe(
    Layer.provide(NodeRegistry.layerHttp(http)),
    Layer.provide(Layer.merge(Layer.succeed(CurrentNames, names), Credentials.layerAnonymous))
  )

const read = (name: string) =>
  Effect.flatMap(RegistryClient.repository(name), (repository) => Stream.runDrain(repository.getBlob(blob)))
const write = (name: string) =>
  Effect.flatMap(RegistryClient.repository(name), (repository) => repository.putBlob(blob, Stream.make(content)))

/** The error for what must not be connected to: final, of its own reason, and in words. */
const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    const { _tag, message, reason } = error as unknown as Record<string, string>
    assert.deepStrictEqual([_tag, reason], ["TransportError", "Redirect"], message)
    assert.include(message, "allowPrivate")
  })

const plain = { plainHttp: true }

describe("a registry in a private DNS", () => {
  for (const name of ["by name", "by address"]) {
    it.scopedLive(`leads to its token server, its storage and its upload host, ${name}`, () =>
      Effect.gen(function*() {
        const inside = yield* serve(found)
        const host = (label: string) => `http://${name === "by name" ? `${label}.corp` : "127.0.0.1"}:${inside.port}`
        const registry = yield* serve(leading({
          realm: `${host("auth")}/realm`,
          redirect: `${host("storage")}/blob`,
          location: `${host("uploads")}/up`
        }))
        const here = [["127.0.0.1"]]
        const names = dns({ "registry.corp": here, "auth.corp": here, "storage.corp": here, "uploads.corp": here })
        const at = `registry.corp:${registry.port}`
        yield* Effect.provide(
          Effect.zipRight(read(`${at}/app`), write(`${at}/app`)),
          client(names, { [at]: plain })
        )
        const label = (label: string) => name === "by name" ? `${label}.corp` : "127.0.0.1"
        assert.deepStrictEqual(inside.lines.map((line) => line.replace(/\?.*/, "")), [
          `GET ${label("auth")} /realm`,
          `GET ${label("storage")} /blob`,
          `GET ${label("auth")} /realm`,
          `PUT ${label("uploads")} /up`
        ])
      }))
  }

  it.scopedLive("is refused what it leads to when so it is set, but may be asked itself", () =>
    Effect.gen(function*() {
      const inside = yield* serve(found)
      const registry = yield* serve(leading({ redirect: `http://storage.corp:${inside.port}/blob` }))
      const at = `registry.corp:${registry.port}`
      const names = dns({ "registry.corp": [["127.0.0.1"]], "storage.corp": [["127.0.0.1"]] })
      yield* Effect.provide(
        refusal(read(`${at}/app`)),
        client(names, { [at]: { ...plain, allowPrivate: false } })
      )
      assert.strictEqual(registry.lines.length, 1)
      assert.strictEqual(inside.connections(), 0)
    }))
})

describe("a registry on the public network", () => {
  const world = (records: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>> = {}) =>
    dns(
      { "registry.test": [["127.0.0.1"]], "cdn.test": [["127.0.0.1"]], "inside.test": [["127.0.0.2"]], ...records },
      "127.0.0.1"
    )

  for (const what of ["realm", "redirect", "location"] as const) {
    it.scopedLive(`is refused a ${what} whose name leads inside, before anything is sent`, () =>
      Effect.gen(function*() {
        const inside = yield* serve(found, "127.0.0.2")
        const registry = yield* serve(leading({ [what]: `http://inside.test:${inside.port}/${what}` }))
        const names = world()
        const at = `registry.test:${registry.port}`
        const layer = client(names, { [at]: plain })
        yield* Effect.provide(refusal(what === "location" ? write(`${at}/app`) : read(`${at}/app`)), layer)
        assert.strictEqual(inside.connections(), 0)
        // It is not tried again. Of an upload the cancellation is refused as well.
        const times = names.lookups.filter((name) => name === "inside.test").length
        assert.strictEqual(times, what === "location" ? 2 : 1)
      }))

    it.scopedLive(`leads to a ${what} elsewhere on it, or inside when that is allowed`, () =>
      Effect.gen(function*() {
        const inside = yield* serve(found, "127.0.0.2")
        const outside = yield* serve(found)
        for (const [target, allowPrivate] of [["cdn.test", undefined], ["inside.test", true]] as const) {
          const { port } = allowPrivate === true ? inside : outside
          const registry = yield* serve(leading({ [what]: `http://${target}:${port}/${what}` }))
          const at = `registry.test:${registry.port}`
          const layer = client(world(), { [at]: { ...plain, allowPrivate } })
          yield* Effect.provide(what === "location" ? write(`${at}/app`) : read(`${at}/app`), layer)
        }
        assert.strictEqual(inside.lines.length, 1)
        assert.strictEqual(outside.lines.length, 1)
      }))
  }

  it.scopedLive("is refused a name that leads inside at its next look-up", () =>
    Effect.gen(function*() {
      const closing: Handler = (_, response) => response.setHeader("connection", "close").end(content)
      const cdn = yield* serve(closing)
      const inside = yield* serve(closing, "127.0.0.2", cdn.port)
      const registry = yield* serve(leading({ redirect: `http://cdn.test:${cdn.port}/blob` }))
      const at = `registry.test:${registry.port}`
      const names = world({ "cdn.test": [["127.0.0.1"], ["127.0.0.2"]] })
      yield* Effect.provide(
        Effect.zipRight(read(`${at}/app`), refusal(read(`${at}/app`))),
        client(names, { [at]: plain })
      )
      assert.strictEqual(cdn.lines.length, 1)
      assert.strictEqual(inside.connections(), 0)
    }))

  it.scopedLive("is led to the public addresses alone of a name that has both", () =>
    Effect.gen(function*() {
      const cdn = yield* serve(found)
      const inside = yield* serve(found, "127.0.0.2", cdn.port)
      const registry = yield* serve(leading({ redirect: `http://cdn.test:${cdn.port}/blob` }))
      const at = `registry.test:${registry.port}`
      const names = world({ "cdn.test": [["127.0.0.2", "127.0.0.1"]] })
      yield* Effect.provide(read(`${at}/app`), client(names, { [at]: plain }))
      assert.strictEqual(cdn.lines.length, 1)
      assert.strictEqual(inside.connections(), 0)
    }))

  it.scopedLive("gets hold of no connection that another registry was allowed to make", () =>
    Effect.gen(function*() {
      const inside = yield* serve(found, "127.0.0.2")
      const private_ = yield* serve(leading({ redirect: `http://inside.test:${inside.port}/blob` }), "127.0.0.2")
      const public_ = yield* serve(leading({ redirect: `http://inside.test:${inside.port}/blob` }))
      const names = world({ "private.test": [["127.0.0.2"]] })
      const ats = [`inside.test:${inside.port}`, `private.test:${private_.port}`, `registry.test:${public_.port}`]
      yield* Effect.gen(function*() {
        // As a registry of its own, and as what a private one leads to: the connection stays open.
        yield* read(`${ats[0]}/app`)
        yield* read(`${ats[1]}/app`)
        assert.deepStrictEqual([inside.lines.length, inside.connections()], [2, 1])
        yield* refusal(read(`${ats[2]}/app`))
        yield* read(`${ats[1]}/app`)
      }).pipe(Effect.provide(client(names, Object.fromEntries(ats.map((at) => [at, plain])))))
      assert.deepStrictEqual([inside.lines.length, inside.connections()], [3, 1])
    }))

  it.scopedLive("does not count as internal when its own name begins to lead inside", () =>
    Effect.gen(function*() {
      const inside = yield* serve(found, "127.0.0.2")
      const redirecting: Handler = (_, response) =>
        response.writeHead(307, { connection: "close", location: `http://inside.test:${inside.port}/blob` }).end()
      const registry = yield* serve(redirecting)
      yield* serve(redirecting, "127.0.0.2", registry.port)
      const at = `registry.test:${registry.port}`
      const names = world({ "registry.test": [["127.0.0.1"], ["127.0.0.2"]] })
      yield* Effect.provide(
        Effect.zipRight(refusal(read(`${at}/app`)), refusal(read(`${at}/app`))),
        client(names, { [at]: plain })
      )
      assert.strictEqual(names.lookups.filter((name) => name === "registry.test").length, 2)
      assert.strictEqual(inside.connections(), 0)
    }))
})

describe("behind a proxy", () => {
  it.scopedLive("nothing is looked up", () =>
    Effect.gen(function*() {
      const inside = yield* serve(found)
      const registry = yield* serve(leading({ redirect: `http://inside.test:${inside.port}/blob` }))
      const asked: Array<string | undefined> = []
      const server = Http.createServer().on("connect", (request, socket) => {
        asked.push(request.url)
        const upstream = Net.connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 OK\r\n\r\n")
          upstream.pipe(socket)
          socket.pipe(upstream)
        })
        socket.on("error", () => upstream.destroy()).on("close", () => upstream.destroy())
        upstream.on("error", () => socket.destroy())
      })
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const { port } = server.address() as Net.AddressInfo
      const at = `registry.test:${registry.port}`
      const names = dns({})
      yield* Effect.provide(
        read(`${at}/app`),
        client(names, { [at]: plain }, { proxy: `http://127.0.0.1:${port}` })
      )
      assert.deepStrictEqual(asked, [at, `inside.test:${inside.port}`])
      assert.deepStrictEqual(names.lookups, [])
    }))
})
