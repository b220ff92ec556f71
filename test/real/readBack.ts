/** What a registry has, read with skopeo and held against what was built: every byte, every digest. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Fixture from "./fixture.js"
import * as Skopeo from "./skopeo.js"

/** An index, read whole, that names these images and nothing else. */
export const assertIndex = Effect.fnUntraced(function*(
  reference: string,
  index: Fixture.RawManifest,
  images: ReadonlyArray<Fixture.PlatformImage>
) {
  const raw = yield* Skopeo.inspectRaw(reference)
  assert.deepStrictEqual(Buffer.from(raw), Buffer.from(index.raw))
  const { blobs, manifests } = yield* Skopeo.readDirectory(yield* Skopeo.copyToDirectory(reference))
  assert.sameMembers(manifests, [index.descriptor.digest, ...images.map(({ manifest }) => manifest.descriptor.digest)])
  for (const blob of blobs) assert.strictEqual(blob.digest, blob.name)
  const sizes = new Map(
    images.flatMap(({ config, layers }) => [config, ...layers]).map((
      { descriptor: { digest, size } }
    ) => [digest, size])
  )
  assert.sameDeepMembers(
    blobs.map(({ digest, size }) => ({ digest, size })),
    Array.from(sizes, ([digest, size]) => ({ digest: digest as string, size }))
  )
})

export const assertSame = (reference: string, { images, index }: Fixture.MultiPlatformImage) =>
  assertIndex(reference, index, images)
