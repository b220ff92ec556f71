import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Copy from "../../src/Copy.js"
import * as tagSelection from "../../src/internal/tagSelection.js"

const hex = "0123456789abcdef".repeat(4)
const digestTags = [`sha256-${hex}`, `sha256-${hex}.sig`, `sha512-${hex}`, `sha512-${hex}${hex}.att`]
const ordinary = [
  "latest",
  "edge",
  "1",
  "1.2",
  "1.2.3",
  "v1.3.0",
  "1.3.0-alpine",
  "1.3.0-rc.1",
  "2.0.0",
  "3.18",
  "3.19.1",
  "4.0.0",
  "22.04",
  "2024.01.05",
  "20240105",
  "sha256-short",
  "99999999999999999999.0.0"
]
const all = [...ordinary, ...digestTags]

const chosen = (selection: Copy.TagSelection, tags: ReadonlyArray<string> = all) =>
  tags.filter(Effect.runSync(tagSelection.make(selection)))
const failed = (selection: unknown) => Effect.runSync(Effect.flip(tagSelection.make(selection as never)))

describe("tagSelection", () => {
  it.each<[string, Copy.TagSelection, ReadonlyArray<string>]>([
    ["all but the digests'", {}, ordinary],
    ["the digests' too", { digestTags: true }, all],
    ["globs are for the whole tag", { include: ["1.2"] }, ["1.2"]],
    ["a star is any run", { include: ["1.*", "e?ge"] }, ["edge", "1.2", "1.2.3", "1.3.0-alpine", "1.3.0-rc.1"]],
    ["expressions are looked for anywhere", { include: [/\.3/] }, ["1.2.3", "v1.3.0", "1.3.0-alpine", "1.3.0-rc.1"]],
    ["anchored where they say so", { include: [/^\d+\.\d+$/] }, ["1.2", "3.18", "22.04"]],
    ["a range", { semver: "^1.2" }, ["1.2", "1.2.3", "v1.3.0"]],
    ["two bounds", { semver: ">=3.18 <4" }, ["3.18", "3.19.1"]],
    ["one of two", { semver: "1.2.x || 4" }, ["1.2", "1.2.3", "4.0.0"]],
    ["leading zeros", { semver: ">=22.04 <2025" }, ["22.04", "2024.01.05"]],
    ["before a release", { semver: ">=1.3.0-rc <1.3.1" }, ["v1.3.0", "1.3.0-rc.1"]],
    ["every version", { semver: "*" }, [
      "1",
      "1.2",
      "1.2.3",
      "v1.3.0",
      "2.0.0",
      "3.18",
      "3.19.1",
      "4.0.0",
      "22.04",
      "2024.01.05",
      "20240105"
    ]],
    ["a range or a pattern", { semver: "2", include: ["latest"] }, ["latest", "2.0.0"]],
    ["exclude has the last word", { semver: "^1", include: ["1.2", "edge"], exclude: ["1.2*", /^e/] }, ["1", "v1.3.0"]],
    ["exclude alone", { exclude: ["*.*", /\d/] }, ["latest", "edge", "sha256-short"].filter((tag) => !/\d/.test(tag))],
    ["digests by name", { include: ["sha256-*"] }, ["sha256-short", `sha256-${hex}`, `sha256-${hex}.sig`]],
    ["digests by name, excluded", { include: ["sha256-*"], exclude: ["*.sig"] }, ["sha256-short", `sha256-${hex}`]],
    ["digests by an expression", { include: [/^sha512-.*\.att$/] }, [`sha512-${hex}${hex}.att`]],
    ["a star does not name digests", { include: ["*"] }, ordinary],
    ["another pattern names them", { include: ["*", "sha256-*.sig"] }, [...ordinary, `sha256-${hex}.sig`]],
    ["digestTags does not choose them", { include: ["e*"], digestTags: true }, ["edge"]]
  ])("%s", (_, selection, expected) => {
    assert.deepStrictEqual(chosen(selection), expected)
  })

  it("leaves alone what an expression remembers", () => {
    for (const flags of ["g", "y", "gy"]) {
      const expression = new RegExp("v1", flags)
      expression.lastIndex = 2
      assert.deepStrictEqual(chosen({ include: [expression] }, ["v1", "v1", "v1v1"]), ["v1", "v1", "v1v1"])
      assert.strictEqual(expression.lastIndex, 2)
    }
  })

  it.each<[unknown, string, RegExp]>([
    [{ include: [] }, "include", /empty list/],
    [{ include: [""] }, "include", /matches no tag/],
    [{ include: ["^v1"] }, "include", /"\^v1" matches no tag/],
    [{ include: ["1.[0-9]"] }, "include", /RegExp/],
    [{ include: ["latest", 1] }, "include", /"1"/],
    [{ exclude: ["a b"] }, "exclude", /matches no tag/],
    [{ semver: "newest" }, "semver", /not a range/],
    [{ semver: "" }, "semver", /empty/],
    [{ semver: ["^1"] }, "semver", /empty/],
    [{ semver: `^1${" ".repeat(300)}` }, "semver", /longer/]
  ])("refuses %j", (selection, field, reason) => {
    const error = failed(selection)
    assert.strictEqual(error._tag, "InvalidInput")
    assert.strictEqual(error.field, field)
    assert.match(error.reason, reason)
  })

  it.prop(
    "never throws, whatever the range and the tag",
    [
      FastCheck.oneof(FastCheck.string(), FastCheck.stringMatching(/^[\^~<>=]{0,2}v?[\dx*]{1,3}(\.\d{1,3}){0,3}$/)),
      FastCheck.string()
    ],
    ([semver, tag]) => {
      const made = Effect.runSync(Effect.either(tagSelection.make({ semver })))
      if (made._tag === "Right") assert.isBoolean(made.right(tag))
    }
  )

  it.prop(
    "chooses what it would without exclude, but for what exclude would choose",
    [
      FastCheck.array(FastCheck.constantFrom("1*", "*-*", "v?.*", "latest"), { minLength: 1 }),
      FastCheck.array(FastCheck.constantFrom("1*", "*-*", "*.0", "sha256-*"), { minLength: 1 })
    ],
    ([include, exclude]) => {
      const without = new Set(chosen({ include: exclude }))
      assert.deepStrictEqual(
        chosen({ include, exclude }),
        chosen({ include }).filter((tag) => !without.has(tag))
      )
    }
  )
})
