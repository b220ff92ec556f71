import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { parseJson } from "../../src/internal/json.js"

const bytes = (text: string) => new TextEncoder().encode(text)

describe("parseJson", () => {
  it("reads bytes and text", () => {
    assert.deepStrictEqual(parseJson(bytes("{\"a\":[1,null,\"é\"]}")), { a: [1, null, "é"] })
    assert.deepStrictEqual(parseJson("[]"), [])
  })

  it("gives nothing for what is not JSON in UTF-8", () => {
    for (const text of ["", "{", "undefined", "<html>", "{} {}"]) assert.isUndefined(parseJson(text))
    assert.isUndefined(parseJson(Uint8Array.of(0x22, 0xff, 0x22)))
  })

  it("leaves out keys that would become inherited properties", () => {
    const json = parseJson("{\"a\":[{\"__proto__\":{\"b\":1},\"c\":2}],\"\\u005f_proto__\":{\"d\":3}}")
    assert.deepStrictEqual(json, { a: [{ c: 2 }] })
    assert.deepStrictEqual(Object.getOwnPropertyNames(json), ["a"])
  })

  it("reads nesting up to a depth that recursion bears", () => {
    const nested = (depth: number) => parseJson("[".repeat(depth) + "]".repeat(depth))
    assert.isArray(nested(500))
    for (const depth of [502, 200_000]) assert.isUndefined(nested(depth))
  })

  it.prop("agrees with JSON.parse", [FastCheck.jsonValue({ noUnicodeString: false })], ([value]) => {
    const text = JSON.stringify(value)
    if (!text.includes("__proto__")) assert.deepStrictEqual(parseJson(bytes(text)), JSON.parse(text))
  })
})
