import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Descriptor from "../src/Descriptor.js"
import * as Digest from "../src/Digest.js"
import * as Image from "../src/Image.js"
import * as ManifestList from "../src/ManifestList.js"
import * as MediaType from "../src/MediaType.js"
import * as Repository from "../src/Repository.js"
import { recorded } from "./utils/recorded.js"
import { image, utf8 } from "./utils/samples.js"
import * as seed from "./utils/seed.js"

const named = (content: string, mediaType: string = MediaType.dockerManifest) => ({
  descriptor: {
    mediaType,
    size: content.length,
    digest: Digest.fromBytes(utf8(content))
  } satisfies Descriptor.Descriptor
})

const text = (list: ManifestList.ManifestList) => new TextDecoder().decode(list.raw)

describe("ManifestList", () => {
  it.effect("writes a Docker list for Docker images: compact, sorted by platform, nothing else in an entry", () =>
    Effect.gen(function*() {
      const list = yield* ManifestList.make({
        "linux/arm64/v8": named("b"),
        "linux/amd64": {
          descriptor: { ...named("a").descriptor, annotations: { left: "out" }, artifactType: "application/x" }
        }
      })
      assert.strictEqual(
        text(list),
        `{"schemaVersion":2,"mediaType":"${MediaType.dockerManifestList}","manifests":[` +
          `{"mediaType":"${MediaType.dockerManifest}","size":1,"digest":"${Digest.fromBytes(utf8("a"))}",` +
          `"platform":{"architecture":"amd64","os":"linux"}},` +
          `{"mediaType":"${MediaType.dockerManifest}","size":1,"digest":"${Digest.fromBytes(utf8("b"))}",` +
          `"platform":{"architecture":"arm64","os":"linux","variant":"v8"}}]}`
      )
      assert.strictEqual(list.descriptor.digest, Digest.fromBytes(list.raw))
      assert.strictEqual(list.descriptor.mediaType, MediaType.dockerManifestList)
    }))

  it.effect("writes an OCI index as soon as one image is OCI's, or when told to", () =>
    Effect.gen(function*() {
      const images = { "linux/amd64": named("a"), "linux/arm64": named("b", MediaType.ociManifest) }
      assert.strictEqual((yield* ManifestList.make(images)).descriptor.mediaType, MediaType.ociIndex)
      assert.strictEqual(
        (yield* ManifestList.make(images, { format: "docker" })).descriptor.mediaType,
        MediaType.dockerManifestList
      )
      const docker = { "linux/amd64": named("a") }
      assert.strictEqual((yield* ManifestList.make(docker, { format: "oci" })).descriptor.mediaType, MediaType.ociIndex)
    }))

  it.effect.prop(
    "gives the same digest whatever the order of the map",
    [FastCheck.uniqueArray(
      FastCheck.constantFrom("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x", "windows/amd64", "linux/386"),
      { minLength: 1 }
    )],
    ([platforms]) =>
      Effect.gen(function*() {
        const entries = platforms.map((platform) => [platform, named(platform)] as const)
        const one = yield* ManifestList.make(Object.fromEntries(entries))
        const other = yield* ManifestList.make(Object.fromEntries(entries.reverse()))
        assert.strictEqual(one.descriptor.digest, other.descriptor.digest)
        const parsed: { manifests: ReadonlyArray<{ digest: string }> } = JSON.parse(text(one))
        assert.deepStrictEqual(
          parsed.manifests.map(({ digest }) => digest),
          [...platforms].sort().map((platform) => named(platform).descriptor.digest)
        )
      })
  )

  it.effect("refuses an empty map, a malformed platform and an index before anything is sent", () =>
    Effect.gen(function*() {
      const destination = recorded(yield* Repository.makeMemory())
      const push = (images: Readonly<Record<string, Image.Image>>) =>
        Effect.flip(ManifestList.push({ repository: destination.repository, tag: "v1" }, images))
      const home = yield* Repository.makeMemory({ registry: "one.test" })
      const sample = image(["layer"])
      yield* seed.putImage(home, sample, "v1")
      const handle = yield* Image.open(home, "v1")
      assert.strictEqual((yield* push({}))._tag, "InvalidInput")
      assert.strictEqual((yield* push({ "linux/amd64": handle, "not a platform!": handle }))._tag, "ParsePlatformError")
      const error = yield* Effect.flip(ManifestList.make({ "linux/amd64": named("a", MediaType.ociIndex) }))
      assert.strictEqual(error._tag, "InvalidInput")
      assert.deepStrictEqual(destination.calls, [])
    }))

  it.effect("brings images of other repositories over first, and writes nothing the second time", () =>
    Effect.gen(function*() {
      const home = yield* Repository.makeMemory({ registry: "one.test" })
      const destination = recorded(yield* Repository.makeMemory({ registry: "two.test" }))
      const amd64 = image(["amd64"])
      const arm64 = image(["arm64"])
      yield* seed.putImage(home, amd64)
      yield* seed.putImage(destination.repository, arm64)
      const images = {
        "linux/arm64": yield* Image.open(destination.repository, arm64.manifest.descriptor.digest),
        "linux/amd64": yield* Image.open(home, amd64.manifest.descriptor.digest)
      }
      destination.calls.length = 0
      const to = { repository: destination.repository, tag: "v1" }
      const digest = yield* ManifestList.push(to, images)
      assert.strictEqual(destination.writes().at(-1), "putManifest v1")
      assert.include(destination.writes(), `putManifest ${amd64.manifest.descriptor.digest}`)
      assert.notInclude(destination.writes(), `putManifest ${arm64.manifest.descriptor.digest}`)
      const list = yield* destination.repository.getManifest("v1")
      assert.strictEqual(list.descriptor.digest, digest)
      assert.strictEqual(list.descriptor.mediaType, MediaType.ociIndex)
      destination.calls.length = 0
      assert.strictEqual(yield* ManifestList.push(to, images), digest)
      assert.deepStrictEqual(destination.writes(), [])
    }))

  it.effect("holds a digest in the reference against the list", () =>
    Effect.gen(function*() {
      const destination = recorded(yield* Repository.makeMemory())
      const sample = image(["layer"])
      yield* seed.putImage(destination.repository, sample)
      const images = { "linux/amd64": yield* Image.open(destination.repository, sample.manifest.descriptor.digest) }
      destination.calls.length = 0
      const to = { repository: destination.repository, tag: "v1", digest: Digest.fromBytes(utf8("other")) }
      assert.strictEqual((yield* Effect.flip(ManifestList.push(to, images)))._tag, "DigestMismatch")
      assert.deepStrictEqual(destination.writes(), [])
    }))
})
