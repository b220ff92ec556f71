import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { canonical, distrust, isRegistry, make } from "../../../src/internal/http/host.js"

describe("make", () => {
  const origins: ReadonlyArray<readonly [string, string]> = [
    ["docker.io", "https://registry-1.docker.io"],
    ["index.docker.io", "https://registry-1.docker.io"],
    ["ghcr.io", "https://ghcr.io"],
    ["Example.COM:443", "https://example.com"],
    ["localhost:5000", "http://localhost:5000"],
    ["app.localhost", "http://app.localhost"],
    ["127.0.0.2:80", "http://127.0.0.2"],
    ["[::1]:5000", "http://[::1]:5000"],
    ["10.0.0.1:5000", "https://10.0.0.1:5000"]
  ]
  for (const [name, origin] of origins) {
    it.effect(`finds ${name} at ${origin}`, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* make(name, undefined)).origin, origin)
      }))
  }

  it.effect("is told otherwise", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* make("10.0.0.1:5000", { plainHttp: true })).origin, "http://10.0.0.1:5000")
      assert.strictEqual((yield* make("localhost:5000", { plainHttp: false })).origin, "https://localhost:5000")
    }))

  for (
    const name of [
      "",
      "a b",
      "a/b",
      "user@host",
      "host:port",
      "http://host",
      "a..b",
      "host:123456",
      "-a",
      "[::1",
      "__proto__"
    ]
  ) {
    it.effect(`refuses ${JSON.stringify(name)}`, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(make(name, undefined)))._tag, "InvalidInput")
      }))
  }

  it.effect("shows no password of a name that holds one", () =>
    Effect.gen(function*() {
      for (const name of ["ci:S3CRET@ghcr.io", "https://ci:S3CRET@ghcr.io", "ghcr.io/?token=S3CRET"]) {
        assert.notInclude((yield* Effect.flip(make(name, undefined))).message, "S3CRET")
      }
    }))

  it.effect("refuses headers that cannot be sent, without showing their value", () =>
    Effect.gen(function*() {
      for (
        const headers of [{ "a b": "x" }, { "x-key": Redacted.make("SECRET\r\nx: y") }, { Host: "x" }, {
          "x": "ü\u0100"
        }]
      ) {
        const error = yield* Effect.flip(make("example.com", { headers }))
        assert.strictEqual(error._tag, "InvalidInput")
        assert.notInclude(error.message, "SECRET")
      }
      const host = yield* make("example.com", { headers: { "X-Key": Redacted.make("v"), y: "w" } })
      assert.deepStrictEqual(host.headers, { "x-key": "v", y: "w" })
    }))
})

describe("canonical", () => {
  it("has one name for Docker Hub, lower case", () => {
    for (const name of ["docker.io", "index.docker.io", "registry-1.docker.io", "Docker.IO"]) {
      assert.strictEqual(canonical(name), "docker.io")
    }
    assert.strictEqual(canonical("GHCR.io"), "ghcr.io")
    assert.isFalse(isRegistry("https://ghcr.io"))
  })
})

describe("distrust", () => {
  it.effect("lets addresses on the public network be, and those of a registry that is inside", () =>
    Effect.gen(function*() {
      const outside = yield* make("example.com", undefined)
      const inside = yield* make("10.0.0.1:5000", { plainHttp: true })
      assert.strictEqual(distrust(outside, outside.origin, new URL("https://cdn.example.net/x")), undefined)
      assert.isDefined(distrust(outside, outside.origin, new URL("http://cdn.example.net/x")))
      assert.isDefined(distrust(outside, outside.origin, new URL("https://10.0.0.1/x")))
      assert.isDefined(distrust(outside, outside.origin, new URL("ftp://example.com/x")))
      assert.strictEqual(distrust(inside, inside.origin, new URL("http://192.168.0.1/x")), undefined)
      assert.isDefined(distrust(inside, "https://cdn.example.net/x", new URL("http://192.168.0.1/x")))
    }))

  it.effect("takes a registry for internal when a look-up finds that it is, unless it is told otherwise", () =>
    Effect.gen(function*() {
      const places = { isInside: (hostname: string) => hostname === "registry.corp" }
      const to = new URL("https://10.0.0.7/token")
      for (
        const [name, allowPrivate, isRefused] of [
          ["registry.corp", undefined, false],
          ["registry.corp", false, true],
          ["registry.example", undefined, true],
          ["registry.example", true, false]
        ] as const
      ) {
        const host = yield* make(name, { allowPrivate })
        assert.strictEqual(distrust(host, host.origin, to) !== undefined, isRefused || allowPrivate === undefined)
        host.principal.places = places
        assert.strictEqual(distrust(host, host.origin, to) !== undefined, isRefused)
      }
    }))

  it.effect("always allows the registry's own origin", () =>
    Effect.gen(function*() {
      const host = yield* make("10.0.0.1", { allowPrivate: false })
      assert.strictEqual(distrust(host, "https://cdn.example.net/x", new URL("https://10.0.0.1/back")), undefined)
      assert.isDefined(distrust(host, "https://cdn.example.net/x", new URL("https://10.0.0.1:8443/back")))
    }))
})
