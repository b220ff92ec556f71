import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run } from "../utils/spawn.js"

const script = "src/cli/start.ts"
const time = { timeout: 60_000 }

describe("npm start", () => {
  it.live("shows a copy between two registries, the digests equal", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* run(script)
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      const digest = (label: string, step: number) => {
        const section = out.split(/^\d\. /m)[step] ?? ""
        return new RegExp(`^ +${label} +(sha256:[0-9a-f]{64})`, "m").exec(section)?.[1]
      }
      const index = digest("index", 2)
      assert.isString(index)
      assert.strictEqual(digest("index", 4), index)
      for (const platform of ["linux/amd64", "linux/arm64", "linux/arm/v7"]) assert.isString(digest(platform, 3))
      assert.strictEqual(digest("linux/arm64", 6), digest("linux/arm64", 3))
      assert.strictEqual(digest("linux/amd64", 7), digest("linux/amd64", 3))
      assert.notStrictEqual(digest("index", 7), index)
      assert.match(out, /hello:1\.0 +true\n.*hello:2\.0 +false/)
      assert.include(out, "All digests are equal.")
    }), time)

  it.live("is the command when it has arguments", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* run(script, ["--version"])
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      assert.match(out, /^\d+\.\d+\.\d+/)
    }), time)
})
