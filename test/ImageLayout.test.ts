import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { execFileSync, spawnSync } from "node:child_process"
import * as ImageLayout from "../src/ImageLayout.js"
import type { Repository } from "../src/Repository.js"
import { listOf, repositoryContract } from "./utils/repositoryContract.js"
import { image, index, type Sample, sample, utf8 } from "./utils/samples.js"

const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

/** A layout in a directory that is not there yet. */
const fresh = Effect.gen(function*() {
  const path = yield* Path.Path
  const directory = path.join(yield* temporary, "a", "layout")
  return { directory, layout: yield* ImageLayout.make(directory) }
})

const indexOf = (directory: string) =>
  Effect.flatMap(
    FileSystem.FileSystem,
    (fs) => Effect.map(fs.readFileString(`${directory}/index.json`), (text) => JSON.parse(text))
  )

const one = image(["one"])
const two = image(["two"])
const both = index([
  { ...one.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
  { ...two.manifest.descriptor, platform: { os: "linux", architecture: "arm64" } }
])

const push = (layout: Repository, parts: { manifest: Sample; config: Sample; layers: ReadonlyArray<Sample> }) =>
  Effect.andThen(
    Effect.forEach([parts.config, ...parts.layers], (blob) => layout.putBlob(blob.descriptor, Stream.make(blob.raw))),
    layout.putManifest(parts.manifest)
  )

const pushAll = (layout: Repository, tag: string) =>
  Effect.all([push(layout, one), push(layout, two), layout.putManifest(both, { tag })])

const skopeo = spawnSync("skopeo", ["--version"]).status === 0

describe("ImageLayout", () => {
  repositoryContract(Effect.provide(Effect.map(fresh, ({ layout }) => layout), NodeContext.layer))

  it.scoped("writes what the specification says, an index above its children", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { directory, layout } = yield* fresh
      assert.isFalse(yield* fs.exists(directory))
      assert.strictEqual((yield* Effect.flip(layout.resolve("v1")))._tag, "NotFound")
      assert.isFalse(yield* fs.exists(directory))
      yield* pushAll(layout, "v1")
      assert.deepStrictEqual(JSON.parse(yield* fs.readFileString(`${directory}/oci-layout`)), {
        imageLayoutVersion: "1.0.0"
      })
      assert.deepStrictEqual(yield* indexOf(directory), {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [{ ...both.descriptor, annotations: { "org.opencontainers.image.ref.name": "v1" } }]
      })
      // Children have no entry of their own and are found all the same.
      assert.deepStrictEqual(yield* layout.resolve(one.manifest.descriptor.digest), one.manifest.descriptor)
      assert.deepStrictEqual((yield* fs.readDirectory(directory)).sort(), ["blobs", "index.json", "oci-layout"])
      assert.strictEqual((yield* fs.readDirectory(`${directory}/blobs/sha256`)).length, 7)
      // A config is a blob, and no manifest.
      assert.strictEqual((yield* Effect.flip(layout.getManifest(one.config.descriptor.digest)))._tag, "NotFound")
      // When the index goes, its children stay.
      yield* layout.deleteManifest!(both.descriptor.digest)
      assert.deepStrictEqual(
        (yield* indexOf(directory)).manifests.map((entry: { digest: string }) => entry.digest),
        [one.manifest.descriptor.digest, two.manifest.descriptor.digest]
      )
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("moves a tag and keeps what it named, with fields and entries it does not know", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { directory, layout } = yield* fresh
      yield* push(layout, one)
      yield* layout.putManifest(one.manifest, { tag: "latest" })
      const before = yield* indexOf(directory)
      const odd = { mediaType: "application/x.odd", digest: "odd", size: -1, note: [1] }
      before.manifests[0].annotations.mine = "kept"
      const edited = { ...before, extra: { a: 1 }, manifests: [odd, ...before.manifests] }
      yield* fs.writeFileString(`${directory}/index.json`, JSON.stringify(edited))
      yield* layout.putManifest(two.manifest, { tag: "latest" })
      assert.deepStrictEqual(yield* indexOf(directory), {
        ...before,
        extra: { a: 1 },
        manifests: [
          odd,
          { ...one.manifest.descriptor, annotations: { mine: "kept" } },
          { ...two.manifest.descriptor, annotations: { "org.opencontainers.image.ref.name": "latest" } }
        ]
      })
      assert.deepStrictEqual(yield* layout.resolve(one.manifest.descriptor.digest), one.manifest.descriptor)
      assert.deepStrictEqual(yield* listOf(layout.tags), ["latest"])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("refuses a change after which the index could not be read any more", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { directory, layout } = yield* fresh
      yield* push(layout, one)
      const full = Array.from({ length: 100_000 }, (_, n) => ({
        ...one.manifest.descriptor,
        annotations: { "org.opencontainers.image.ref.name": `t${n}` }
      }))
      yield* fs.writeFileString(`${directory}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: full }))
      const error = yield* Effect.flip(layout.putManifest(one.manifest, { tag: "one-more" }))
      assert.strictEqual(error._tag, "StorageError")
      assert.include(error.message, "more than 100000 entries")
      assert.deepStrictEqual(yield* layout.resolve("t5"), one.manifest.descriptor)
      // What does not make it larger is still done.
      yield* layout.putManifest(one.manifest, { tag: "t5" })
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("loses no tag when many are written at once, over two repositories of one directory", () =>
    Effect.gen(function*() {
      const { directory, layout } = yield* fresh
      const again = yield* ImageLayout.make(directory)
      const tags = Array.from({ length: 20 }, (_, i) => `t${String(i).padStart(2, "0")}`)
      yield* Effect.forEach(
        tags,
        (tag, i) => (i % 2 === 0 ? layout : again).putManifest(one.manifest, { tag }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(yield* listOf(layout.tags), tags)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("leaves nothing behind of a blob that is wrong or interrupted", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { directory, layout } = yield* fresh
      const blob = sample("x".repeat(3_000_000), "text/plain")
      yield* layout.putBlob(blob.descriptor, Stream.make(blob.raw.subarray(0, 10), blob.raw.subarray(10)))
      assert.isTrue(yield* layout.hasBlob(blob.descriptor.digest))
      const wrong = sample("y".repeat(3_000_000), "text/plain")
      const error = yield* Effect.flip(layout.putBlob(wrong.descriptor, Stream.make(blob.raw)))
      assert.strictEqual(error._tag, "DigestMismatch")
      const endless = Stream.concat(Stream.make(wrong.raw.subarray(0, 2_000_000)), Stream.never)
      const fiber = yield* Effect.fork(layout.putBlob(wrong.descriptor, endless))
      while (!(yield* fs.readDirectory(directory)).some((name) => name.startsWith(".tmp-"))) yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* fs.readDirectory(directory), ["blobs"])
      assert.strictEqual((yield* fs.readDirectory(`${directory}/blobs/sha256`)).length, 1)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("does not follow links out of its directory, nor trust what lies in it", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { directory, layout } = yield* fresh
      yield* pushAll(layout, "v1")
      const outside = `${yield* temporary}/secret`
      const secret = sample("secret", "text/plain")
      yield* fs.writeFile(outside, secret.raw)
      const file = (digest: string) => `${directory}/blobs/${digest.replace(":", "/")}`
      yield* fs.symlink(outside, file(secret.descriptor.digest))
      assert.isFalse(yield* layout.hasBlob(secret.descriptor.digest))
      const blob = { digest: secret.descriptor.digest }
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(layout.getBlob(blob))))._tag, "NotFound")
      // Writing replaces the link, not what it leads to.
      yield* layout.putBlob(secret.descriptor, Stream.make(secret.raw))
      assert.isTrue(yield* layout.hasBlob(secret.descriptor.digest))
      yield* fs.remove(`${directory}/blobs/sha256`, { recursive: true })
      yield* fs.makeDirectory(`${outside}.d`)
      yield* fs.symlink(`${outside}.d`, `${directory}/blobs/sha256`)
      const refused = yield* Effect.flip(layout.putBlob(secret.descriptor, Stream.make(secret.raw)))
      assert.strictEqual(refused._tag, "StorageError")
      assert.deepStrictEqual(yield* fs.readDirectory(`${outside}.d`), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped("finds damage: a changed blob, an index that is none, another version", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { directory, layout } = yield* fresh
      yield* pushAll(layout, "v1")
      const { descriptor } = one.layers[0]!
      yield* fs.writeFile(`${directory}/blobs/${descriptor.digest.replace(":", "/")}`, utf8("onE"))
      const changed = yield* Effect.flip(Stream.runDrain(layout.getBlob(descriptor)))
      assert.strictEqual(changed._tag, "DigestMismatch")
      for (const text of ["{", "[]", "{\"manifests\":1}", `{"manifests":[${"{},".repeat(100_000)}{}]}`]) {
        yield* fs.writeFileString(`${directory}/index.json`, text)
        assert.strictEqual((yield* Effect.flip(layout.resolve("v1")))._tag, "StorageError", text)
      }
      yield* fs.writeFileString(`${directory}/oci-layout`, "{\"imageLayoutVersion\":\"2.0.0\"}")
      const version = yield* Effect.flip(layout.putManifest(one.manifest, { tag: "v2" }))
      assert.strictEqual(version._tag, "StorageError")
      assert.strictEqual((yield* Effect.flip(ImageLayout.make("")))._tag, "InvalidInput")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scoped.skipIf(!skopeo)("is read by skopeo, and reads what skopeo writes", () =>
    Effect.gen(function*() {
      const { directory, layout } = yield* fresh
      yield* pushAll(layout, "v1")
      yield* layout.putManifest(one.manifest, { tag: "single" })
      const raw = execFileSync("skopeo", ["inspect", "--raw", `oci:${directory}:v1`])
      assert.deepEqual(Buffer.from(raw), Buffer.from(both.raw))
      const copy = `${yield* temporary}/copy`
      const from = `oci:${directory}:single`
      execFileSync("skopeo", ["--insecure-policy", "copy", "--preserve-digests", "-q", from, `oci:${copy}:again`])
      const copied = yield* ImageLayout.make(copy)
      assert.deepEqual(Buffer.from((yield* copied.getManifest("again")).raw), Buffer.from(one.manifest.raw))
      assert.isTrue(yield* copied.hasBlob(one.layers[0]!.descriptor.digest))
      const inspected = JSON.parse(String(execFileSync("skopeo", ["inspect", `oci:${directory}:single`])))
      assert.strictEqual(inspected.Digest, one.manifest.descriptor.digest)
    }).pipe(Effect.provide(NodeContext.layer)))
})
