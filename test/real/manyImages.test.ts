/** What a copy of many images holds in memory, and the same into a layout, whose changes follow each other. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import { run } from "../utils/spawn.js"
import { bundle } from "./bundle.js"

const mebibyte = 1024 * 1024

const Report = Schema.parseJson(Schema.Struct({
  before: Schema.Number,
  blobs: Schema.Number,
  manifests: Schema.Number,
  peak: Schema.Number
}))

/** In a process of its own: what is measured is neither a test runner nor what ran in it before. */
const copy = Effect.fnUntraced(function*(count: number, ...directory: ReadonlyArray<string>) {
  const program = yield* bundle(fileURLToPath(new URL("manyImages.ts", import.meta.url)))
  // What is measured is what the copy needs: how much garbage lies about beside it depends on how busy the machine is.
  const environment = { NODE_OPTIONS: "--max-old-space-size=200" }
  const { code, err, out } = yield* run(program, [String(count), ...directory], environment)
  assert.strictEqual(code, 0, err)
  const report = yield* Schema.decode(Report)(out)
  assert.strictEqual(report.blobs, 2 * count)
  assert.strictEqual(report.manifests, count + 1)
  return report
}, Effect.scoped)

describe("an index", () => {
  it.scopedLive(
    "of a thousand images is copied in less than 350 MiB, both registries included",
    () =>
      Effect.gen(function*() {
        const { peak } = yield* copy(1000)
        assert.isBelow(peak, 350 * mebibyte)
      }).pipe(Effect.provide(NodeContext.layer)),
    900_000
  )

  it.scopedLive("of two hundred images goes into a layout in less than 250 MiB", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
      const { peak } = yield* copy(200, directory)
      assert.isBelow(peak, 250 * mebibyte)
    }).pipe(Effect.provide(NodeContext.layer)), 900_000)
})
