import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { redact, resolve, withoutFragment } from "../../../src/internal/http/url.js"

describe("redact", () => {
  it("takes off query, user and fragment", () => {
    assert.strictEqual(redact("https://u:p@ss@example.com:5000/v2/x?sig=secret#frag"), "https://example.com:5000/v2/x")
    assert.strictEqual(redact("//user@host/x"), "//host/x")
    assert.strictEqual(redact("/v2/a?b"), "/v2/a")
    assert.strictEqual(redact("https://example.com/a\u001b[31m\nb"), "https://example.com/a [31m b")
  })
  it.prop(
    "never shows what is behind a question mark",
    [FastCheck.string(), FastCheck.string()],
    ([path, query]) => assert.notInclude(redact(`https://example.com/${path}?${query}TOPSECRET`), "TOPSECRET")
  )
})

describe("a server's address", () => {
  it("keeps its query byte for byte", () => {
    const signed = "https://store.example.com/b?X=a%20b~(c)+d%3A%2f&empty=&=x"
    assert.strictEqual(withoutFragment(`${signed}#part`), signed)
    assert.strictEqual(resolve(signed, "https://example.com/v2/")?.href, signed)
    assert.strictEqual(
      resolve("/up?_state=a~b%20c", "https://example.com/v2/")?.href,
      "https://example.com/up?_state=a~b%20c"
    )
  })
  it("may be nonsense", () => assert.strictEqual(resolve("http://[", "https://example.com/"), undefined))
})
