import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { matches } from "../../src/internal/wildcard.js"

const text = FastCheck.string({ unit: FastCheck.constantFrom("a", "b", ".", "/"), maxLength: 12 })
const pattern = FastCheck.string({ unit: FastCheck.constantFrom("a", "b", ".", "*", "?"), maxLength: 8 })

/** The definition, letter by letter. */
const isMatch = (pattern: string, text: string): boolean => {
  if (pattern === "") return text === ""
  const rest = pattern.slice(1)
  if (pattern[0] === "*") return isMatch(rest, text) || (text !== "" && isMatch(pattern, text.slice(1)))
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && isMatch(rest, text.slice(1))
}

describe("wildcard", () => {
  it.each<[string, string, boolean]>([
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "a/b", true],
    ["?", "", false],
    ["?", "a", true],
    ["v1.*", "v1.", true],
    ["v1.*", "v1.2", true],
    ["v1.*", "v10", false],
    ["*.1", "1.1.1", true],
    ["*-alpine*", "3-alpine", true],
    ["a*b*c", "abcb", false],
    ["a+", "aa", false],
    ["[ab]", "a", false],
    ["A", "a", false]
  ])("%s on %s: %s", (pattern, text, expected) => {
    assert.strictEqual(matches(pattern, text), expected)
  })

  it.prop("does what its definition says", [pattern, text], ([pattern, text]) => {
    assert.strictEqual(matches(pattern, text), isMatch(pattern, text))
  })

  it.prop("matches a text with any run of it replaced by a star", [text, text, text], ([before, middle, after]) => {
    assert.isTrue(matches(`${before}*${after}`, `${before}${middle}${after}`))
  })

  it("bears a pattern that makes regular expressions try everything", () => {
    // Done at once, or by exponential means never.
    assert.isFalse(matches(`${"a*".repeat(64)}b`, "a".repeat(2_000)))
  })
})
