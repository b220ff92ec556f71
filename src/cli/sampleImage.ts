/**
 * A small image for several platforms, made in code: what the quick start pushes.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { gzipSync } from "node:zlib"
import * as Descriptor from "../Descriptor.js"
import * as Digest from "../Digest.js"
import * as MediaType from "../MediaType.js"
import type * as Platform from "../Platform.js"
import type * as Repository from "../Repository.js"

/** Content with its descriptor. */
interface Content {
  readonly descriptor: Descriptor.Descriptor
  readonly raw: Uint8Array
}

/** Everything that has to be pushed: blobs, then the images, then the index. */
export interface SampleImage {
  readonly blobs: ReadonlyArray<Content>
  readonly images: ReadonlyArray<Content>
  readonly index: Content
}

const encoder = new TextEncoder()

const content = (raw: Uint8Array, mediaType: string): Content => ({
  descriptor: Descriptor.fromBytes(raw, mediaType),
  raw
})

const json = (value: unknown, mediaType: string): Content => content(encoder.encode(JSON.stringify(value)), mediaType)

/** A POSIX ustar archive with one file in it. */
const tar = (name: string, text: string): Uint8Array => {
  const body = encoder.encode(text)
  const block = new Uint8Array(512)
  const field = (offset: number, value: string) => block.set(encoder.encode(value), offset)
  const octal = (value: number, length: number) => value.toString(8).padStart(length, "0")
  field(0, name)
  field(100, `${octal(0o644, 7)}\0`)
  field(108, `${octal(0, 7)}\0`)
  field(116, `${octal(0, 7)}\0`)
  field(124, `${octal(body.byteLength, 11)}\0`)
  field(136, `${octal(0, 11)}\0`)
  // The checksum is taken with its own field full of spaces.
  field(148, " ".repeat(8))
  field(156, "0")
  field(257, "ustar\x0000")
  field(148, `${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `)
  const archive = new Uint8Array(512 + Math.ceil(body.byteLength / 512) * 512 + 1024)
  archive.set(block)
  archive.set(body, 512)
  return archive
}

interface Layer extends Content {
  /** The digest of the archive before it was compressed. */
  readonly diffId: Digest.Digest
}

const layer = (name: string, text: string): Layer => {
  const archive = tar(name, text)
  return { ...content(gzipSync(archive), MediaType.ociLayerGzip), diffId: Digest.fromBytes(archive) }
}

const imageFor = (platform: Platform.Platform, shared: Layer) => {
  const { architecture, os, variant } = platform
  const name = [os, architecture, ...(variant === undefined ? [] : [variant])].join("/")
  const layers = [shared, layer("hello.txt", `Hello from ${name}.\n`)]
  const config = json({
    created: "2026-01-01T00:00:00Z",
    ...platform,
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: "2026-01-01T00:00:00Z", created_by: "effect-oci quick start" }))
  }, MediaType.ociConfig)
  const manifest = json({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor)
  }, MediaType.ociManifest)
  return { blobs: [config, ...layers], manifest, entry: { ...manifest.descriptor, platform } }
}

/** An image of two layers for each platform; one layer is shared by all. */
export const make = (platforms: ReadonlyArray<Platform.Platform>): SampleImage => {
  const shared = layer("etc/os-release", "NAME=\"effect-oci quick start\"\nID=effect-oci\n")
  const images = platforms.map((platform) => imageFor(platform, shared))
  const blobs = new Map(images.flatMap(({ blobs }) => blobs.map((blob) => [blob.descriptor.digest, blob])))
  return {
    blobs: [...blobs.values()],
    images: images.map(({ manifest }) => manifest),
    index: json({
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: images.map(({ entry }) => entry)
    }, MediaType.ociIndex)
  }
}

/** Pushes it: blobs before the manifests that name them, the tag last. */
export const push = Effect.fnUntraced(function*(
  { blobs, images, index }: SampleImage,
  repository: Repository.Repository,
  tag: string
) {
  yield* Effect.forEach(
    blobs,
    ({ descriptor, raw }) => repository.putBlob(descriptor, Stream.succeed(raw)),
    { concurrency: 4, discard: true }
  )
  yield* Effect.forEach(images, (image) => repository.putManifest(image), { concurrency: 4, discard: true })
  return yield* repository.putManifest(index, { tag })
})
