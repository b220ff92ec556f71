import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../../../src/Credentials.js"
import { renewal } from "../../../src/internal/http/token.js"
import { get, type Reply, scripted, type Seen } from "./scripted.js"

describe("renewal", () => {
  const now = Date.parse("2026-05-01T12:00:00Z")
  const life = (answer: object) => (renewal(answer, now) - now) / 1000
  it("is a little before the end of the token's life, 60 seconds by default and at least", () => {
    assert.strictEqual(life({}), 54)
    assert.strictEqual(life({ expires_in: 5 }), 54)
    assert.strictEqual(life({ expires_in: 0 }), 54)
    assert.strictEqual(life({ expires_in: -3 }), 54)
    assert.strictEqual(life({ expires_in: "soon" }), 54)
    assert.strictEqual(life({ expires_in: 100 }), 90)
    assert.strictEqual(life({ expires_in: "300" }), 270)
    assert.strictEqual(life({ expires_in: 3600 }), 3570)
  })
  it("counts from issued_at when that is plausible", () => {
    const at = (issued_at: unknown) => life({ expires_in: 300, issued_at })
    assert.strictEqual(at("2026-05-01T11:59:00Z"), 210)
    assert.strictEqual(at("2026-05-01T12:10:00Z"), 270)
    assert.strictEqual(at("2026-05-01T11:00:00Z"), 270)
    assert.strictEqual(at("0001-01-01T00:00:00Z"), 270)
    assert.strictEqual(at("yesterday"), 270)
    assert.strictEqual(at(17), 270)
  })
  it.prop("is always in the future", [FastCheck.anything(), FastCheck.anything()], ([expires_in, issued_at]) => {
    FastCheck.pre(typeof expires_in !== "object" && typeof expires_in !== "symbol" && typeof expires_in !== "bigint")
    assert.isAbove(renewal({ expires_in, issued_at }, now), now)
  })
})

const run = (answer: (seen: Seen) => Reply, credential?: Credentials.Credential, retries = 0) =>
  Effect.gen(function*() {
    const { log, transport } = scripted((seen) =>
      seen.url.startsWith("https://auth")
        ? answer(seen)
        : seen.headers["authorization"] === "Bearer good"
        ? { status: 200 }
        : {
          status: 401,
          headers: { "www-authenticate": "Bearer realm=\"https://auth.example.com/t\",service=\"s s\"" }
        }
    )
    const { execute } = yield* transport({ retries }, credential === undefined ? {} : { "example.com": credential })
    const result = yield* Effect.either(Effect.scoped(execute(get("example.com"))))
    return { result, asked: log.filter((seen) => seen.url.startsWith("https://auth")) }
  })

const good: Reply = { status: 200, body: "{\"token\":\"good\"}" }

describe("an identity token", () => {
  const credential = Credentials.identity(Redacted.make("refresh+me"))

  it.effect("goes in the form of a POST, never in an address", () =>
    Effect.gen(function*() {
      const { asked, result } = yield* run(() => good, credential)
      assert.strictEqual(result._tag, "Right")
      assert.strictEqual(asked[0]?.method, "POST")
      assert.strictEqual(asked[0]?.url, "https://auth.example.com/t")
      assert.strictEqual(asked[0]?.headers["content-type"], "application/x-www-form-urlencoded")
      assert.deepStrictEqual([...new URLSearchParams(asked[0]?.body)], [
        ["grant_type", "refresh_token"],
        ["service", "s s"],
        ["client_id", "effect-oci"],
        ["scope", "repository:team/app:pull"],
        ["refresh_token", "refresh+me"]
      ])
    }))

  for (const status of [404, 405]) {
    it.effect(`is the password of a GET where a POST is ${status}`, () =>
      Effect.gen(function*() {
        const { asked, result } = yield* run((seen) => seen.method === "POST" ? { status } : good, credential)
        assert.strictEqual(result._tag, "Right")
        assert.strictEqual(
          asked[1]?.headers["authorization"],
          `Basic ${btoa("00000000-0000-0000-0000-000000000000:refresh+me")}`
        )
      }))
  }

  for (const status of [400, 401]) {
    it.effect(`that is not valid any more (${status}) is said so, with the status that was sent`, () =>
      Effect.gen(function*() {
        for (const got of [400, 401, 404, 405]) {
          const { asked, result } = yield* run(
            (seen) => ({ status: seen.method === "POST" ? status : got }),
            credential
          )
          const error = result._tag === "Left" ? result.left : undefined
          assert.deepInclude(error, { _tag: "Unauthorized", method: "POST", status })
          assert.include(error?.message, `answered ${status}`)
          assert.include(error?.message, "the configured identity token")
          assert.deepStrictEqual(asked.map((seen) => seen.method), ["POST", "GET"])
        }
      }))

    it.effect(`is the password of a GET where a POST is ${status}`, () =>
      Effect.gen(function*() {
        const { asked, result } = yield* run((seen) => seen.method === "POST" ? { status } : good, credential)
        assert.strictEqual(result._tag, "Right")
        assert.deepStrictEqual(asked.map((seen) => [seen.method, seen.body]), [["POST", asked[0]?.body], ["GET", ""]])
        assert.strictEqual(
          asked[1]?.headers["authorization"],
          `Basic ${btoa("00000000-0000-0000-0000-000000000000:refresh+me")}`
        )
      }))
  }

  it.effect("that a GET has no rights for is said so", () =>
    Effect.gen(function*() {
      const { result } = yield* run((seen) => ({ status: seen.method === "POST" ? 401 : 403 }), credential)
      assert.deepInclude(result._tag === "Left" ? result.left : undefined, {
        _tag: "Denied",
        method: "GET",
        status: 403
      })
    }))

  /** The methods of the requests to the token server for three repositories, one after the other. */
  const three = (answer: (seen: Seen, count: number) => Reply, realm = (_: number) => "https://auth.example.com/t") =>
    Effect.scoped(Effect.gen(function*() {
      let asked = 0
      let repositories = 0
      const methods: Array<ReadonlyArray<string>> = []
      const { log, transport } = scripted((seen) =>
        seen.url.startsWith("https://auth.")
          ? answer(seen, ++asked)
          : seen.headers["authorization"] === undefined
          ? { status: 401, headers: { "www-authenticate": `Bearer realm="${realm(++repositories)}"` } }
          : { status: 200 }
      )
      const { execute } = yield* transport({ retries: 0 }, { "example.com": credential, "example.org": credential })
      for (const [registry, name] of [["example.com", "a"], ["example.com", "b"], ["example.org", "c"]] as const) {
        const start = log.length
        const request = get(registry, { url: `/v2/${name}/manifests/1`, scopes: [`repository:${name}:pull`] })
        yield* Effect.either(execute(request))
        methods.push(log.slice(start).filter((seen) => seen.url.startsWith("https://auth.")).map((seen) => seen.method))
      }
      return methods
    }))

  for (const status of [400, 401, 404, 405]) {
    it.effect(`is sent no more by the POST that a token server does not have (${status})`, () =>
      Effect.gen(function*() {
        const answer = (seen: Seen): Reply => seen.method === "POST" ? { status } : good
        assert.deepStrictEqual(yield* three(answer), [["POST", "GET"], ["GET"], ["GET"]])
        const other = yield* three(answer, (count) => `https://auth.example.com/${count}`)
        assert.deepStrictEqual(other, [["POST", "GET"], ["GET"], ["POST", "GET"]])
      }))
  }

  /** What comes of POST and GET, and the requests of the first token and of each later one. */
  const ways: ReadonlyArray<
    readonly [posts: ReadonlyArray<number>, gets: ReadonlyArray<number>, first: string, later: string]
  > = [
    [[200, 403], [200, 400, 401, 403, 404, 405], "POST", "POST"],
    [[400, 401, 404, 405], [200], "POST GET", "GET"],
    [[400, 401, 404, 405], [400, 401, 403], "POST GET", "POST GET"],
    [[400, 401], [404, 405], "POST GET", "POST"],
    [[404, 405], [404, 405], "POST GET", "POST GET"]
  ]
  for (const [posts, gets, first, later] of ways) {
    it.effect(`whose POST is ${posts.join(" or ")} and GET ${gets.join(" or ")} takes ${first}, then ${later}`, () =>
      Effect.gen(function*() {
        for (const post of posts) {
          for (const got of gets) {
            const methods = yield* three((seen) => {
              const status = seen.method === "POST" ? post : got
              return status === 200 ? good : { status }
            })
            assert.deepStrictEqual(methods.map((sent) => sent.join(" ")), [first, later, later], `${post}, ${got}`)
          }
        }
      }))
  }

  for (const [post, got] of [[404, 401], [405, 400], [404, 403], [401, 403], [400, 403]] as const) {
    it.effect(`is sent by POST again after a POST with ${post} and a GET with ${got}`, () =>
      Effect.gen(function*() {
        const methods = yield* three((seen, count) =>
          count > 2 ? good : { status: seen.method === "POST" ? post : got }
        )
        assert.deepStrictEqual(methods, [["POST", "GET"], ["POST"], ["POST"]])
      }))
  }

  it.effect("is refused once by a token server whose POST is known to work, or that has no GET", () =>
    Effect.gen(function*() {
      const spent = yield* three((_, count) => count === 1 ? good : { status: 400 })
      assert.deepStrictEqual(spent, [["POST"], ["POST"], ["POST"]])
      const noGet = yield* three((seen) => ({ status: seen.method === "POST" ? 401 : 405 }))
      assert.deepStrictEqual(noGet, [["POST", "GET"], ["POST"], ["POST"]])
    }))

  it.effect("is sent by either way again where neither was there", () =>
    Effect.gen(function*() {
      const methods = yield* three((seen, count) =>
        count <= 2 ? { status: 404 } : seen.method === "POST" ? { status: 400 } : good
      )
      assert.deepStrictEqual(methods, [["POST", "GET"], ["POST", "GET"], ["GET"]])
    }))

  it.effect("is not handed on by a redirect", () =>
    Effect.gen(function*() {
      const { asked, result } = yield* run(
        (seen) =>
          seen.url.includes("elsewhere")
            ? good
            : { status: 307, headers: { location: "https://auth2.elsewhere.net/" } },
        credential
      )
      assert.strictEqual(result._tag, "Left")
      assert.strictEqual(asked.length, 1)
    }))
})

describe("answers of a token server", () => {
  it.effect("hold token or access_token", () =>
    Effect.gen(function*() {
      for (
        const body of [
          "{\"access_token\":\"good\"}",
          "{\"token\":\"good\",\"access_token\":\"x\"}",
          "{\"token\":\"\",\"access_token\":\"good\"}"
        ]
      ) {
        assert.strictEqual((yield* run(() => ({ status: 200, body }))).result._tag, "Right")
      }
    }))

  const server = "the answer of the token server https://auth.example.com/t"
  const bad: ReadonlyArray<readonly [string, Reply, string]> = [
    ["no token", { status: 200, body: "{}" }, `${server} holds no token`],
    ["no JSON", { status: 200, body: "<html>" }, `${server} is no JSON object`],
    ["no object", { status: 200, body: "[]" }, `${server} is no JSON object`],
    ["a token of another type", { status: 200, body: "{\"token\":17}" }, `${server} holds no token`],
    ["a name of ours", { status: 200, body: "{\"_tag\":\"Refused\"}" }, `${server} holds no token`],
    ["a token with a line break", { status: 200, body: "{\"token\":\"a\\nb\"}" }, "token"],
    ["400, which is about no identity token", { status: 400 }, `${server} is 400`],
    ["404, which is not the registry's", {
      status: 404,
      body: "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}"
    }, `${server} is 404, NAME_UNKNOWN`]
  ]
  for (const [name, reply, why] of bad) {
    it.effect(`are of no use: ${name}`, () =>
      Effect.gen(function*() {
        const { result } = yield* run(() => reply)
        const error = result._tag === "Left" ? result.left : undefined
        assert.deepInclude(error, { _tag: "CredentialsError", registry: "example.com" })
        assert.include(error?.message, why)
      }))
  }

  for (const [name, reply] of bad.slice(0, 6)) {
    it.effect(`are asked for once more, and no more: ${name}`, () =>
      Effect.gen(function*() {
        for (const garbled of [1, 2]) {
          let count = 0
          const fiber = yield* Effect.fork(run(() => ++count > garbled ? good : reply, undefined, 4))
          yield* TestClock.adjust("1 minutes")
          const { asked, result } = yield* Fiber.join(fiber)
          assert.strictEqual(asked.length, 2)
          assert.strictEqual(result._tag, garbled === 1 ? "Right" : "Left")
        }
      }))
  }

  it.effect("that break off are asked for once more", () =>
    Effect.gen(function*() {
      let count = 0
      const cut: Reply = { status: 200, headers: { "content-length": "100" }, body: "{\"token\":\"go" }
      const fiber = yield* Effect.fork(run(() => ++count === 1 ? cut : good, undefined, 1))
      yield* TestClock.adjust("1 minutes")
      assert.strictEqual((yield* Fiber.join(fiber)).result._tag, "Right")
    }))

  it.effect("are bounded", () =>
    Effect.gen(function*() {
      const { result } = yield* run(() => ({ status: 200, body: `{"token":"${"x".repeat(1024 * 1024)}"}` }))
      assert.strictEqual(
        result._tag === "Left" && result.left._tag === "TransportError" && result.left.reason,
        "TooLarge"
      )
    }))

  for (
    const [status, tag] of [[401, "Unauthorized"], [403, "Denied"], [429, "RateLimited"], [
      501,
      "UnexpectedStatus"
    ], [502, "UnexpectedStatus"]] as const
  ) {
    it.effect(`are errors of their own: ${status}`, () =>
      Effect.gen(function*() {
        const { result } = yield* run(() => ({ status }))
        assert.strictEqual(result._tag === "Left" ? result.left._tag : "", tag)
      }))
  }
})

describe("credentials that cannot be sent", () => {
  for (
    const credential of [
      Credentials.basic("a:b", Redacted.make("p")),
      Credentials.basic("a", Redacted.make("p\r\nX: y")),
      Credentials.bearer(Redacted.make("a b"))
    ]
  ) {
    it.effect(`are an error: ${credential._tag}`, () =>
      Effect.gen(function*() {
        const { asked, result } = yield* run(() => good, credential)
        assert.strictEqual(result._tag === "Left" ? result.left._tag : "", "CredentialsError")
        assert.strictEqual(asked.length, 0)
      }))
  }
})
