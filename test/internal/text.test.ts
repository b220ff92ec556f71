import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { printable } from "../../src/internal/text.js"

describe("printable", () => {
  it("leaves plain text and other scripts alone", () => {
    for (const text of ["denied: push to a/b", "größe 日本語 🙂", "a  b"]) assert.strictEqual(printable(text), text)
  })

  it.each([
    ["a terminal escape", "a\u001b[31mred\u001b[0m", "a [31mred [0m"],
    ["lines", "a\r\n\tb\u2028c", "a b c"],
    ["an 8-bit escape", "a\u009b2Jb", "a 2Jb"],
    ["a bidirectional override", "safe\u202egpj.exe", "safe gpj.exe"],
    ["invisible characters", "a\u200bb\ufeffc\u{e0041}d", "a b c d"],
    ["half a surrogate pair", "a\ud83db", "a b"],
    ["nothing else", "\u0000\u0007", ""]
  ])("takes out %s", (_, text, clean) => {
    assert.strictEqual(printable(text), clean)
  })

  it("cuts long text, not through a character", () => {
    assert.strictEqual(printable("abcdef", 6), "abcdef")
    assert.strictEqual(printable("abcdefg", 6), "abcdef…")
    assert.strictEqual(printable("ab🙂cd", 3), "ab…")
  })

  it.prop("is bounded, clean and idempotent below the limit", [FastCheck.string({ unit: "binary" })], ([text]) => {
    const clean = printable(text, 64)
    assert.isAtMost(clean.length, 65)
    assert.notMatch(clean, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    assert.strictEqual(printable(clean), clean)
  })
})
