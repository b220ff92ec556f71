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

describe("resolve", () => {
  const base = "https://registry.test/v2/app/blobs/uploads/?mount=x"

  it("takes relative, root-relative, scheme-relative and absolute references", () => {
    assert.strictEqual(resolve("/v2/app/blobs/uploads/1?s=2", base), "https://registry.test/v2/app/blobs/uploads/1?s=2")
    assert.strictEqual(resolve("1?s=2", base), "https://registry.test/v2/app/blobs/uploads/1?s=2")
    assert.strictEqual(resolve("../up/1", base), "https://registry.test/v2/app/blobs/up/1")
    assert.strictEqual(resolve("?s=2", base), "https://registry.test/v2/app/blobs/uploads/?s=2")
    assert.strictEqual(resolve("//cdn.test/x", base), "https://cdn.test/x")
    assert.strictEqual(resolve(" HTTPS://CDN.test:443/x?y ", base), "https://cdn.test/x?y")
    assert.strictEqual(resolve("https://cdn.test?y", base), "https://cdn.test/?y")
    assert.strictEqual(resolve("http://registry.test/x", base), "http://registry.test/x")
  })

  it("keeps the query byte for byte and drops the fragment", () => {
    const query = "?sig=a%20b~c%7E(d)'e'+f%2F=&x=%3a&&y&q=\"<{^`|}>\\?/"
    assert.strictEqual(resolve(`/o'1${query}#part?`, base), `https://registry.test/o'1${query}`)
    assert.strictEqual(resolve(`https://s.test/o'1${query}`, base), `https://s.test/o'1${query}`)
    assert.strictEqual(resolve(`o'1${query}`, base), `https://registry.test/v2/app/blobs/uploads/o'1${query}`)
    assert.strictEqual(resolve("/x?", base), "https://registry.test/x?")
    assert.strictEqual(withoutFragment(`${base}#part`), base)
  })

  it("encodes what cannot stand in a request line", () => {
    assert.strictEqual(
      resolve("/a b?c d 'é'\u{1F600}\ud800", base),
      "https://registry.test/a%20b?c%20d%20'%C3%A9'%F0%9F%98%80%EF%BF%BD"
    )
  })

  it("refuses what no request should go to", () => {
    for (
      const bad of [
        "",
        "  ",
        "#part",
        "ftp://x/y",
        "file:///etc/passwd",
        "javascript:1",
        "https:x",
        "https://u:p@x/",
        "//u@x/",
        "/a\nb",
        "/a?b\tc",
        "/a\\b",
        "\\\\x",
        "http://",
        "http://["
      ]
    ) {
      assert.isUndefined(resolve(bad, base), bad)
    }
    assert.isUndefined(resolve("/x", "nonsense"))
  })

  it.prop("gives an http address that can be sent as it is, without user and fragment, or none", [FastCheck.oneof(
    FastCheck.string(),
    FastCheck.string({ unit: "binary" }),
    FastCheck.webUrl({ withFragments: true, withQueryParameters: true }),
    FastCheck.webPath()
  )], ([reference]) => {
    const resolved = resolve(reference, base)
    if (resolved === undefined) return
    assert.match(resolved, /^https?:\/\/[!-~]+$/)
    const url = new URL(resolved)
    assert.strictEqual(url.username + url.password + url.hash, "")
    assert.strictEqual(resolve(resolved, base), resolved)
  })
})
