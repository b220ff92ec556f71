import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { vi } from "vitest"
import { parseJson, readJson } from "../../src/internal/json.js"
import { processorTime } from "../utils/processorTime.js"

/** Of the largest list or object, and of all; what is empty counts as one. */
const counted = (value: unknown): { readonly entries: number; readonly values: number } => {
  if (typeof value !== "object" || value === null) return { entries: 0, values: 0 }
  const inside = Object.values(value).map(counted)
  const own = Math.max(1, inside.length)
  return {
    entries: Math.max(own, ...inside.map(({ entries }) => entries)),
    values: inside.reduce((sum, { values }) => sum + values, own)
  }
}

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

  it.each<[string, string, number, number]>([
    ["a list", "[1,[2,3],[],\"a,b\"]", 4, 7],
    ["an object", "{\"a\":{\"b\":1,\"c\":[]},\"d\":{}}", 2, 6],
    ["what looks like more in a string", "[\"[[,{\\\",,\\\\\",1]", 2, 2],
    ["a name", "{\"a,\\\",[\":1}", 1, 1],
    ["white space", " [ 1 , 2 , 3 ] ", 3, 3]
  ])("counts what is in it: %s", (_, text, entries, values) => {
    assert.deepStrictEqual(parseJson(text, { entries, values }), JSON.parse(text))
    assert.deepStrictEqual(
      readJson(text, { entries: entries - 1, values }),
      Either.left(`a list or an object in it has more than ${entries - 1} entries`)
    )
    assert.deepStrictEqual(
      readJson(text, { entries, values: values - 1 }),
      Either.left(`it holds more than ${values - 1} values`)
    )
  })

  it.prop("counts every element and member", [FastCheck.jsonValue()], ([value]) => {
    const { entries, values } = counted(value)
    const text = JSON.stringify(value)
    assert.isTrue(Either.isRight(readJson(text, { entries, values })))
    if (entries > 1) assert.isTrue(Either.isLeft(readJson(text, { entries: entries - 1, values })))
    if (values > 0) assert.isTrue(Either.isLeft(readJson(text, { entries, values: values - 1 })))
  })

  it.each<[string, string]>([
    ["elements", `[${"{},".repeat(2_600_000)}{}]`],
    ["members", `{${Array.from({ length: 700_000 }, (_, i) => `"${i}":1`).join(",")}}`],
    ["small lists", `[${`[${"0,".repeat(9_000)}0],`.repeat(400)}0]`],
    ["open brackets", "[".repeat(8_000_000)],
    ["nested lists", `${"[".repeat(4_000_000)}${"]".repeat(4_000_000)}`]
  ])("does not parse what holds too much: %s", (_, text) => {
    const content = bytes(text)
    const parse = vi.spyOn(JSON, "parse")
    const took = processorTime(() => assert.isTrue(Either.isLeft(readJson(content))), 5)
    assert.strictEqual(parse.mock.calls.length, 0)
    parse.mockRestore()
    assert.isBelow(took, 100)
  })

  it.prop("agrees with JSON.parse", [FastCheck.jsonValue({ noUnicodeString: false })], ([value]) => {
    const text = JSON.stringify(value)
    if (!text.includes("__proto__")) assert.deepStrictEqual(parseJson(bytes(text)), JSON.parse(text))
  })
})
