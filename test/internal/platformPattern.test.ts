import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as platformPattern from "../../src/internal/platformPattern.js"
import * as Platform from "../../src/Platform.js"

const parse = (input: string) => Effect.runSync(Platform.parse(input))
const matches = (pattern: string | Platform.Platform, platform: string) =>
  Effect.runSync(platformPattern.make(pattern)).matches(parse(platform))

const platforms = [
  "linux/amd64",
  "linux/amd64/v3",
  "linux/arm/v5",
  "linux/arm/v7",
  "linux/arm64/v8",
  "linux/arm64/v8.2",
  "linux/s390x",
  "windows(10.0.17763.1234)/amd64",
  "windows(10.0.20348.9)/amd64"
]

describe("platformPattern", () => {
  it.each<[string, ReadonlyArray<string>]>([
    ["*", platforms],
    ["*/*", platforms],
    ["*/*/*", platforms],
    ["linux/*", platforms.filter((name) => name.startsWith("linux"))],
    ["LINUX/*", platforms.filter((name) => name.startsWith("linux"))],
    ["linux/arm/*", ["linux/arm/v5", "linux/arm/v7"]],
    ["linux/armhf/*", ["linux/arm/v5", "linux/arm/v7"]],
    ["linux/arm", ["linux/arm/v7"]],
    ["linux/arm/v7", ["linux/arm/v7"]],
    ["linux/arm/7", ["linux/arm/v7"]],
    ["linux/arm*", ["linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "linux/arm64/v8.2"]],
    ["linux/arm64", ["linux/arm64/v8"]],
    ["arm64", ["linux/arm64/v8"]],
    ["linux/aarch64", ["linux/arm64/v8"]],
    ["linux/arm64/v8", ["linux/arm64/v8"]],
    ["linux/arm64/v8*", ["linux/arm64/v8", "linux/arm64/v8.2"]],
    ["linux/arm64/*", ["linux/arm64/v8", "linux/arm64/v8.2"]],
    ["linux/*/v8", ["linux/arm64/v8"]],
    ["linux/amd64", ["linux/amd64"]],
    ["linux/amd64/*", ["linux/amd64", "linux/amd64/v3"]],
    ["*/amd64", ["linux/amd64", "windows(10.0.17763.1234)/amd64", "windows(10.0.20348.9)/amd64"]],
    ["windows/amd64", ["windows(10.0.17763.1234)/amd64", "windows(10.0.20348.9)/amd64"]],
    ["windows(10.0.17763)/amd64", ["windows(10.0.17763.1234)/amd64"]],
    ["windows(10.0.17763.1234)/*", ["windows(10.0.17763.1234)/amd64"]],
    ["windows(10.0.2*)/amd64", ["windows(10.0.20348.9)/amd64"]],
    ["windows(10.0.1776)/amd64", []],
    ["linux(1)/amd64", []],
    ["darwin/*", []]
  ])("%s", (pattern, expected) => {
    assert.deepStrictEqual(platforms.filter((name) => matches(pattern, name)), expected)
  })

  it("takes a platform for the pattern that it is written as", () => {
    assert.isTrue(matches({ os: "linux", architecture: "arm64" }, "linux/aarch64/v8"))
    assert.isTrue(matches({ os: "linux", architecture: "arm" }, "linux/arm/v7"))
    assert.isFalse(matches({ os: "linux", architecture: "arm" }, "linux/arm/v6"))
    const windows = { os: "windows", architecture: "amd64", "os.version": "10.0.17763" }
    assert.isTrue(matches(windows, "windows(10.0.17763.1)/amd64"))
    assert.isFalse(matches(windows, "windows/amd64"))
    const featured = { os: "linux", architecture: "amd64", "os.features": ["a"] }
    assert.isTrue(matches(featured, "linux(+b+a)/amd64"))
    assert.isFalse(matches(featured, "linux(+b)/amd64"))
  })

  it("never matches what cannot be known", () => {
    const { matches } = Effect.runSync(platformPattern.make("*"))
    assert.isFalse(matches({ os: "unknown", architecture: "unknown" }))
    assert.isFalse(matches({ os: "", architecture: "amd64" }))
  })

  it.each<[unknown, RegExp]>([
    ["", /empty/],
    ["linux/", /empty/],
    ["/*", /empty/],
    ["linux/arm/*/x", /too many/],
    ["linux/?", /character/],
    ["linux/{amd64,arm64}", /character/],
    ["**/amd 64", /character/],
    ["linu*", /write os\/arch/],
    ["windows()/*", /nothing/],
    ["unknown/unknown", /no image/],
    ["unknown/*", /no image/],
    [{ os: "", architecture: "amd64" }, /empty/],
    [{ os: "linux", architecture: "a b" }, /character/],
    [null, /null/],
    [{}, /object/]
  ])("refuses %j", (input, reason) => {
    const error = Effect.runSync(Effect.flip(platformPattern.make(input as never)))
    assert.strictEqual(error._tag, "ParsePlatformError")
    assert.match(error.description, reason)
  })

  it.prop("never throws", [FastCheck.string()], ([input]) => {
    Effect.runSync(Effect.either(platformPattern.make(input)))
  })

  it.prop(
    "of a platform matches it, in every spelling",
    [FastCheck.constantFrom(...platforms, "macos/x86_64", "linux/armel", "windows(1.2)/i386")],
    ([name]) => {
      const platform = parse(name)
      assert.isTrue(matches(name, name))
      assert.isTrue(matches(platform, name))
      assert.isTrue(matches(Platform.keyWithVersion(platform), name))
    }
  )
})
