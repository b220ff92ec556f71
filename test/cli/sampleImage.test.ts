import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { execFileSync, spawnSync } from "node:child_process"
import { gunzipSync } from "node:zlib"
import * as SampleImage from "../../src/cli/sampleImage.js"
import * as Digest from "../../src/Digest.js"
import * as Manifest from "../../src/Manifest.js"
import * as Platform from "../../src/Platform.js"
import * as Repository from "../../src/Repository.js"

const platforms = ["linux/amd64", "linux/arm/v7"]

const pushed = Effect.gen(function*() {
  const repository = yield* Repository.makeMemory()
  const sample = SampleImage.make(yield* Effect.forEach(platforms, (platform) => Platform.parse(platform)))
  const digest = yield* SampleImage.push(sample, repository, "1.0")
  return { digest, repository, sample }
})

const bytes = (repository: Repository.Repository, digest: Digest.Digest) =>
  Effect.map(Stream.runCollect(repository.getBlob({ digest })), (chunks) => Buffer.concat([...chunks]))

describe("sampleImage", () => {
  it.effect("pushes an index with an image for each platform, all of it readable", () =>
    Effect.gen(function*() {
      const { digest, repository, sample } = yield* pushed
      assert.strictEqual((yield* repository.resolve("1.0")).digest, digest)
      const index = yield* repository.getManifest("1.0")
      assert.isTrue(Manifest.isIndex(index))
      if (!Manifest.isIndex(index)) return
      const entries = index.content.manifests
      assert.deepStrictEqual(entries.map(({ platform }) => platform && Platform.key(platform)), platforms)
      for (const entry of entries) {
        const image = yield* repository.getManifest(entry.digest, { expected: entry })
        assert.isTrue(Manifest.isImage(image))
        if (!Manifest.isImage(image)) return
        const config = JSON.parse((yield* bytes(repository, image.content.config.digest)).toString())
        assert.strictEqual(config.architecture, entry.platform?.architecture)
        const layers = yield* Effect.forEach(image.content.layers, (layer) => bytes(repository, layer.digest))
        assert.deepStrictEqual(
          config.rootfs.diff_ids,
          layers.map((layer) => Digest.fromBytes(gunzipSync(layer)))
        )
      }
      // Two configs, a layer each, and the one they share.
      assert.strictEqual(sample.blobs.length, 5)
    }))

  const tar = spawnSync("tar", ["--version"]).status === 0

  it.effect.skipIf(!tar)("has layers that tar can read (needs tar)", () =>
    Effect.gen(function*() {
      const { sample } = yield* pushed
      const layers = sample.blobs.filter(({ descriptor }) => descriptor.mediaType.endsWith("gzip"))
      const list = layers.map(({ raw }) => execFileSync("tar", ["-tz"], { input: raw }).toString().trim())
      assert.deepStrictEqual(list, ["etc/os-release", "hello.txt", "hello.txt"])
      const hello = execFileSync("tar", ["-xzO", "hello.txt"], { input: layers[2]?.raw }).toString()
      assert.strictEqual(hello, "Hello from linux/arm/v7.\n")
    }))
})
