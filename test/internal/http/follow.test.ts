import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Credentials from "../../../src/Credentials.js"
import type { TransportError, Unauthorized } from "../../../src/RegistryError.js"
import { get, type Reply, scripted, type Seen, utf8 } from "./scripted.js"

const ci = { "example.com": Credentials.basic("ci", Redacted.make("hunter2")) }
const options = { hosts: { "example.com": { headers: { "x-mirror-key": Redacted.make("K") } } } }

/** A registry behind Basic whose answer to the first authorised request is `answer`. */
const registry = (answer: (seen: Seen) => Reply) =>
  scripted((seen) =>
    seen.url.startsWith("https://example.com/v2/") && seen.headers["authorization"] === undefined
      ? { status: 401, headers: { "www-authenticate": "Basic realm=\"r\"" } }
      : answer(seen)
  )
const to = (location: string, status = 307): Reply => ({ status, headers: { location } })

describe("redirects", () => {
  it.scoped("to another origin go without credentials and own headers, the query as it was", () =>
    Effect.gen(function*() {
      const signed = "https://cdn.example.net/blob?sig=a%20b~c%2F&x=(1)"
      const { log, transport } = registry((seen) =>
        seen.url.startsWith("https://cdn") ? { status: 200, body: "blob" } : to(`${signed}#part`)
      )
      const { execute } = yield* transport(options, ci)
      const headers = { Accept: "a/b", Authorization: "Mine", Cookie: "c=1" }
      const response = yield* execute(get("example.com", { headers }))
      assert.strictEqual(utf8(yield* response.bytes(10)), "blob")
      assert.strictEqual(response.url, signed)
      const last = log[log.length - 1]
      assert.strictEqual(last?.url, signed)
      assert.strictEqual(last?.headers["accept"], "a/b")
      assert.strictEqual(last?.headers["accept-encoding"], "identity")
      for (const name of ["authorization", "cookie", "x-mirror-key", "traceparent", "b3"]) {
        assert.strictEqual(last?.headers[name], undefined, name)
      }
      assert.strictEqual(log[0]?.headers["x-mirror-key"], "K")
    }))

  for (
    const location of ["https://example.com:8443/x", "https://sub.example.com/x", "https://example.com.evil.net/x"]
  ) {
    it.scoped(`to ${location} lose the credentials`, () =>
      Effect.gen(function*() {
        const { log, transport } = registry((seen) => seen.url === location ? { status: 200 } : to(location))
        const { execute } = yield* transport(options, ci)
        // the first request is refused, so the second is the one with credentials
        yield* execute(get("example.com"))
        assert.isDefined(log[1]?.headers["authorization"])
        assert.strictEqual(log[2]?.headers["authorization"], undefined)
      }))
  }

  it.scoped("to another origin are the answer of a request that stays, those within the origin are not", () =>
    Effect.gen(function*() {
      const { log, transport } = registry((seen) =>
        seen.url.endsWith("/1") ? to("/v2/there", 303) : to("https://web.example.net/page", 303)
      )
      const { call } = yield* transport(options, ci)
      const error = yield* Effect.flip(call(get("example.com", { stay: true })))
      assert.strictEqual(error._tag === "UnexpectedStatus" ? error.status : error._tag, 303)
      assert.deepStrictEqual(log.slice(1).map(({ url }) => url), [
        "https://example.com/v2/team/app/manifests/1",
        "https://example.com/v2/there"
      ])
    }))

  it.scoped("within the origin keep them, relative or absolute", () =>
    Effect.gen(function*() {
      const { log, transport } = registry((seen) =>
        seen.url.endsWith("/1")
          ? to("../other/2")
          : seen.url.endsWith("/2")
          ? to("https://example.com:443/v2/3")
          : { status: 200 }
      )
      const { execute } = yield* transport(options, ci)
      const response = yield* execute(get("example.com"))
      assert.strictEqual(response.url, "https://example.com/v2/3")
      assert.deepStrictEqual(log.slice(1).map((seen) => [seen.url, seen.headers["authorization"] !== undefined]), [
        ["https://example.com/v2/team/app/manifests/1", true],
        ["https://example.com/v2/team/app/other/2", true],
        ["https://example.com/v2/3", true]
      ])
    }))

  it.scoped("that come back to the origin have lost them for good", () =>
    Effect.gen(function*() {
      const { log, transport } = registry((seen) =>
        seen.url.startsWith("https://cdn") ? to("https://example.com/back") : to("https://cdn.example.net/x")
      )
      const { execute } = yield* transport(options, ci)
      const tries = execute(get("example.com", { accept: [200, 307] }))
      assert.strictEqual((yield* tries).status, 307)
      const second = registry((seen) =>
        seen.url.startsWith("https://cdn")
          ? to("https://example.com/back")
          : seen.url.endsWith("/back")
          ? { status: 200 }
          : to("https://cdn.example.net/x")
      )
      const other = yield* second.transport(options, ci)
      yield* other.execute(get("example.com"))
      assert.strictEqual(second.log[second.log.length - 1]?.url, "https://example.com/back")
      assert.strictEqual(second.log[second.log.length - 1]?.headers["authorization"], undefined)
      assert.strictEqual(log.length, 2)
    }))

  const refused: ReadonlyArray<readonly [string, string]> = [
    ["http", "http://cdn.example.net/x?sig=S3CRET"],
    ["http of the same host", "http://example.com/x?sig=S3CRET"],
    ["loopback", "https://127.0.0.1/x?sig=S3CRET"],
    ["metadata", "https://169.254.169.254/latest?sig=S3CRET"],
    ["private in IPv6", "https://[fd00::1]/x?sig=S3CRET"],
    ["IPv4-translated", "https://[::ffff:0:808:808]/x?sig=S3CRET"],
    ["Teredo", "https://[2001:0:808:808::1]/x?sig=S3CRET"],
    ["6to4 of a private address", "https://[2002:c0a8:101::]/x?sig=S3CRET"],
    ["multicast", "https://239.255.255.250/x?sig=S3CRET"],
    ["multicast in IPv6", "https://[ff02::1]/x?sig=S3CRET"],
    ["a reserved address", "https://240.0.0.1/x?sig=S3CRET"],
    ["a file", "file:///etc/passwd?sig=S3CRET"],
    ["nonsense", "http://[?S3CRET"]
  ]
  for (const [name, location] of refused) {
    it.scoped(`to ${name} are refused`, () =>
      Effect.gen(function*() {
        const { log, transport } = scripted(() => to(location))
        const { execute } = yield* transport()
        const error = (yield* Effect.flip(execute(get("example.com")))) as TransportError
        assert.strictEqual(error.reason, "Redirect")
        assert.notInclude(error.message, "S3CRET")
        assert.strictEqual(log.length, 1)
      }))
    it.scoped(`an absolute URL, such as a Location, to ${name} is refused as well`, () =>
      Effect.gen(function*() {
        const { log, transport } = scripted(() => ({ status: 200 }))
        const { execute } = yield* transport()
        const error = (yield* Effect.flip(execute(get("example.com", { url: location })))) as TransportError
        assert.strictEqual(error.reason, "Redirect")
        assert.notInclude(error.message, "S3CRET")
        assert.strictEqual(log.length, 0)
      }))
  }

  it.scoped("end after ten", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen) => to(`${seen.url}x`))
      const { execute } = yield* transport()
      const error = (yield* Effect.flip(execute(get("example.com")))) as TransportError
      assert.strictEqual(error.reason, "Redirect")
      assert.strictEqual(log.length, 11)
    }))

  it.scoped("307 sends the body again, run anew", () =>
    Effect.gen(function*() {
      let runs = 0
      const content = Stream.suspend(() => {
        runs++
        return Stream.make(new TextEncoder().encode("data"))
      })
      const { log, transport } = scripted((seen) => seen.url.endsWith("/2") ? { status: 201 } : to("/2", 308))
      const { execute } = yield* transport()
      yield* execute({
        ...get("example.com"),
        method: "PUT",
        accept: [201],
        body: { _tag: "Stream", content, contentType: "application/octet-stream", length: 4 }
      })
      assert.deepStrictEqual(log.map((seen) => [seen.method, seen.body]), [["PUT", "data"], ["PUT", "data"]])
      assert.strictEqual(runs, 2)
    }))

  it.scoped("303 turns into a GET without the body", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen) => seen.url.endsWith("/2") ? { status: 200 } : to("/2", 303))
      const { execute } = yield* transport()
      yield* execute({
        ...get("example.com"),
        method: "POST",
        headers: { "Content-Range": "0-3" },
        body: { _tag: "Bytes", bytes: new Uint8Array(4), contentType: "application/octet-stream" }
      })
      assert.strictEqual(log[1]?.method, "GET")
      assert.strictEqual(log[1]?.body, "")
      assert.strictEqual(log[1]?.headers["content-range"], undefined)
      assert.strictEqual(log[1]?.headers["content-type"], undefined)
    }))

  it.scoped("302 of a PUT is refused, of a HEAD followed", () =>
    Effect.gen(function*() {
      const { transport } = scripted((seen) => seen.url.endsWith("/2") ? { status: 200 } : to("/2", 302))
      const { execute } = yield* transport()
      const error = (yield* Effect.flip(execute(get("example.com", { method: "PUT" })))) as TransportError
      assert.strictEqual(error.reason, "Redirect")
      assert.strictEqual((yield* execute(get("example.com", { method: "HEAD" }))).url, "https://example.com/2")
    }))

  it.scoped("are followed though their body never comes, and their connection is let go of", () =>
    Effect.gen(function*() {
      for (const buffer of [100, undefined]) {
        const wasLetGo: Array<boolean | undefined> = []
        const { signals, transport } = scripted((seen) => {
          if (!seen.url.endsWith("/2")) {
            return { status: 307, headers: { location: "/2", "content-length": "10" }, body: new ReadableStream() }
          }
          wasLetGo.push(signals[0]?.aborted)
          return { status: 200, body: "blob" }
        })
        const { execute } = yield* transport()
        const read = Effect.flatMap(execute(get("example.com", { buffer })), (response) => response.bytes(10))
        const fiber = yield* Effect.fork(Effect.scoped(read))
        assert.strictEqual(utf8(yield* Fiber.join(fiber)), "blob")
        // It was still being read when the next request went out.
        assert.deepStrictEqual(wasLetGo, [false])
        assert.isTrue(signals[0]?.aborted)
      }
    }))

  it.scoped("without a Location are answers like others", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({ status: 307 }))
      const { execute } = yield* transport()
      assert.strictEqual((yield* Effect.flip(execute(get("example.com"))))._tag, "UnexpectedStatus")
    }))

  it.scoped("to a host that wants credentials get none", () =>
    Effect.gen(function*() {
      const { log, transport } = registry((seen) =>
        seen.url.startsWith("https://cdn")
          ? { status: 401, headers: { "www-authenticate": "Basic realm=\"give me\"" } }
          : to("https://cdn.example.net/x")
      )
      const { execute } = yield* transport(options, ci)
      const error = (yield* Effect.flip(execute(get("example.com")))) as Unauthorized
      assert.strictEqual(error._tag, "Unauthorized")
      assert.strictEqual(error.credentials, "none, because cdn.example.net is not the registry")
      assert.strictEqual(log.length, 3)
    }))
})

describe("an absolute URL of another origin", () => {
  it.scoped("is asked without credentials", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted(() => ({ status: 200 }))
      const { execute } = yield* transport(options, ci)
      const url = "https://upload.example.net/u?_state=a~b"
      assert.strictEqual((yield* execute(get("example.com", { url }))).url, url)
      assert.strictEqual(log[0]?.url, url)
      assert.strictEqual(log[0]?.headers["x-mirror-key"], undefined)
    }))
})

describe("headers of a registry", () => {
  const random = "Zk3v9QpLx7Rt2Wm8"
  const headers: ReadonlyArray<readonly [string, string | Redacted.Redacted, isHidden: boolean]> = [
    ["X-Forwarded-Proto", "https", false],
    ["x", "v2", false],
    ["x-plain", "team", false],
    ["x-region", "europe-west1-production", false],
    ["x-forwarded-host", "averyverylongname1.example.com", false],
    ["x-origin", "https://gateway.internal.example/v2/team", false],
    ["x-number", "12345678901234567890", false],
    ["x-type", "application/vnd.oci.image.index.v1+json", false],
    ["x-sentence", "one two three four five", false],
    ["x-plain", Redacted.make("team"), true],
    ["x-forwarded-proto", Redacted.make("https"), true],
    ["X-API-Key", "team", true],
    ["x-auth-user", "team", true],
    ["Cookie", "id=team", true],
    ["Proxy-Authorization", "Basic dTp0ZWFtdGVhbQ==", true],
    ["x-csrf-token", "team", true],
    ["x-client-secret", "team", true],
    ["x-password", "team", true],
    ["x-credentials", "team", true],
    ["x-session", "team", true],
    ["x-signature", "team", true],
    ["x-plain", random, true],
    ["x-plain", `a.${random.toLowerCase()}.B`, true],
    ["x-plain", `a.b=${random};c`, true],
    ["x-plain", "d41d8cd98f00b204e9800998ecf8427e", true]
  ]
  for (const [name, value, isHidden] of headers) {
    const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
    it.scoped(`${isHidden ? "are hidden" : "are shown"} in addresses and texts: ${name} as ${value}`, () =>
      Effect.gen(function*() {
        const { log, transport } = scripted((seen) =>
          seen.url.endsWith("/there")
            ? { status: 418, body: `saw ${text} here` }
            : to("https://cdn.example.net/v2/team/there")
        )
        const { call } = yield* transport({ retries: 0, hosts: { "example.com": { headers: { [name]: value } } } })
        const { message } = yield* Effect.flip(call(get("example.com")))
        assert.strictEqual(log[0]?.headers[name.toLowerCase()], text)
        if (isHidden) {
          assert.notInclude(message, text)
        } else {
          assert.include(message, `saw ${text} here`)
          assert.include(message, "https://cdn.example.net/v2/team/there")
        }
      }))
  }
})
