/** How often `docker-registry` is asked for what, by each way of asking whether a blob is there. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { obtain } from "./busybox.js"
import { connect } from "./clients.js"
import * as Fixture from "./fixture.js"
import { tar } from "./large.js"
import * as Registry from "./registry.js"
import * as Skopeo from "./skopeo.js"
import { writeBlob, writeImage } from "./storage.js"
import { suite } from "./suite.js"

const packages = await obtain()

/** An image of six layers for each platform, and a registry that has a repository but nothing of the image. */
const setUp = Effect.fnUntraced(function*() {
  const [source, destination] = yield* Effect.all([Registry.start(), Registry.start()])
  const noise = ["one", "two", "three", "four"].map((seed) => Buffer.concat([...tar(100_000, seed)]))
  const built = yield* Fixture.build(packages, "oci", () => noise)
  yield* writeImage(source.storage, "library/busybox", "1", built)
  const [image] = built.images
  assert(image !== undefined)
  const blobs = [image.config, ...image.layers]
  assert.strictEqual(blobs.length, 7)
  return { destination, image, blobs, from: `${source.host}/library/busybox@${image.manifest.descriptor.digest}` }
})

const repository = "/v2/team/busybox"
const asking = (digest: string): string =>
  `POST ${repository}/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent("team/busybox")}`

/** What was asked of a registry, as `METHOD path?query status`, without the names of sessions. */
const asked = (registry: Registry.Registry) =>
  Effect.map(
    registry.requests,
    (all) =>
      all.map(({ method, status, url }) =>
        `${method} ${Registry.isBlobUpload({ method, status, url }) ? `${repository}/blobs/uploads/…` : url} ${status}`
      )
  )

const assertThere = Effect.fnUntraced(function*(name: string, { config, layers, manifest }: Fixture.PlatformImage) {
  const { blobs, manifests } = yield* Skopeo.readDirectory(yield* Skopeo.copyToDirectory(name))
  assert.deepStrictEqual(manifests, [manifest.descriptor.digest])
  assert.sameMembers(blobs.map(({ digest }) => digest), [config, ...layers].map(({ descriptor }) => descriptor.digest))
})

suite("blobs of docker-registry", { tools: ["docker-registry", "skopeo"], lacks: packages.lacks }, () => {
  it.scopedLive("are asked for by HEAD: three requests for each that is missing", () =>
    Effect.gen(function*() {
      const { blobs, destination, from, image } = yield* setUp()
      const to = `${destination.host}/team/busybox:1`
      yield* (yield* connect()).copy(from, to)
      assert.sameMembers(yield* asked(destination), [
        `HEAD ${repository}/manifests/1 404`,
        ...blobs.flatMap(({ descriptor: { digest } }) => [
          `HEAD ${repository}/blobs/${digest} 404`,
          `POST ${repository}/blobs/uploads/ 202`,
          `PUT ${repository}/blobs/uploads/… 201`
        ]),
        `PUT ${repository}/manifests/1 201`
      ])
      yield* assertThere(to, image)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("are asked for by a mount: two for each that is missing, one for each that is there", () =>
    Effect.gen(function*() {
      const { blobs, destination, from, image } = yield* setUp()
      const to = `${destination.host}/team/busybox:1`
      const held = image.layers.slice(0, 2)
      yield* Effect.forEach(held, (blob) => writeBlob(destination.storage, "team/busybox", blob), { discard: true })
      const client = yield* connect(undefined, { options: { hosts: { [destination.host]: { blobCheck: "mount" } } } })
      const result = yield* client.copy(from, to)
      assert.sameMembers(yield* asked(destination), [
        `HEAD ${repository}/manifests/1 404`,
        ...blobs.flatMap((blob) => {
          const { digest } = blob.descriptor
          return held.includes(blob)
            ? [`${asking(digest)} 201`]
            : [`${asking(digest)} 202`, `PUT ${repository}/blobs/uploads/… 201`]
        }),
        `PUT ${repository}/manifests/1 201`
      ])
      assert.sameDeepMembers(
        result.blobs.map(({ descriptor, outcome }) => [descriptor.digest as string, outcome]),
        blobs.map((blob) => [blob.descriptor.digest, held.includes(blob) ? "Existed" : "Uploaded"])
      )
      yield* assertThere(to, image)
    }).pipe(Effect.provide(NodeContext.layer)))
})
