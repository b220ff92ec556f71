import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Platform from "../src/Platform.js"

const parse = (input: string) => Effect.runSync(Platform.parse(input))
const failed = (input: unknown) => Effect.runSync(Effect.flip(Platform.parse(input as never)))

describe("Platform.parse", () => {
  it.each<[string, Platform.Platform]>([
    ["linux/amd64", { os: "linux", architecture: "amd64" }],
    ["linux/arm64/v8", { os: "linux", architecture: "arm64", variant: "v8" }],
    ["Linux/X86_64", { os: "Linux", architecture: "X86_64" }],
    ["linux/arm64/v8.2", { os: "linux", architecture: "arm64", variant: "v8.2" }],
    ["plan10/z80", { os: "plan10", architecture: "z80" }],
    ["unknown/unknown", { os: "unknown", architecture: "unknown" }],
    ["arm64", { os: "linux", architecture: "arm64" }],
    ["aarch64", { os: "linux", architecture: "aarch64" }],
    ["armhf", { os: "linux", architecture: "armhf" }],
    ["linux", { os: "linux", architecture: "amd64" }],
    ["macOS", { os: "macOS", architecture: "amd64" }],
    ["windows(10.0.17763.1234)/amd64", { os: "windows", architecture: "amd64", "os.version": "10.0.17763.1234" }],
    ["windows(10.0.1+win32k+x)", {
      os: "windows",
      architecture: "amd64",
      "os.version": "10.0.1",
      "os.features": ["win32k", "x"]
    }],
    ["linux(+sse4)/amd64/v2", { os: "linux", architecture: "amd64", variant: "v2", "os.features": ["sse4"] }],
    ["linux(a%2Fb%28c%29+d%2be%25)/amd64", {
      os: "linux",
      architecture: "amd64",
      "os.version": "a/b(c)",
      "os.features": ["d+e%"]
    }]
  ])("%s", (input, platform) => {
    assert.deepStrictEqual(parse(input), platform)
  })

  it.each([
    ["", /empty/],
    ["/", /empty/],
    ["linux/", /empty/],
    ["/amd64", /empty/],
    ["linux//v8", /empty/],
    ["linux/arm/v7/x", /too many/],
    ["linux/am d64", /character/],
    ["linux/amd64:10.0", /character/],
    ["linux/amd64\n", /character/],
    ["linux,amd64", /character/],
    ["*/amd64", /character/],
    ["linux/ämd64", /character/],
    ["linx", /neither/],
    ["__proto__", /neither/],
    ["arm64(1)", /neither/],
    ["windows()/amd64", /nothing/],
    ["windows(/amd64", /character/],
    ["windows(1)x/amd64", /character/],
    ["windows(%zz)/amd64", /brackets/],
    ["windows(%00)/amd64", /brackets/],
    ["windows(1+)/amd64", /brackets/],
    ["(1)/amd64", /empty/]
  ])("refuses %j", (input, says) => {
    const error = failed(input)
    assert.strictEqual(error._tag, "ParsePlatformError")
    assert.match(error.description, says)
  })

  it.each([undefined, null, 5, {}, []])("refuses %s, which is no string", (input) => {
    assert.match(failed(input).description, /not a string/)
  })

  it.prop("never throws, and gives what it was given", [
    FastCheck.oneof(FastCheck.string({ unit: "binary" }), FastCheck.stringMatching(/^[a-z0-9/()+%._-]{0,20}$/))
  ], ([input]) => {
    const result = Effect.runSync(Effect.either(Platform.parse(input)))
    if (result._tag === "Left") {
      assert.notMatch(result.left.message, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    } else if (input.includes("/") && !input.includes("(")) {
      assert.strictEqual(Platform.format(result.right), input)
    }
  })
})

const name = FastCheck.stringMatching(/^[A-Za-z0-9_.-]{1,8}$/)
const platform = FastCheck.record({
  os: FastCheck.oneof(FastCheck.constantFrom("linux", "windows", "macOS", "darwin"), name),
  architecture: FastCheck.oneof(FastCheck.constantFrom("amd64", "x86-64", "arm", "armel", "aarch64", "i386"), name),
  variant: FastCheck.oneof(FastCheck.constantFrom("", "v1", "8", "v8", "v8.3", "v9.0", "V7"), name),
  "os.version": FastCheck.string({ unit: "grapheme", minLength: 1 }),
  "os.features": FastCheck.array(name)
}, { requiredKeys: ["os", "architecture"] }) as FastCheck.Arbitrary<Platform.Platform>

describe("Platform.key", () => {
  it.each([
    ["linux/amd64/v1", "linux/amd64"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["Linux/x86_64", "linux/amd64"],
    ["linux/x86-64/V1", "linux/amd64"],
    ["linux/i386/x", "linux/386"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64"],
    ["linux/arm64/v8.0", "linux/arm64"],
    ["linux/arm64/v8.1", "linux/arm64/v8.1"],
    ["linux/arm64/9", "linux/arm64/v9"],
    ["linux/arm64/9.0", "linux/arm64/v9"],
    ["linux/arm64/v9.0", "linux/arm64/v9"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6"],
    ["linux/arm/v5", "linux/arm/v5"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/armel/v7", "linux/arm/v6"],
    ["macos/arm64", "darwin/arm64"],
    ["windows(10.0.1)/amd64", "windows/amd64"],
    ["linux/riscv64/rva20u64", "linux/riscv64/rva20u64"]
  ])("%s is %s", (input, key) => {
    assert.strictEqual(Platform.key(parse(input)), key)
  })

  it("has the version where it is asked for", () => {
    assert.strictEqual(
      Platform.keyWithVersion(parse("Windows(10.0.17763.1234+win32k)/x86_64")),
      "windows(10.0.17763.1234)/amd64"
    )
    assert.strictEqual(Platform.keyWithVersion(parse("linux/arm")), "linux/arm/v7")
    assert.strictEqual(
      Platform.keyWithVersion({ os: "windows", architecture: "amd64", "os.version": "" }),
      "windows/amd64"
    )
  })

  it.prop("normalising twice changes nothing more", [platform], ([given]) => {
    const once = Platform.normalize(given)
    assert.deepStrictEqual(Platform.normalize(once), once)
    assert.strictEqual(Platform.key(once), Platform.key(given))
  })

  it.prop("is read back", [platform], ([given]) => {
    assert.strictEqual(Platform.key(parse(Platform.key(given))), Platform.key(given))
    const full = Platform.keyWithVersion(given)
    const version = given["os.version"]
    if (version !== undefined && !/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u.test(version)) {
      assert.strictEqual(Platform.keyWithVersion(parse(full)), full)
    }
  })
})

const select = (candidates: ReadonlyArray<string>, wanted: string) =>
  Option.getOrUndefined(Platform.select(candidates, parse(wanted), (c) => c === "none" ? undefined : parse(c)))

describe("Platform.select", () => {
  const arms = ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8"]
  const x86 = ["linux/386", "linux/amd64", "linux/amd64/v2", "linux/amd64/v3", "linux/amd64/v4"]
  const arm64s = [
    "linux/arm64",
    "linux/arm64/v8.1",
    "linux/arm64/v8.5",
    "linux/arm64/v8.6",
    "linux/arm64/v9",
    "linux/arm64/v9.1"
  ]

  it.each<[string, ReadonlyArray<string>, ReadonlyArray<string>]>([
    ["linux/amd64", x86, ["linux/amd64", "linux/386"]],
    ["linux/amd64/v3", x86, ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]],
    ["linux/amd64/odd", [...x86, "linux/amd64/odd"], ["linux/amd64/odd", "linux/amd64", "linux/386"]],
    ["linux/386", x86, ["linux/386"]],
    ["linux/arm", arms, ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm/v6", arms, ["linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm/v5", arms, ["linux/arm/v5"]],
    ["linux/arm64", [...arms, ...arm64s], [
      "linux/arm64",
      "linux/arm/v8",
      "linux/arm/v7",
      "linux/arm/v6",
      "linux/arm/v5"
    ]],
    ["linux/arm64/v8.5", arm64s, ["linux/arm64/v8.5", "linux/arm64/v8.1", "linux/arm64"]],
    ["linux/arm64/v9", arm64s, ["linux/arm64/v9", "linux/arm64/v8.5", "linux/arm64/v8.1", "linux/arm64"]],
    ["linux/arm64/v9.1", [...arm64s, "linux/arm/v7"], [
      "linux/arm64/v9.1",
      "linux/arm64/v9",
      "linux/arm64/v8.6",
      "linux/arm64/v8.5",
      "linux/arm64/v8.1",
      "linux/arm64",
      "linux/arm/v7"
    ]],
    ["linux/riscv64", ["linux/riscv64/rva20u64", "linux/riscv64"], ["linux/riscv64"]],
    ["darwin/arm64", [...arm64s, "macos/aarch64"], ["macos/aarch64"]],
    ["linux/arm/v99999999", arms, []]
  ])("takes for %s the best that is left", (wanted, candidates, order) => {
    // Whatever the order of the candidates, and one after the other as the better ones go.
    for (const given of [candidates, candidates.toReversed()]) {
      const taken: Array<string> = []
      let left = given
      for (let best = select(left, wanted); best !== undefined; best = select(left, wanted)) {
        taken.push(best)
        left = left.filter((c) => c !== best)
      }
      assert.deepStrictEqual(taken, order)
    }
  })

  it("takes the first among equals", () => {
    assert.strictEqual(select(["linux/arm64/v8", "linux/arm64", "linux/aarch64"], "linux/arm64"), "linux/arm64/v8")
    assert.strictEqual(select(["linux(5)/amd64", "linux(6)/amd64"], "linux(6)/amd64"), "linux(5)/amd64")
  })

  it("passes over what has no platform, and attestations", () => {
    assert.isUndefined(select(["none", "unknown/unknown"], "linux/amd64"))
    assert.isUndefined(select(["unknown/unknown"], "unknown/unknown"))
    assert.strictEqual(select(["none", "unknown/unknown", "linux/amd64"], "linux/amd64"), "linux/amd64")
  })

  it("wants the features of an image offered, and takes the image that uses most", () => {
    const candidates = ["linux(+a)/amd64", "linux/amd64", "linux(+a+b)/amd64", "linux(+b+a)/amd64"]
    assert.strictEqual(select(candidates, "linux/amd64"), "linux/amd64")
    assert.strictEqual(select(candidates, "linux(+a)/amd64"), "linux(+a)/amd64")
    assert.strictEqual(select(candidates, "linux(+a+b+c)/amd64"), "linux(+a+b)/amd64")
    assert.isUndefined(select(["linux(+a)/amd64"], "linux(+b)/amd64"))
    assert.isUndefined(select(["linux(+win32k)/amd64"], "linux/amd64"))
    assert.strictEqual(select(["windows(+win32k)/amd64"], "windows/amd64"), "windows(+win32k)/amd64")
  })

  const windows = (...versions: ReadonlyArray<string>) =>
    versions.map((v) => v === "" ? "windows/amd64" : `windows(${v})/amd64`)

  it.each<[host: string, images: ReadonlyArray<string>, taken: string | undefined]>([
    ["", ["10.0.17763.1", "10.0.20348.1"], "10.0.17763.1"],
    ["10.0.17763.1234", ["10.0.14393.1", "10.0.17763.1", "10.0.20348.1"], "10.0.17763.1"],
    ["10.0.17763.1234", ["10.0.17763.1", "10.0.17763.1234"], "10.0.17763.1234"],
    ["10.0.17763.1234", ["10.0.14393.1", "10.0.20348.1"], undefined],
    ["10.0.17763.1234", ["6.3.17763.1"], undefined],
    ["10.0.20348.1", ["10.0.17763.1"], undefined],
    ["10.0.22621.1", ["10.0.17763.1", "10.0.20348.9", "10.0.26100.1"], "10.0.20348.9"],
    ["10.0.26100.1", ["10.0.20348.9", "10.0.25398.1"], "10.0.25398.1"],
    ["10.0.27000.1", ["10.0.20348.9"], undefined],
    ["10.0.27000.1", ["10.0.20348.9", "10.0.26100.7"], "10.0.26100.7"],
    ["10.0.26100.1", ["", "10.0.20348.9"], "10.0.20348.9"],
    ["10.0.26100.1", [""], ""],
    ["odd", ["10.0.20348.9"], undefined],
    ["odd", ["odd"], "odd"]
  ])("for Windows %s of %j takes %s", (host, images, taken) => {
    const expected = taken === undefined ? undefined : windows(taken)[0]
    assert.strictEqual(select(windows(...images), windows(host)[0] ?? ""), expected)
  })

  it.prop("finds what is wanted when it is there", [platform, FastCheck.array(platform)], ([wanted, others]) => {
    FastCheck.pre(Platform.isKnown(wanted))
    const best = Platform.select([...others, wanted], wanted, (p) => p)
    assert.isTrue(Option.isSome(best))
    if (wanted.os.toLowerCase() !== "windows") {
      assert.strictEqual(Platform.key(Option.getOrThrow(best)), Platform.key(wanted))
    }
  })
})

describe("Platform", () => {
  it("decodes what registries send", () => {
    const decode = Schema.decodeUnknownSync(Platform.Platform)
    assert.deepStrictEqual(decode({ os: "linux", architecture: "amd64", variant: null, "os.features": null }), {
      os: "linux",
      architecture: "amd64"
    })
    assert.deepStrictEqual(decode({ architecture: null }), { os: "", architecture: "" })
    assert.isFalse(Platform.isKnown(decode({})))
  })

  it("tells known from unknown", () => {
    assert.isTrue(Platform.isKnown(Platform.linuxAmd64))
    assert.isFalse(Platform.isKnown({ os: "unknown", architecture: "unknown" }))
    assert.isFalse(Platform.isKnown({ os: "linux", architecture: "Unknown" }))
  })

  it("lookup: the best match of a record by platform string", () => {
    const record = { "linux/amd64": 1, "linux/arm64": 2, "windows(10.0.17763.1)/amd64": 3, "no platform!": 4 }
    assert.deepStrictEqual(Platform.lookup(record, { os: "linux", architecture: "aarch64" }), Option.some(2))
    assert.deepStrictEqual(
      Platform.lookup(record, { os: "windows", architecture: "amd64", "os.version": "10.0.17763.1" }),
      Option.some(3)
    )
    assert.deepStrictEqual(Platform.lookup(record, { os: "linux", architecture: "s390x" }), Option.none())
  })
})
