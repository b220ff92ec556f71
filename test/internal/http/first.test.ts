import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { coded, get, type Reply, scripted } from "./scripted.js"

const head = (registry: string) => get(registry, { method: "HEAD" })
const challenge = (registry: string): Reply => ({
  status: 401,
  headers: { "www-authenticate": `Bearer realm="https://auth.${registry}/token",scope="repository:team/app:pull"` }
})

describe("the first request to a registry", () => {
  it.scoped("takes the only 401 of two at the same time: 401, token, two HEADs, for each registry by itself", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen) => {
        const { hostname } = new URL(seen.url)
        return Effect.as(
          Effect.sleep("1 seconds"),
          hostname.startsWith("auth.")
            ? { status: 200, body: "{\"token\":\"T\"}" }
            : seen.headers["authorization"] === undefined
            ? challenge(hostname)
            : { status: 200 }
        )
      })
      const { execute } = yield* transport()
      const all = yield* Effect.fork(
        Effect.all(["a.example", "b.example", "a.example", "b.example"].map((name) => execute(head(name))), {
          concurrency: "unbounded"
        })
      )
      // In three round trips: neither registry waits for the other.
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual((yield* Fiber.join(all)).map(({ status }) => status), [200, 200, 200, 200])
      for (const name of ["a.example", "b.example"]) {
        assert.deepStrictEqual(
          log.filter(({ url }) => new URL(url).hostname.endsWith(name)).map(({ headers, method, url }) => [
            method,
            new URL(url).hostname,
            headers["authorization"]
          ]),
          [
            ["HEAD", name, undefined],
            ["GET", `auth.${name}`, undefined],
            ["HEAD", name, "Bearer T"],
            ["HEAD", name, "Bearer T"]
          ]
        )
      }
    }))

  it.scoped("is waited for until its headers are there, and never again", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((_, count) =>
        count === 1
          ? Effect.as(Effect.sleep("5 seconds"), {
            status: 200,
            body: new ReadableStream({ pull: () => new Promise(() => {}) })
          })
          : "hang"
      )
      const { execute } = yield* transport()
      yield* Effect.fork(execute(get("example.com", { buffer: 10 })))
      yield* Effect.fork(execute(get("example.com")))
      yield* Effect.fork(execute(get("example.com")))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(log.length, 1)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(log.length, 3)
      yield* Effect.fork(execute(get("example.com")))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(log.length, 4)
    }))

  it.scoped("hands over when it fails or is interrupted", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((_, count) =>
        count === 1 ? "hang" : count === 2 ? { cause: coded("ENOTFOUND") } : { status: 200 }
      )
      const { execute } = yield* transport()
      const [first, second, ...rest] = yield* Effect.forEach([1, 2, 3, 4], () =>
        Effect.zipLeft(Effect.fork(Effect.exit(execute(get("example.com")))), Effect.yieldNow()))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(log.length, 1)
      if (first === undefined || second === undefined) {
        return assert.fail("no fibers")
      }
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* Fiber.join(second))._tag, "Failure")
      assert.deepStrictEqual(
        (yield* Fiber.joinAll(rest)).map(({ _tag }) =>
          _tag
        ),
        ["Success", "Success"]
      )
      assert.strictEqual(log.length, 4)
    }))

  it.scoped("is not waited for by a request to another origin", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted(({ url }) => url.includes("store.example") ? { status: 200 } : "hang")
      const { execute } = yield* transport()
      yield* Effect.fork(execute(get("example.com")))
      yield* TestClock.adjust("1 millis")
      yield* execute(get("example.com", { url: "https://store.example/upload?x=1" }))
      assert.strictEqual(log.length, 2)
    }))
})
