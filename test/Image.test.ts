import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Digest from "../src/Digest.js"
import * as Image from "../src/Image.js"
import * as MediaType from "../src/MediaType.js"
import * as Repository from "../src/Repository.js"
import { recorded } from "./utils/recorded.js"
import { image, index, sample, utf8 } from "./utils/samples.js"
import * as seed from "./utils/seed.js"

const imageFor = (platform: { readonly os: string; readonly architecture: string; readonly variant?: string }) => {
  const config = sample({ ...platform, rootfs: { type: "layers", diff_ids: [] } }, MediaType.ociConfig)
  const layer = sample(`a layer for ${JSON.stringify(platform)}`, MediaType.ociLayer)
  const manifest = sample({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: config.descriptor,
    layers: [layer.descriptor]
  }, MediaType.ociManifest)
  return { config, layers: [layer], manifest }
}

const amd64 = imageFor({ os: "linux", architecture: "amd64" })
const arm64 = imageFor({ os: "linux", architecture: "arm64", variant: "v8" })
const arm = imageFor({ os: "linux", architecture: "arm", variant: "v7" })

const attestation = {
  ...sample({ schemaVersion: 2, mediaType: MediaType.ociManifest, note: "attestation" }, MediaType.ociManifest)
    .descriptor,
  platform: { os: "unknown", architecture: "unknown" },
  annotations: { "vnd.docker.reference.type": "attestation-manifest" }
}

const setting = Effect.gen(function*() {
  const { calls, repository } = recorded(yield* Repository.makeMemory({ registry: "one.test", name: "app" }))
  for (const each of [amd64, arm64, arm]) yield* seed.putImage(repository, each)
  const list = index([
    attestation,
    { ...amd64.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
    { ...arm64.manifest.descriptor, platform: { os: "linux", architecture: "arm64", variant: "v8" } }
  ])
  yield* seed.putManifest(repository, list, "list")
  yield* repository.putManifest(amd64.manifest, { tag: "single" })
  calls.length = 0
  return { calls, repository, list }
})

describe("Image", () => {
  it.effect("describes an image and an index, with the bytes as they came", () =>
    Effect.gen(function*() {
      const { list, repository } = yield* setting
      const single = yield* Image.describe(repository, "single")
      assert.deepInclude(single, { isIndex: false, reference: "one.test/app:single" })
      assert.deepStrictEqual(single.raw, amd64.manifest.raw)
      const many = yield* Image.describe(repository, "list")
      assert.deepInclude(many, { isIndex: true, descriptor: list.descriptor })
    }))

  it.effect("opens an index's image for linux/amd64 unless told otherwise, reading nothing but manifests", () =>
    Effect.gen(function*() {
      const { calls, repository } = yield* setting
      const handle = yield* Image.open(repository, "list")
      assert.strictEqual(handle.descriptor.digest, amd64.manifest.descriptor.digest)
      assert.deepStrictEqual(calls, ["getManifest list", `getManifest ${amd64.manifest.descriptor.digest}`])
      const other = yield* Image.open(repository, "list", { os: "linux", architecture: "aarch64" })
      assert.strictEqual(other.descriptor.digest, arm64.manifest.descriptor.digest)
      assert.deepStrictEqual(
        Option.map(other.platform, (platform) => platform.variant),
        Option.some("v8")
      )
    }))

  it.effect("reads config and layers when they are run", () =>
    Effect.gen(function*() {
      const { repository } = yield* setting
      const handle = yield* Image.open(repository, "single")
      assert.strictEqual((yield* handle.config).architecture, "amd64")
      assert.deepStrictEqual(yield* handle.rawConfig, amd64.config.raw)
      const layers = yield* Effect.forEach(handle.layers, (layer) => Stream.runCollect(layer.content))
      assert.deepStrictEqual(layers.map((chunks) => Chunk.toReadonlyArray(chunks)[0]), [amd64.layers[0]?.raw])
    }))

  it.effect("takes a config that its descriptor carries, if it is what the descriptor says", () =>
    Effect.gen(function*() {
      const { calls, repository } = yield* setting
      const withData = (data: string) =>
        sample({
          schemaVersion: 2,
          mediaType: MediaType.ociManifest,
          config: { ...amd64.config.descriptor, data },
          layers: []
        }, MediaType.ociManifest)
      yield* repository.putManifest(withData(Buffer.from(amd64.config.raw).toString("base64")), { tag: "true" })
      yield* repository.putManifest(withData(Buffer.from("something else").toString("base64")), { tag: "false" })
      calls.length = 0
      const inline = yield* Effect.flatMap(Image.open(repository, "true"), (handle) => handle.rawConfig)
      assert.deepStrictEqual(inline, amd64.config.raw)
      assert.deepStrictEqual(calls, ["getManifest true"])
      const fetched = yield* Effect.flatMap(Image.open(repository, "false"), (handle) => handle.rawConfig)
      assert.deepStrictEqual(fetched, amd64.config.raw)
    }))

  it.effect("refuses a config that is too large to be one", () =>
    Effect.gen(function*() {
      const { repository } = yield* setting
      const config = { ...amd64.config.descriptor, size: 9 * 1024 * 1024 }
      yield* repository.putManifest(
        sample({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [] }, MediaType.ociManifest),
        { tag: "huge" }
      )
      const handle = yield* Image.open(repository, "huge")
      assert.strictEqual((yield* Effect.flip(handle.config))._tag, "ManifestInvalid")
    }))

  it.effect("checks a single image against a platform only when asked", () =>
    Effect.gen(function*() {
      const { repository } = yield* setting
      yield* repository.putManifest(arm.manifest, { tag: "arm" })
      assert.strictEqual((yield* Image.open(repository, "arm")).descriptor.digest, arm.manifest.descriptor.digest)
      const error = yield* Effect.flip(Image.open(repository, "arm", { os: "linux", architecture: "amd64" }))
      assert.deepInclude(error, {
        _tag: "PlatformNotFound",
        platform: "linux/amd64",
        available: ["linux/arm/v7"],
        reference: "one.test/app:arm"
      })
    }))

  it.effect("finds images of nested indexes and of entries that say no platform", () =>
    Effect.gen(function*() {
      const { list, repository } = yield* setting
      const outer = index([list.descriptor, arm.manifest.descriptor])
      yield* seed.putManifest(repository, outer, "outer")
      assert.deepStrictEqual(yield* Image.platformDigests(repository, "outer"), {
        "linux/amd64": amd64.manifest.descriptor.digest,
        "linux/arm64": arm64.manifest.descriptor.digest,
        "linux/arm/v7": arm.manifest.descriptor.digest
      })
      const handle = yield* Image.open(repository, "outer", { os: "linux", architecture: "arm" })
      assert.strictEqual(handle.descriptor.digest, arm.manifest.descriptor.digest)
    }))

  it.effect("reads what an index names more than once a single time", () =>
    Effect.gen(function*() {
      const { calls, repository } = yield* setting
      let outer = index([arm.manifest.descriptor, arm.manifest.descriptor])
      const digests = [arm.manifest.descriptor.digest]
      for (let level = 0; level < 6; level++) {
        yield* seed.putManifest(repository, outer)
        digests.push(outer.descriptor.digest)
        outer = index([outer.descriptor, outer.descriptor])
      }
      yield* seed.putManifest(repository, outer, "deep")
      const once = ["deep", ...digests].map((name) => `getManifest ${name}`)
      const config = `getBlob ${arm.config.descriptor.digest}`

      calls.length = 0
      assert.deepStrictEqual(yield* Image.platformDigests(repository, "deep"), {
        "linux/arm/v7": arm.manifest.descriptor.digest
      })
      assert.deepStrictEqual([...calls].sort(), [...once, config].sort())

      calls.length = 0
      const handle = yield* Image.open(repository, "deep", { os: "linux", architecture: "arm" })
      assert.strictEqual(handle.descriptor.digest, digests[0])
      assert.deepStrictEqual([...calls].sort(), [...once, config].sort())
    }))

  it.effect("checks what each mention says of a manifest, and counts each among what an operation follows", () =>
    Effect.gen(function*() {
      const { repository } = yield* setting
      const { descriptor } = arm.manifest
      yield* seed.putManifest(repository, index([descriptor, { ...descriptor, size: descriptor.size + 1 }]), "sizes")
      assert.strictEqual((yield* Effect.flip(Image.platformDigests(repository, "sizes")))._tag, "SizeMismatch")
      const many = index(Array.from({ length: 100 }, () => descriptor))
      yield* seed.putManifest(repository, many)
      yield* seed.putManifest(repository, index(Array.from({ length: 100 }, () => many.descriptor)), "many")
      const error = yield* Effect.flip(Image.platformDigests(repository, "many"))
      assert.strictEqual(error._tag, "ManifestInvalid")
      assert.match(error.message, /more than 10000 manifests and blobs/)
    }))

  it.effect("lists digests by platform: attestations left out, first entry wins, OS versions where they tell apart", () =>
    Effect.gen(function*() {
      const { calls, repository } = yield* setting
      const entry = (content: string, platform: Record<string, string>) => ({
        mediaType: MediaType.ociManifest,
        size: content.length,
        digest: Digest.fromBytes(utf8(content)),
        platform: { os: "windows", architecture: "amd64", ...platform }
      })
      const list = index([
        attestation,
        entry("one", { "os.version": "10.0.17763.1" }),
        entry("two", { "os.version": "10.0.20348.1" }),
        entry("arm", { architecture: "arm64", "os.version": "10.0.26100.1" }),
        entry("first", { os: "linux" }),
        entry("second", { os: "linux" })
      ])
      yield* seed.putManifest(repository, list, "windows")
      calls.length = 0
      assert.deepStrictEqual(yield* Image.platformDigests(repository, "windows"), {
        "windows(10.0.17763.1)/amd64": Digest.fromBytes(utf8("one")),
        "windows(10.0.20348.1)/amd64": Digest.fromBytes(utf8("two")),
        "windows/arm64": Digest.fromBytes(utf8("arm")),
        "linux/amd64": Digest.fromBytes(utf8("first"))
      })
      assert.deepStrictEqual(calls, ["getManifest windows"])
    }))

  it.effect("says so when an index was wanted, or an image", () =>
    Effect.gen(function*() {
      const { repository } = yield* setting
      const error = yield* Effect.flip(Image.platformDigests(repository, "single"))
      assert.strictEqual(error._tag, "NotAnIndex")
      assert.match(error.message, /^one\.test\/app:single is not an index .*: it is a single image, for linux\/amd64$/)
      yield* repository.putManifest(sample({ blobs: [] }, "application/vnd.example.artifact+json"), { tag: "artifact" })
      assert.strictEqual((yield* Effect.flip(Image.open(repository, "artifact")))._tag, "NotAnImage")
      const artifact = yield* Effect.flip(Image.platformDigests(repository, "artifact"))
      assert.match(artifact.message, /it is no list of images$/)
    }))

  it.effect("opens layers and config of image samples", () =>
    Effect.gen(function*() {
      const { repository } = yield* setting
      const other = image(["one", "two"])
      yield* seed.putImage(repository, other, "other")
      const handle = yield* Image.open(repository, "other")
      assert.deepStrictEqual(
        handle.layers.map((layer) => layer.descriptor.digest),
        other.layers.map((layer) => layer.descriptor.digest)
      )
    }))
})
