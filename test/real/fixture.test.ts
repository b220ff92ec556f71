/** The ground of this folder's tests, checked without our client: what they copy is real, and the peers can read it. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { gunzipSync } from "node:zlib"
import * as Digest from "../../src/Digest.js"
import * as Manifest from "../../src/Manifest.js"
import { obtain } from "./busybox.js"
import * as Fixture from "./fixture.js"
import { tar, writeLargeImage } from "./large.js"
import * as Registry from "./registry.js"
import { run, text } from "./run.js"
import * as Skopeo from "./skopeo.js"
import { blobFile, writeImage } from "./storage.js"
import { suite } from "./suite.js"

const packages = await obtain()

suite("the busybox image", { tools: ["docker-registry", "skopeo"], lacks: packages.lacks }, () => {
  it.scopedLive.each(["oci", "docker"] as const)("is the same at every build (%s)", (format) =>
    Effect.gen(function*() {
      const [one, two] = yield* Effect.all([Fixture.build(packages, format), Fixture.build(packages, format)])
      assert.deepStrictEqual(one.index.descriptor, two.index.descriptor)
      assert.deepStrictEqual(
        one.images.map(({ platform }) => platform),
        ["linux/amd64", "linux/arm64/v8", "linux/arm/v7", "linux/s390x"]
      )
      // Four configs, four layers of their own and the one they share.
      assert.strictEqual(one.blobs.length, 9)
      const decoded = yield* Manifest.decode(one.index.raw, { resource: "index" })
      assert.strictEqual(decoded._tag, "Index")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("has the files of the package, and diff ids of what is in its layers", () =>
    Effect.gen(function*() {
      const image = yield* Fixture.build(packages, "oci")
      const [first] = image.images
      assert(first !== undefined)
      const config = JSON.parse(new TextDecoder().decode(first.config.bytes))
      assert.deepStrictEqual(
        config.rootfs.diff_ids,
        first.layers.map((layer) => Digest.fromBytes(gunzipSync(layer.bytes)))
      )
      const packaged = Buffer.from(gunzipSync(first.layers[0]?.bytes ?? new Uint8Array()))
      assert.isTrue(packaged.includes("./bin/busybox") && packaged.includes("\x7fELF"))
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive.each(["oci", "docker"] as const)(
    "is readable to skopeo from the storage (%s)",
    (format) =>
      Effect.gen(function*() {
        const registry = yield* Registry.start()
        const image = yield* Fixture.build(packages, format)
        yield* writeImage(registry.storage, "library/busybox", "1.35", image)
        const raw = yield* Skopeo.inspectRaw(`${registry.host}/library/busybox:1.35`)
        assert.deepStrictEqual(Buffer.from(raw), Buffer.from(image.index.raw))
        const contents = yield* Skopeo.readDirectory(
          yield* Skopeo.copyToDirectory(`${registry.host}/library/busybox:1.35`)
        )
        assert.sameMembers(contents.manifests, [
          image.index.descriptor.digest,
          ...image.images.map(({ manifest }) => manifest.descriptor.digest)
        ])
        assert.sameMembers(
          contents.blobs.map((blob) => blob.digest),
          image.blobs.map((blob) => blob.descriptor.digest)
        )
        for (const blob of contents.blobs) assert.strictEqual(blob.name, blob.digest)
      }).pipe(Effect.provide(NodeContext.layer))
  )
})

suite("docker-registry", { tools: ["docker-registry", "skopeo"] }, () => {
  it.scopedLive("lets the account in, and nobody else, and logs what was asked", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.start({ htpasswd: true })
      const anonymous = yield* Effect.promise(() => fetch(`http://${registry.host}/v2/`))
      assert.strictEqual(anonymous.status, 401)
      assert.match(anonymous.headers.get("www-authenticate") ?? "", /^Basic realm="tests"/)
      const failed = yield* Effect.flip(Skopeo.inspectRaw(`${registry.host}/absent:1`))
      // Past the 401: the account is known, the image is not.
      assert.include(failed.message, "manifest unknown")
      const requests = yield* registry.requests
      assert.deepStrictEqual(requests[0], { method: "GET", url: "/v2/", status: 401 })
      assert.isTrue(requests.some(({ status, url }) => url === "/v2/absent/manifests/1" && status === 404))
      assert.isFalse(requests.some(Registry.isWrite))
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("is ended and its folder removed with its scope", () =>
    Effect.gen(function*() {
      const registry = yield* Effect.scoped(Registry.start())
      const refused = yield* Effect.flip(Effect.tryPromise(() => fetch(`http://${registry.host}/v2/`)))
      assert.isDefined(refused)
      const gone = yield* Effect.flip(run("ls", [registry.storage]))
      assert(gone._tag === "ProgramFailed")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("serves an image with a large layer that its storage was given", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.start()
      const size = 5 * 1024 * 1024 + 77
      const { layer, manifest } = yield* writeLargeImage(registry.storage, "large", "1", size)
      assert.strictEqual(
        Digest.fromBytes(yield* Skopeo.inspectRaw(`${registry.host}/large:1`)),
        manifest.digest
      )
      const hash = createHash("sha256")
      yield* Effect.promise(async () => {
        for await (const bytes of createReadStream(blobFile(registry.storage, layer.digest))) hash.update(bytes)
      })
      assert.strictEqual(`sha256:${hash.digest("hex")}`, layer.digest)
      const listing = text(yield* run("tar", ["--list", "--gzip", "--file", blobFile(registry.storage, layer.digest)]))
      assert.strictEqual(listing.trim(), "noise")
      const bytes = Array.from(tar(size)).reduce((sum, each) => sum + each.byteLength, 0)
      assert.strictEqual(bytes % 512, 0)
    }).pipe(Effect.provide(NodeContext.layer)))
})
