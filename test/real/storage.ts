/**
 * Writes content straight into the storage folder of a `docker-registry`, in the layout of distribution's filesystem
 * driver. A source image is there then without a client having pushed it, and gigabytes cost one write.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { dirname, join } from "node:path"
import * as Digest from "../../src/Digest.js"
import type { Blob, MultiPlatformImage, RawManifest } from "./fixture.js"

const root = (storage: string): string => join(storage, "docker/registry/v2")

/** The file of a blob's bytes. */
export const blobFile = (storage: string, digest: Digest.Digest): string => {
  const encoded = Digest.encoded(digest)
  return join(root(storage), "blobs", Digest.algorithm(digest), encoded.slice(0, 2), encoded, "data")
}

const write = Effect.fnUntraced(function*(file: string, content: Uint8Array | string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(dirname(file), { recursive: true })
  yield* fs.writeFile(file, typeof content === "string" ? new TextEncoder().encode(content) : content)
})

/** Makes a blob that is in the storage part of a repository. */
export const linkBlob = (storage: string, repository: string, digest: Digest.Digest) =>
  write(
    join(
      root(storage),
      "repositories",
      repository,
      "_layers",
      Digest.algorithm(digest),
      Digest.encoded(digest),
      "link"
    ),
    digest
  )

export const writeBlob = (storage: string, repository: string, blob: Blob) =>
  Effect.zipRight(
    write(blobFile(storage, blob.descriptor.digest), blob.bytes),
    linkBlob(storage, repository, blob.descriptor.digest)
  )

export const writeManifest = Effect.fnUntraced(function*(
  storage: string,
  repository: string,
  { descriptor: { digest }, raw }: RawManifest,
  tag?: string
) {
  const manifests = join(root(storage), "repositories", repository, "_manifests")
  const link = join(Digest.algorithm(digest), Digest.encoded(digest), "link")
  yield* write(blobFile(storage, digest), raw)
  yield* write(join(manifests, "revisions", link), digest)
  if (tag === undefined) return
  yield* write(join(manifests, "tags", tag, "index", link), digest)
  yield* write(join(manifests, "tags", tag, "current/link"), digest)
})

/** A whole image, its index under the tag. */
export const writeImage = Effect.fnUntraced(function*(
  storage: string,
  repository: string,
  tag: string,
  image: MultiPlatformImage
) {
  yield* Effect.forEach(image.blobs, (blob) => writeBlob(storage, repository, blob), { discard: true })
  yield* Effect.forEach(image.images, ({ manifest }) => writeManifest(storage, repository, manifest), {
    discard: true
  })
  yield* writeManifest(storage, repository, image.index, tag)
})
