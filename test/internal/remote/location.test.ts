import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { resolve, sameOrigin, withParameter } from "../../../src/internal/remote/location.js"

const base = "https://registry.test/v2/app/blobs/uploads/?mount=x"

describe("location", () => {
  it("resolves relative, root-relative, scheme-relative and absolute references", () => {
    assert.strictEqual(resolve("/v2/app/blobs/uploads/1?s=2", base), "https://registry.test/v2/app/blobs/uploads/1?s=2")
    assert.strictEqual(resolve("1?s=2", base), "https://registry.test/v2/app/blobs/uploads/1?s=2")
    assert.strictEqual(resolve("../up/1", base), "https://registry.test/v2/app/blobs/up/1")
    assert.strictEqual(resolve("?s=2", base), "https://registry.test/v2/app/blobs/uploads/?s=2")
    assert.strictEqual(resolve("//cdn.test/x", base), "https://cdn.test/x")
    assert.strictEqual(resolve("https://cdn.test/x?y", base), "https://cdn.test/x?y")
  })

  it("keeps the query byte for byte and drops the fragment", () => {
    const query = "?sig=a%20b~c%7E(d)'e'+f%2F=&x=%3a&&y"
    assert.strictEqual(resolve(`/up/1${query}#part`, base), `https://registry.test/up/1${query}`)
    assert.strictEqual(resolve(`https://s.test/up/1${query}`, base), `https://s.test/up/1${query}`)
    assert.strictEqual(resolve(`1${query}`, base), `https://registry.test/v2/app/blobs/uploads/1${query}`)
  })

  it("refuses what no request should go to", () => {
    for (
      const bad of [
        "",
        "  ",
        "ftp://x/y",
        "file:///etc/passwd",
        "javascript:1",
        "https://u:p@x/",
        "/a b",
        "\\\\x",
        "http://"
      ]
    ) {
      assert.isUndefined(resolve(bad, base), bad)
    }
    assert.isUndefined(resolve("/x", "nonsense"))
  })

  it("stays on https when a registry behind a proxy calls itself http", () => {
    assert.strictEqual(resolve("http://registry.test/up?x", base), "https://registry.test/up?x")
    assert.strictEqual(resolve("http://other.test/up", base), "http://other.test/up")
  })

  it("appends a parameter as text", () => {
    assert.strictEqual(withParameter("/u", "digest", "sha256:a"), "/u?digest=sha256%3Aa")
    assert.strictEqual(withParameter("/u?s=%20~", "digest", "sha256:a"), "/u?s=%20~&digest=sha256%3Aa")
    assert.strictEqual(withParameter("/u?", "a", "b"), "/u?a=b")
    assert.strictEqual(withParameter("/u?s&", "a", "b"), "/u?s&a=b")
  })

  it("compares scheme, host and port", () => {
    assert.isTrue(sameOrigin("https://a.test/x", "https://a.test:443/y"))
    assert.isFalse(sameOrigin("https://a.test/x", "http://a.test/x"))
    assert.isFalse(sameOrigin("https://a.test/x", "https://a.test:8443/x"))
    assert.isFalse(sameOrigin("x", "x"))
  })

  it.prop("gives an http address without user and fragment, or none", [FastCheck.oneof(
    FastCheck.string(),
    FastCheck.webUrl({ withFragments: true, withQueryParameters: true }),
    FastCheck.webPath()
  )], ([reference]) => {
    const resolved = resolve(reference, base)
    if (resolved === undefined) return
    const url = new URL(resolved)
    assert.isTrue(url.protocol === "https:" || url.protocol === "http:")
    assert.strictEqual(url.username + url.password + url.hash, "")
  })
})
