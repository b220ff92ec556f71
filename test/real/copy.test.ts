/**
 * A real image through real registries: pushed and copied with our client, read back with skopeo. Every byte and digest
 * has to be the same.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Digest from "../../src/Digest.js"
import { obtain } from "./busybox.js"
import { connect } from "./clients.js"
import * as Fixture from "./fixture.js"
import { assertSame } from "./readBack.js"
import * as Registry from "./registry.js"
import * as Skopeo from "./skopeo.js"
import { suite } from "./suite.js"

const packages = await obtain()
const formats = ["oci", "docker"] as const

/** Two registries, the second one behind a password, and the image pushed to the first with our client. */
const setUp = Effect.fnUntraced(function*(format: Fixture.Format) {
  const [open, secured] = yield* Effect.all([Registry.start(), Registry.start({ htpasswd: true })])
  const image = yield* Fixture.build(packages, format)
  const client = yield* connect(secured)
  const source = `${open.host}/library/busybox:1.35`
  yield* Fixture.push(image, yield* client.repository(source, { access: "write" }), "1.35")
  return { open, secured, image, client, source }
})

suite("a busybox image between registries", { tools: ["docker-registry", "skopeo"], lacks: packages.lacks }, () => {
  it.scopedLive.each(formats)("is pushed as it was built (%s)", (format) =>
    Effect.gen(function*() {
      const { client, image, source } = yield* setUp(format)
      yield* assertSame(source, image)
      assert.strictEqual(yield* client.getDigest(source), image.index.descriptor.digest)
      // Keys are normalised: v8 is what arm64 means.
      assert.deepStrictEqual(
        yield* client.getPlatformDigests(source),
        Object.fromEntries(image.images.map(({ manifest, platform }) => [
          platform.replace("arm64/v8", "arm64"),
          manifest.descriptor.digest
        ]))
      )
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive.each(formats)("is copied as an index, byte for byte (%s)", (format) =>
    Effect.gen(function*() {
      const { client, image, secured, source } = yield* setUp(format)
      const destination = `${secured.host}/team/busybox:stable`
      const result = yield* client.copyIndex(source, destination)
      assert.strictEqual(result.outcome, "Copied")
      assert.strictEqual(result.digest, image.index.descriptor.digest)
      assert.strictEqual(result.bytes, image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0))
      assert.sameMembers(
        result.blobs.map(({ descriptor }) => descriptor.digest),
        image.blobs.map(({ descriptor }) => descriptor.digest)
      )
      assert.isTrue(result.blobs.every(({ outcome }) => outcome === "Uploaded"))

      const writes = (yield* secured.requests).filter(({ status }) => status < 300).filter(Registry.isWrite)
      // The layer that all four images share goes over once.
      assert.strictEqual(writes.filter(Registry.isBlobUpload).length, image.blobs.length)
      const manifests = writes.filter(Registry.isManifestWrite)
      assert.strictEqual(manifests.length, image.images.length + 1)
      assert.strictEqual(writes.at(-1)?.url, "/v2/team/busybox/manifests/stable")
      yield* assertSame(destination, image)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("is not written again when it is there", () =>
    Effect.gen(function*() {
      const { client, image, secured, source } = yield* setUp("oci")
      const destination = `${secured.host}/team/busybox:stable`
      yield* client.copyIndex(source, destination)
      const before = yield* secured.requests
      for (const each of [client, yield* connect(secured)]) {
        const result = yield* each.copyIndex(source, destination)
        assert.strictEqual(result.outcome, "Skipped")
        assert.strictEqual(result.digest, image.index.descriptor.digest)
        assert.strictEqual(result.bytes, 0)
      }
      const since = (yield* secured.requests).slice(before.length)
      assert.isAbove(since.length, 0)
      assert.deepStrictEqual(since.filter(Registry.isWrite), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("sends only what is missing under another tag", () =>
    Effect.gen(function*() {
      const { client, image, secured, source } = yield* setUp("oci")
      yield* client.copyIndex(source, `${secured.host}/team/busybox:one`)
      const before = yield* secured.requests
      const fresh = yield* connect(secured)
      const result = yield* fresh.copyIndex(source, `${secured.host}/team/busybox:two`)
      assert.strictEqual(result.digest, image.index.descriptor.digest)
      assert.strictEqual(result.bytes, 0)
      const since = (yield* secured.requests).slice(before.length).filter(Registry.isWrite)
      assert.deepStrictEqual(
        since.filter(({ status }) => status < 300).map(({ method, url }) => `${method} ${url}`),
        ["PUT /v2/team/busybox/manifests/two"]
      )
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive.each(formats)("is copied by platform and by digest (%s)", (format) =>
    Effect.gen(function*() {
      const { client, image, secured, source } = yield* setUp(format)
      for (const { config, layers, manifest, platform } of image.images) {
        const name = platform.replaceAll("/", "-")
        const byPlatform = `${secured.host}/team/${name}:platform`
        const byDigest = `${secured.host}/team/${name}:digest`
        const { digest } = manifest.descriptor
        const first = yield* client.copyPlatformImage(source, platform, byPlatform)
        assert.strictEqual(first.digest, digest)
        assert.strictEqual(first.blobs.length, 1 + layers.length)
        assert.strictEqual((yield* client.copyPlatformImage(source, digest, byDigest)).digest, digest)
        for (const reference of [byPlatform, byDigest]) {
          assert.deepStrictEqual(Buffer.from(yield* Skopeo.inspectRaw(reference)), Buffer.from(manifest.raw))
        }
        const contents = yield* Skopeo.readDirectory(yield* Skopeo.copyToDirectory(byPlatform))
        assert.deepStrictEqual(contents.manifests, [digest])
        assert.sameMembers(
          contents.blobs.map((blob) => blob.digest),
          [config, ...layers].map(({ descriptor }) => descriptor.digest)
        )
      }
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("is mounted, not sent, within one registry", () =>
    Effect.gen(function*() {
      const { image, open, source } = yield* setUp("oci")
      const before = yield* open.requests
      const client = yield* connect()
      const destination = `${open.host}/mirror/busybox:1.35`
      const result = yield* client.copyIndex(source, destination)
      assert.strictEqual(result.bytes, 0)
      assert.isTrue(result.blobs.every(({ outcome }) => outcome === "Mounted"))
      const since = (yield* open.requests).slice(before.length)
      assert.deepStrictEqual(since.filter(Registry.isBlobUpload), [])
      yield* assertSame(destination, image)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("is the same after skopeo has carried it on", () =>
    Effect.gen(function*() {
      const { client, image, secured, source } = yield* setUp("docker")
      const carried = `${secured.host}/carried/busybox:1`
      yield* Skopeo.copy(source, carried)
      const back = `${secured.host}/back/busybox:1`
      assert.strictEqual((yield* client.copyIndex(carried, back)).digest, image.index.descriptor.digest)
      yield* assertSame(back, image)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("has layers and config that a handle reads, verified", () =>
    Effect.gen(function*() {
      const { client, image, source } = yield* setUp("oci")
      const handle = yield* client.getImageHandle(source, { platform: "linux/arm64" })
      const built = image.images[1]
      assert(built !== undefined)
      assert.strictEqual(handle.descriptor.digest, built.manifest.descriptor.digest)
      assert.strictEqual((yield* handle.config).architecture, "arm64")
      const digests = yield* Effect.forEach(handle.layers, ({ content }) => Digest.fromStream(content))
      assert.deepStrictEqual(digests, built.layers.map(({ descriptor }) => descriptor.digest))
    }).pipe(Effect.provide(NodeContext.layer)))
})
