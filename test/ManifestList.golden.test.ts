/**
 * Docker manifest lists against what go-containerregistry v0.21.5 makes of the same images. `golden/generate.go.txt` is
 * the program that wrote the files.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Digest from "../src/Digest.js"
import * as Manifest from "../src/Manifest.js"
import * as ManifestList from "../src/ManifestList.js"

const Golden = Schema.parseJson(Schema.Struct({
  name: Schema.String,
  digest: Digest.Digest,
  entries: Schema.NonEmptyArray(Schema.Struct({ platform: Schema.String, manifest: Schema.String })),
  list: Schema.String
}))

const folder = fileURLToPath(new URL("golden/", import.meta.url))
const cases = readdirSync(folder).filter((file) => file.endsWith(".json")).map((file) =>
  Schema.decodeSync(Golden)(readFileSync(folder + file, "utf8"))
)

/** The images of a case by platform, in the order in which they are given. */
const images = Effect.fnUntraced(function*(entries: ReadonlyArray<{ platform: string; manifest: string }>) {
  const decoded = yield* Effect.forEach(
    entries,
    ({ manifest, platform }) =>
      Effect.map(
        Manifest.decode(new TextEncoder().encode(manifest), { resource: platform }),
        ({ descriptor }) => [platform, { descriptor }] as const
      )
  )
  return Object.fromEntries(decoded)
})

describe("a Docker manifest list", () => {
  it("has golden data", () => {
    assert.strictEqual(cases.length, 5)
  })

  for (const golden of cases) {
    it.effect(`is go-containerregistry's, byte for byte: ${golden.name}`, () =>
      Effect.gen(function*() {
        const list = yield* ManifestList.make(yield* images(golden.entries))
        assert.strictEqual(new TextDecoder().decode(list.raw), golden.list)
        assert.strictEqual(list.descriptor.digest, golden.digest)
        assert.strictEqual(list.descriptor.size, Buffer.byteLength(golden.list))
      }))

    it.effect(`does not depend on the order of the map: ${golden.name}`, () =>
      Effect.gen(function*() {
        const list = yield* ManifestList.make(yield* images(golden.entries.toReversed()), { format: "docker" })
        assert.strictEqual(list.descriptor.digest, golden.digest)
      }))
  }
})
