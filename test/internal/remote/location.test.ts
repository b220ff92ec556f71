import { assert, describe, it } from "@effect/vitest"
import { resolveOwn, sameOrigin, withParameter } from "../../../src/internal/remote/location.js"

const base = "https://registry.test/v2/app/blobs/uploads/?mount=x"

describe("location", () => {
  it("stays on https when a registry behind a proxy calls itself http", () => {
    assert.strictEqual(resolveOwn("http://registry.test/up?x='y'", base), "https://registry.test/up?x='y'")
    assert.strictEqual(resolveOwn("http://other.test/up", base), "http://other.test/up")
    assert.strictEqual(resolveOwn("http://registry.test:81/up", base), "http://registry.test:81/up")
    assert.strictEqual(resolveOwn("/up?x='y'", "http://registry.test/v2/"), "http://registry.test/up?x='y'")
    assert.isUndefined(resolveOwn("ftp://registry.test/up", base))
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
})
