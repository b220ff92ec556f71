import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { type Challenge, parameter, parse, select } from "../../../src/internal/http/challenge.js"
import { processorTime } from "../../utils/processorTime.js"

const one = (scheme: string, parameters: Record<string, string> = {}): Challenge => ({ scheme, parameters })

const table: ReadonlyArray<readonly [string, ReadonlyArray<Challenge>]> = [
  ["", []],
  ["   ", []],
  [",,, ,", []],
  ["Basic", [one("basic")]],
  ["Basic realm=\"r\"", [one("basic", { realm: "r" })]],
  ["BASIC REALM=\"R\"", [one("basic", { realm: "R" })]],
  ["Basic realm=r", [one("basic", { realm: "r" })]],
  [
    "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:pull,push\"",
    [one("bearer", { realm: "https://a/t", service: "s", scope: "repository:a/b:pull,push" })]
  ],
  ["Bearer realm = \"x\" , service =y", [one("bearer", { realm: "x", service: "y" })]],
  ["Bearer realm=https://a/t?x=1&y=2,service=s", [one("bearer", { realm: "https://a/t?x=1&y=2", service: "s" })]],
  ["Bearer realm=\"a\\\"b\\\\c\\d\"", [one("bearer", { realm: "a\"b\\cd" })]],
  ["Bearer realm=\"\",service=\"s\"", [one("bearer", { realm: "", service: "s" })]],
  ["Bearer realm=,service=s", [one("bearer", { realm: "", service: "s" })]],
  ["Bearer realm=", [one("bearer", { realm: "" })]],
  ["Bearer a=\"1\" b=\"2\"", [one("bearer", { a: "1", b: "2" })]],
  ["Bearer realm=\"unclosed, service=s", [one("bearer", { realm: "unclosed, service=s" })]],
  ["Bearer realm=\"x\\", [one("bearer", { realm: "x\\" })]],
  ["Negotiate", [one("negotiate")]],
  ["Negotiate YWJj", [one("negotiate")]],
  ["Negotiate YWJjZA==", [one("negotiate")]],
  ["Negotiate a-._~+/b=", [one("negotiate")]],
  ["Negotiate YWJjZA==, Basic realm=\"r\"", [one("negotiate"), one("basic", { realm: "r" })]],
  ["Negotiate YWI=, Basic realm=\"r\"", [one("negotiate"), one("basic", { realm: "r" })]],
  ["Basic, Bearer realm=\"x\"", [one("basic"), one("bearer", { realm: "x" })]],
  [
    "Bearer realm=\"x\",service=\"s\", Basic realm=\"y\", charset=\"UTF-8\"",
    [one("bearer", { realm: "x", service: "s" }), one("basic", { realm: "y", charset: "UTF-8" })]
  ],
  ["Basic realm=\"a\" Bearer realm=\"b\"", [one("basic", { realm: "a" }), one("bearer", { realm: "b" })]],
  ["Basic realm=foo bar, charset=x", [one("basic", { realm: "foo", charset: "x" })]],
  ["Digest qop=\"auth, auth-int\", nonce=\"n\", Basic realm=\"b\"", [
    one("digest", { qop: "auth, auth-int", nonce: "n" }),
    one("basic", { realm: "b" })
  ]],
  [", Basic realm=\"x\" ,, , a=b ,", [one("basic", { realm: "x", a: "b" })]],
  ["Bearer realm=\"first\", realm=\"second\"", [one("bearer", { realm: "first" })]],
  ["realm=\"x\"", []],
  ["=,\"quoted, text\", Basic realm=\"r\"", [one("basic", { realm: "r" })]],
  ["Bearer\trealm=\"x\",\tservice=\"y\"", [one("bearer", { realm: "x", service: "y" })]],
  ["Bearer error=\"invalid_token\"", [one("bearer", { error: "invalid_token" })]]
]

describe("parse", () => {
  for (const [header, expected] of table) {
    it(`reads ${JSON.stringify(header)}`, () => assert.deepStrictEqual(parse(header), expected))
  }

  it("keeps a parameter named __proto__ to itself", () => {
    const [challenge] = parse("Bearer __proto__=\"x\", constructor=\"y\"")
    assert.isDefined(challenge)
    assert.deepStrictEqual(Object.keys(challenge.parameters), ["__proto__", "constructor"])
    assert.strictEqual(Object.getPrototypeOf(challenge.parameters), Object.prototype)
    assert.strictEqual(parameter(challenge, "__proto__"), "x")
    assert.strictEqual(parameter(one("bearer"), "constructor"), undefined)
  })

  it.prop("never throws, and gives lower-case schemes and names", [
    FastCheck.oneof(
      FastCheck.string({ unit: "binary" }),
      FastCheck.array(
        FastCheck.constantFrom("Basic", "Bearer", "realm", "=", "\"", "\\", ",", " ", "\t", "a", "==", "/", "ü")
      )
        .map((parts) => parts.join(""))
    )
  ], ([header]) => {
    for (const challenge of parse(header)) {
      assert.strictEqual(challenge.scheme, challenge.scheme.toLowerCase())
      for (const name of Object.keys(challenge.parameters)) assert.strictEqual(name, name.toLowerCase())
    }
  })

  const name = FastCheck.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/)
  const challenges = FastCheck.array(
    FastCheck.tuple(
      name,
      FastCheck.uniqueArray(FastCheck.tuple(name, FastCheck.string({ unit: "grapheme-ascii" })), {
        selector: ([key]) => key,
        minLength: 1,
        maxLength: 4
      })
    ),
    { maxLength: 4 }
  )
  it.prop("reads back what is written with quotes and escapes", [challenges], ([list]) => {
    const header = list.map(([scheme, parameters]) =>
      `${scheme} ${parameters.map(([key, value]) => `${key}="${value.replace(/["\\]/g, "\\$&")}"`).join(", ")}`
    ).join(", ")
    assert.deepStrictEqual(
      parse(header),
      list.map(([scheme, parameters]) => one(scheme, Object.fromEntries(parameters)))
    )
  })

  it("takes a long header in linear time", () => {
    const header = `Bearer ${"a=b, ".repeat(10_000)}${"x ".repeat(10_000)}${"\"".repeat(10_001)}`
    assert.isBelow(processorTime(() => parse(header)), 2000)
  })
})

describe("select", () => {
  it("prefers Bearer with a realm, then Basic", () => {
    assert.strictEqual(select(parse("Basic realm=\"b\", Bearer realm=\"x\""))?.scheme, "bearer")
    assert.strictEqual(select(parse("Bearer service=\"x\", Basic realm=\"b\""))?.scheme, "basic")
    assert.strictEqual(select(parse("Negotiate abc, Digest realm=\"x\"")), undefined)
  })
})
