/** Memory stays where it is however large a layer is: it streams from registry to registry. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import * as Digest from "../../src/Digest.js"
import { bundle } from "./bundle.js"
import { writeLargeImage } from "./large.js"
import * as Registry from "./registry.js"
import { run, text } from "./run.js"
import * as Skopeo from "./skopeo.js"
import { suite } from "./suite.js"

const mebibyte = 1024 * 1024
const gibibyte = 1024 * mebibyte

const Report = Schema.parseJson(Schema.Struct({
  bytes: Schema.Number,
  digest: Schema.String,
  heaps: Schema.Array(Schema.Number),
  outcome: Schema.Literal("Copied", "Skipped"),
  peakRss: Schema.Number
}))

const entryPoint = fileURLToPath(new URL("copyProcess.ts", import.meta.url))

/** Copies an image with a layer of `size` bytes, in a process of its own. */
const copy = Effect.fnUntraced(function*(program: string, size: number, ...flags: ReadonlyArray<string>) {
  const [source, destination] = yield* Effect.all([Registry.start(), Registry.start()])
  const { layer, manifest } = yield* writeLargeImage(source.storage, "large", "1", size)
  const output = yield* run(process.execPath, [
    ...flags,
    program,
    `${source.host}/large:1`,
    `${destination.host}/copy:1`
  ])
  const report = yield* Schema.decode(Report)(text(output))
  assert.strictEqual(report.outcome, "Copied")
  assert.strictEqual(report.digest, manifest.digest)
  assert.isAtLeast(report.bytes, layer.size)
  assert.strictEqual(
    Digest.fromBytes(yield* Skopeo.inspectRaw(`${destination.host}/copy:1`)),
    manifest.digest
  )
  // docker-registry hashes what it is sent and refuses what does not fit, so its file is the layer.
  const uploads = (yield* destination.requests).filter(({ method, url }) =>
    method === "PUT" && url.includes("/blobs/uploads/")
  )
  assert.deepStrictEqual(uploads.map(({ status }) => status), [201, 201])
  return report
}, Effect.scoped)

suite("an image with one large layer", { tools: ["docker-registry", "skopeo"] }, () => {
  it.scopedLive("is copied in less than 250 MiB, and 3 GiB in no more than 1 GiB", () =>
    Effect.gen(function*() {
      const program = yield* bundle(entryPoint)
      const one = (yield* copy(program, gibibyte)).peakRss
      const { heaps, peakRss: three } = yield* copy(program, 3 * gibibyte, "--expose-gc")
      const figures = `1 GiB: ${Math.round(one / mebibyte)} MiB, 3 GiB: ${Math.round(three / mebibyte)} MiB`
      yield* Console.log(`peak RSS: ${figures}`)
      assert.isBelow(one, 250 * mebibyte, figures)
      assert.isBelow(three, 250 * mebibyte, figures)
      // What the system's allocator holds on to differs by as much as a quarter from run to run.
      assert.isBelow(three, one * 1.35, figures)
      // What is in use does not grow at all with the bytes that have gone by.
      const third = Math.floor(heaps.length / 3)
      assert.isAbove(third, 0)
      const middle = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
      const [early, late] = [middle(heaps.slice(0, third)), middle(heaps.slice(-third))]
      assert.isBelow(late, early * 1.05, `heap in use: ${heaps.join(", ")}`)
    }).pipe(Effect.provide(NodeContext.layer)), 600_000)
})
