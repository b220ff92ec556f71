import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { parseErrorBody as parse } from "../../src/internal/errorEntries.js"
import * as OperationError from "../../src/OperationError.js"
import * as RegistryError from "../../src/RegistryError.js"

const parseErrorBody = (body: Uint8Array | string) => parse(body, (text) => text)
const plain = (body: Uint8Array | string) => parseErrorBody(body).map((entry) => ({ ...entry }))

describe("parseErrorBody", () => {
  it("reads the body of the specification", () => {
    const body =
      "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\",\"detail\":{\"Tag\":\"1.0\"}},{\"code\":\"DENIED\"}]}"
    assert.deepStrictEqual(plain(new TextEncoder().encode(body)), [
      { code: "MANIFEST_UNKNOWN", message: "manifest unknown", detail: { Tag: "1.0" } },
      { code: "DENIED" }
    ])
  })

  it("keeps codes it does not know", () => {
    assert.deepStrictEqual(plain("{\"errors\":[{\"code\":\"QUOTA_EXCEEDED\",\"message\":\"full\"}]}"), [
      { code: "QUOTA_EXCEEDED", message: "full" }
    ])
  })

  it.each<[string, string, ReadonlyArray<object>]>([
    ["Docker Hub's token server", "{\"details\":\"incorrect username or password\"}", [
      { code: "UNKNOWN", message: "incorrect username or password" }
    ]],
    ["an OAuth2 token server", "{\"error\":\"invalid_grant\",\"error_description\":\"expired\"}", [
      { code: "invalid_grant", message: "expired" }
    ]],
    ["a sentence for an error", "{\"error\":\"no such user\"}", [{ code: "UNKNOWN", message: "no such user" }]],
    ["a gateway", "{\"message\":\"Forbidden\"}", [{ code: "UNKNOWN", message: "Forbidden" }]],
    ["a wrapped error", "{\"error\":{\"code\":403,\"message\":\"no access\",\"status\":\"DENIED\"}}", [
      { code: "403", message: "no access" }
    ]],
    ["an entry without a code", "{\"errors\":[{\"status\":404,\"message\":\"not here\"}]}", [
      { code: "UNKNOWN", message: "not here" }
    ]],
    ["entries of the wrong kind", "{\"errors\":[null,1,\"text\",[],{},{\"code\":\"\"},{\"code\":{}}]}", [
      { code: "UNKNOWN", message: "text" }
    ]],
    ["errors that are no array", "{\"errors\":{\"code\":\"DENIED\",\"message\":7}}", [{ code: "DENIED" }]],
    ["errors that are null", "{\"errors\":null}", []],
    ["a detail that is text", "{\"errors\":[{\"code\":\"X\",\"detail\":\"why\"}]}", [
      { code: "X", message: "why", detail: "why" }
    ]],
    ["a plain text", "404 page not found\n", [{ code: "UNKNOWN", message: "404 page not found" }]],
    ["HTML", "<html><body>Bad Gateway</body></html>", []],
    ["nothing", "", []],
    ["white space", " \r\n", []],
    ["null", "null", []],
    ["a cut body", "{\"errors\":[{\"code\":\"DEN", [{ code: "UNKNOWN", message: "{\"errors\":[{\"code\":\"DEN" }]]
  ])("reads %s", (_, body, expected) => {
    assert.deepStrictEqual(plain(body), expected as never)
  })

  it("gives nothing for binary content", () => {
    assert.deepStrictEqual(parseErrorBody(Uint8Array.of(0x1f, 0x8b, 0x08, 0x00, 0xff)), [])
  })

  it("bounds what it keeps", () => {
    const detail = { list: Array.from({ length: 10_000 }, (_, i) => i), deep: nested(100), text: "x".repeat(10_000) }
    const entries = parseErrorBody(JSON.stringify({
      errors: Array.from({ length: 100 }, () => ({ code: "C".repeat(1000), message: "m".repeat(10_000), detail }))
    }))
    assert.strictEqual(entries.length, 32)
    for (const entry of entries) {
      assert.isAtMost(entry.code.length, 129)
      assert.isAtMost(entry.message?.length ?? 0, 1025)
      assert.isAtMost(JSON.stringify(entry.detail).length, 5000)
    }
  })

  it("looks at a bounded amount of text, and at each text once", () => {
    const looked: Array<string> = []
    const detail = Array.from({ length: 256 }, (_, i) => i % 2 === 0 ? i : { [`key ${i}`]: "x".repeat(90) })
    const entries = parse(
      JSON.stringify({
        errors: [
          { code: "FIRST", message: "m".repeat(100_000), detail: "secret" },
          ...Array.from({ length: 31 }, (_, i) => ({ code: `CODE_${i}`, message: `message ${i}`, detail }))
        ]
      }),
      (text) => {
        looked.push(text)
        return text.replaceAll("secret", "***")
      }
    )
    assert.isAtMost(looked.reduce((sum, text) => sum + text.length, 0), 64 * 1024)
    assert.isAtMost(looked.length, 2048)
    // What requests depend on comes before what is only shown.
    assert.deepStrictEqual(entries.map(({ code }) => code), [
      "FIRST",
      ...Array.from({ length: 31 }, (_, i) => `CODE_${i}`)
    ])
    assert.strictEqual(entries[31]?.message, "message 30")
    assert.strictEqual(entries[0]?.detail, "***")
    assert.strictEqual(entries[31]?.detail, "…")
  })

  it("looks at a number once", () => {
    const looked: Array<string> = []
    const hide = (text: string) => {
      looked.push(text)
      return text.replace("12345678", "***")
    }
    const [entry] = parse("{\"errors\":[{\"code\":\"X\",\"detail\":[12345678,5]}]}", hide)
    assert.deepStrictEqual(entry?.detail, ["***", 5])
    assert.deepStrictEqual(looked, ["X", "12345678", "5"])
  })

  it("shows all of a text or none of it where the text it may look at runs out", () => {
    const secret = "0123456789abcdefghijklmnop"
    // Of the last texts each begins with the secret, wherever the limit falls.
    for (let size = 16_000; size < 16_040; size++) {
      const messages = ["a".repeat(size), "b".repeat(16_384), "c".repeat(16_384), "d".repeat(16_384 - 1000)]
      const body = JSON.stringify({
        errors: [...messages, ...Array.from({ length: 20 }, () => secret)].map((message) => ({ code: "X", message }))
      })
      const entries = parse(body, (text) => text.replaceAll(secret, "***"))
      assert.strictEqual(entries.length, 24)
      for (const { message } of entries.slice(4)) assert.include(["***", "…"], message)
      assert.strictEqual(entries[23]?.message, "…")
    }
  })

  it("survives a detail nested without end", () => {
    const nested = (depth: number) => `{"errors":[{"code":"X","detail":${"[".repeat(depth)}${"]".repeat(depth)}}]}`
    assert.strictEqual(parseErrorBody(nested(400))[0]?.code, "X")
    // Beyond that it is not taken for JSON, but for whatever words it is.
    assert.strictEqual(parseErrorBody(nested(100_000))[0]?.code, "UNKNOWN")
  })

  const anything = FastCheck.oneof(
    FastCheck.string({ unit: "binary" }),
    FastCheck.uint8Array(),
    FastCheck.json(),
    FastCheck.record({
      errors: FastCheck.array(FastCheck.record({
        code: FastCheck.oneof(FastCheck.string({ unit: "binary" }), FastCheck.jsonValue()),
        message: FastCheck.oneof(FastCheck.string({ unit: "binary" }), FastCheck.jsonValue()),
        detail: FastCheck.jsonValue()
      }, { requiredKeys: [] }))
    }, { requiredKeys: [] }).map((value) => JSON.stringify(value))
  )

  it.prop("fits every error, whatever the registry sends", [anything], ([body]) => {
    const errors = parseErrorBody(body)
    const http = { method: "GET", url: "https://example.com/v2/", status: 500, errors }
    const credentials = "anonymous"
    const notFound = new OperationError.NotFound({ resource: "manifest", reference: "a", side: "none", errors })
    const causes: ReadonlyArray<RegistryError.RegistryError> = [
      new RegistryError.Unauthorized({ ...http, credentials }),
      new RegistryError.Denied({ ...http, credentials }),
      new RegistryError.RateLimited({ ...http, retryAfter: Duration.seconds(3) }),
      new RegistryError.RateLimited(http),
      new RegistryError.ManifestInvalid({ resource: "a", reason: "refused", errors }),
      new RegistryError.UploadInvalid({ ...http, reason: "refused" }),
      new RegistryError.UnexpectedStatus(http)
    ]
    const operations = causes.flatMap((cause) => [
      new OperationError.GetImageError({ reference: "a", cause }),
      new OperationError.CopyError({ source: "a", destination: "b", side: "source", cause })
    ])
    for (const error of [notFound, ...causes, ...operations]) {
      assert.notMatch(error.message, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      assert.isAtMost(error.message.length, 40_000)
    }
    for (const cause of causes) {
      const sent = Schema.encodeSync(RegistryError.RegistryError)(cause)
      assert.strictEqual(Schema.decodeSync(RegistryError.RegistryError)(sent)._tag, cause._tag)
    }
  })
})

const nested = (depth: number): unknown => depth === 0 ? "end" : { next: nested(depth - 1) }
