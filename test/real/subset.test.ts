/** Some platforms of an index in `docker-registry`. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Descriptor from "../../src/Descriptor.js"
import * as NodeRegistryServer from "../../src/NodeRegistryServer.js"
import * as RegistryServer from "../../src/RegistryServer.js"
import { obtain } from "./busybox.js"
import { connect } from "./clients.js"
import * as Fixture from "./fixture.js"
import { assertIndex } from "./readBack.js"
import * as Registry from "./registry.js"
import * as Skopeo from "./skopeo.js"
import { writeImage } from "./storage.js"
import { suite } from "./suite.js"

const packages = await obtain()

const setUp = Effect.fnUntraced(function*(format: Fixture.Format) {
  const [source, destination] = yield* Effect.all([Registry.start(), Registry.start()])
  const image = yield* Fixture.build(packages, format)
  yield* writeImage(source.storage, "library/busybox", "1", image)
  return { destination, image, client: yield* connect(), from: `${source.host}/library/busybox:1` }
})

suite("a part of the busybox image", { tools: ["docker-registry", "skopeo"], lacks: packages.lacks }, () => {
  it.scopedLive.each(["oci", "docker"] as const)("has an index of its own (%s)", (format) =>
    Effect.gen(function*() {
      const { client, destination, from, image } = yield* setUp(format)
      const to = `${destination.host}/team/busybox:arm`
      const result = yield* client.copy(from, to, { platforms: ["linux/arm/*", "linux/arm64"] })
      const chosen = image.images.filter(({ platform }) => platform.startsWith("linux/arm"))
      assert.strictEqual(chosen.length, 2)

      // The index as it was, less two entries: what is in an entry stays, unknown fields and order too.
      const whole = JSON.parse(new TextDecoder().decode(image.index.raw))
      const digests = new Set<string>(chosen.map(({ manifest }) => manifest.descriptor.digest))
      const raw = new TextEncoder().encode(JSON.stringify({
        ...whole,
        manifests: whole.manifests.filter(({ digest }: { readonly digest: string }) => digests.has(digest))
      }))
      const index = { raw, descriptor: Descriptor.fromBytes(raw, image.index.descriptor.mediaType) }
      assert.strictEqual(result.sourceDigest, image.index.descriptor.digest)
      assert.strictEqual(result.digest, index.descriptor.digest)
      yield* assertIndex(to, index, chosen)

      const requests = yield* destination.requests
      for (const { manifest } of image.images) {
        const { digest } = manifest.descriptor
        assert.strictEqual(requests.some(({ url }) => url.endsWith(digest)), digests.has(digest))
        assert.strictEqual(yield* client.checkExists(`${destination.host}/team/busybox@${digest}`), digests.has(digest))
      }
      const again = yield* (yield* connect()).copy(from, to, { platforms: ["linux/arm/*", "linux/arm64"] })
      assert.deepInclude(again, { outcome: "Skipped", digest: index.descriptor.digest })
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("is refused with the index as it is, which names what is not there", () =>
    Effect.gen(function*() {
      const { client, destination, from, image } = yield* setUp("oci")
      const repository = `${destination.host}/team/busybox`
      const error = yield* Effect.flip(
        client.copy(from, `${repository}:sparse`, { platforms: ["linux/amd64"], index: "sparse" })
      )
      // distribution 2.8 looks for everything that an index names.
      assert(error._tag === "CopyError")
      assert.strictEqual(error.side, "destination")
      assert(error.cause._tag === "ManifestInvalid")
      assert.include(error.cause.errors.map(({ code }) => code), "MANIFEST_BLOB_UNKNOWN")
      assert.isFalse(yield* client.checkExists(`${repository}:sparse`))
      assert.isFalse(yield* client.checkExists(`${repository}@${image.index.descriptor.digest}`))
      const refused = (yield* destination.requests).filter(({ status, url }) =>
        url.endsWith("/manifests/sparse") && status === 400
      )
      assert.deepStrictEqual(refused.map(({ method }) => method), ["PUT"])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("keeps the index as it is in the embedded registry, which lets an index name what is not there", () =>
    Effect.gen(function*() {
      const { client, from, image } = yield* setUp("oci")
      const { host } = yield* NodeRegistryServer.serve(yield* RegistryServer.make())
      const [amd64, ...others] = image.images
      assert(amd64 !== undefined)
      const repository = `${host}/team/busybox`
      const result = yield* client.copy(from, `${repository}:sparse`, { platforms: ["linux/amd64"], index: "sparse" })
      assert.deepInclude(result, { digest: image.index.descriptor.digest, sourceDigest: image.index.descriptor.digest })
      const raw = yield* Skopeo.inspectRaw(`${repository}:sparse`)
      assert.deepStrictEqual(Buffer.from(raw), Buffer.from(image.index.raw))
      const contents = yield* Skopeo.readDirectory(
        yield* Skopeo.copyToDirectory(`${repository}@${amd64.manifest.descriptor.digest}`)
      )
      assert.deepStrictEqual(contents.manifests, [amd64.manifest.descriptor.digest])
      assert.strictEqual(contents.blobs.length, 1 + amd64.layers.length)
      for (const { manifest } of others) {
        assert.isFalse(yield* client.checkExists(`${repository}@${manifest.descriptor.digest}`))
      }
    }).pipe(Effect.provide(NodeContext.layer)))
})
