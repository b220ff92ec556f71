import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as ImageConfig from "../src/ImageConfig.js"
import * as Platform from "../src/Platform.js"

const bytes = (json: unknown) => new TextEncoder().encode(typeof json === "string" ? json : JSON.stringify(json))
const run = (json: unknown) => Effect.runSync(ImageConfig.decode(bytes(json), "a.b/c:1"))
const failed = (json: unknown) => Effect.runSync(Effect.flip(ImageConfig.decode(bytes(json), "a.b/c:1")))
const diffId = `sha256:${"0123456789abcdef".repeat(4)}`
const least = { architecture: "arm64", os: "linux", rootfs: { type: "layers", diff_ids: [diffId] } }

describe("ImageConfig", () => {
  it("reads a config, with fields it does not know", () => {
    const json = {
      ...least,
      variant: "v8",
      "os.version": "1",
      "os.features": ["a"],
      created: "2026-01-02T03:04:05.000000006Z",
      docker_version: "27",
      config: {
        User: "1000:1000",
        Env: ["PATH=/bin", "A="],
        Cmd: ["sh"],
        ExposedPorts: { "80/tcp": {} },
        Labels: { a: "b" },
        Healthcheck: { Test: ["NONE"] }
      },
      history: [{ created_by: "ADD", empty_layer: true }, {}]
    }
    const config = run(json)
    assert.deepStrictEqual(config, json as never)
    assert.deepStrictEqual(ImageConfig.diffIds(config), [diffId] as never)
    assert.deepStrictEqual(ImageConfig.platform(config), {
      architecture: "arm64",
      os: "linux",
      variant: "v8",
      "os.version": "1",
      "os.features": ["a"]
    })
  })

  it("reads null as absent", () => {
    const config = run({
      ...least,
      variant: null,
      created: null,
      history: null,
      rootfs: { type: "layers", diff_ids: null },
      config: { User: "", Cmd: null, Entrypoint: null, Env: null, Volumes: null, Labels: null, ExposedPorts: null }
    })
    assert.deepStrictEqual(config, {
      ...least,
      history: [],
      rootfs: { type: "layers", diff_ids: [] },
      config: { User: "" }
    })
    assert.deepStrictEqual(run({ ...least, config: null }), { ...least, history: [] } as never)
    assert.strictEqual(Platform.key(ImageConfig.platform(config)), "linux/arm64")
  })

  it.each<[string, unknown, RegExp]>([
    ["no JSON", "{", /config cannot be read: it is not JSON/],
    ["a list", [], /cannot be read/],
    ["an empty object", {}, /architecture/],
    ["no rootfs", { architecture: "a", os: "b" }, /rootfs/],
    ["a bad diff id", { ...least, rootfs: { type: "layers", diff_ids: ["sha256:x"] } }, /rootfs\.diff_ids\.0/],
    ["more than a config holds", { ...least, x: Array(10_001).fill(0) }, /cannot be read: .*more than 10000 entries/],
    ["an environment that is no list", { ...least, config: { Env: {} } }, /config\.Env/]
  ])("refuses %s", (_, json, says) => {
    const error = failed(json)
    assert.strictEqual(error._tag, "ManifestInvalid")
    assert.strictEqual(error.resource, "a.b/c:1")
    assert.match(error.message, says)
  })

  it.prop("never throws", [
    FastCheck.oneof(
      FastCheck.string(),
      FastCheck.json(),
      FastCheck.record({ config: FastCheck.jsonValue(), history: FastCheck.jsonValue() }, { requiredKeys: [] })
        .map((more) => JSON.stringify({ ...least, ...more }))
    )
  ], ([text]) => {
    const result = Effect.runSync(Effect.either(ImageConfig.decode(bytes(text), "x")))
    if (result._tag === "Left") assert.notMatch(result.left.message, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    else assert.deepStrictEqual(ImageConfig.diffIds(result.right), [diffId] as never)
  })
})
