/** Manifest lists built by our client in a real registry, read back with skopeo. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Digest from "../../src/Digest.js"
import * as MediaType from "../../src/MediaType.js"
import { obtain } from "./busybox.js"
import { connect } from "./clients.js"
import * as Fixture from "./fixture.js"
import * as Registry from "./registry.js"
import * as Skopeo from "./skopeo.js"
import { writeImage } from "./storage.js"
import { suite } from "./suite.js"

const packages = await obtain()

const cases = [
  { format: "docker", asked: undefined, mediaType: MediaType.dockerManifestList },
  { format: "oci", asked: undefined, mediaType: MediaType.ociIndex },
  { format: "docker", asked: "oci", mediaType: MediaType.ociIndex }
] as const

suite("a manifest list in a registry", { tools: ["docker-registry", "skopeo"], lacks: packages.lacks }, () => {
  it.scopedLive.each(cases)("of $format images, asked for as $asked, from another registry", ({
    asked,
    format,
    mediaType
  }) =>
    Effect.gen(function*() {
      const [open, secured] = yield* Effect.all([Registry.start(), Registry.start({ htpasswd: true })])
      const image = yield* Fixture.build(packages, format)
      yield* writeImage(open.storage, "library/busybox", "1", image)
      const client = yield* connect(secured)
      const handles = yield* Effect.forEach(image.images, ({ platform }) =>
        Effect.map(
          client.getImageHandle(`${open.host}/library/busybox:1`, { platform }),
          (handle) => [platform, handle] as const
        ))
      const reference = `${secured.host}/team/list:1`
      const digest = yield* client.pushManifestList(reference, Object.fromEntries(handles), { format: asked })
      const raw = yield* Skopeo.inspectRaw(reference)
      assert.strictEqual(Digest.fromBytes(raw), digest)
      const list = JSON.parse(new TextDecoder().decode(raw))
      assert.strictEqual(list.mediaType, mediaType)
      assert.deepStrictEqual(
        list.manifests.map(({ digest, platform: { architecture, os, variant } }: {
          readonly digest: string
          readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string }
        }) => [[os, architecture, ...(variant === undefined ? [] : [variant])].join("/"), digest]),
        image.images.map(({ manifest, platform }) => [platform, manifest.descriptor.digest])
          .toSorted(([one], [two]) => (String(one) < String(two) ? -1 : 1))
      )

      // Everything the list names is there: skopeo copies it out whole, checking each digest.
      const contents = yield* Skopeo.readDirectory(yield* Skopeo.copyToDirectory(reference))
      assert.sameMembers(contents.manifests, [
        digest,
        ...image.images.map(({ manifest }) => manifest.descriptor.digest)
      ])
      assert.strictEqual(contents.blobs.length, image.blobs.length)

      // The same images once more, in another order and by another client: the same list, and nothing to write.
      const before = yield* secured.requests
      const again = yield* (yield* connect(secured)).pushManifestList(
        reference,
        Object.fromEntries(handles.toReversed()),
        { format: asked }
      )
      assert.strictEqual(again, digest)
      const since = (yield* secured.requests).slice(before.length)
      assert.deepStrictEqual(since.filter(Registry.isWrite), [])
    }).pipe(Effect.provide(NodeContext.layer)))
})
