/** The images that are copied: gzipped tars of noise, the same bytes every time, written into a registry's storage. */
import * as Effect from "effect/Effect"
import { gzipSync } from "node:zlib"
import * as Descriptor from "../../src/Descriptor.js"
import * as Digest from "../../src/Digest.js"
import * as MediaType from "../../src/MediaType.js"
import type { Blob, RawManifest } from "../real/fixture.js"
import { tar } from "../real/large.js"
import { writeBlob, writeManifest } from "../real/storage.js"

const kB = 1000
const MiB = 1024 * 1024

export interface Image {
  /** The root under the tag first, then the children of an index. */
  readonly manifests: readonly [RawManifest, ...ReadonlyArray<RawManifest>]
  /** Each blob once. */
  readonly blobs: ReadonlyArray<Blob>
}

interface Layer extends Blob {
  readonly diffId: string
}

const layer = (size: number, seed: string): Layer => {
  const bytes = Buffer.concat(Array.from(tar(size, seed)))
  const zipped = gzipSync(bytes, { level: 1 })
  // RFC 1952 names the operating system in byte 9; 255 is "unknown", the same everywhere. The time is 0 already.
  zipped[9] = 255
  return {
    bytes: zipped,
    descriptor: Descriptor.fromBytes(zipped, MediaType.ociLayerGzip),
    diffId: Digest.fromBytes(bytes)
  }
}

const json = (value: unknown, mediaType: string): RawManifest => {
  const raw = new TextEncoder().encode(JSON.stringify(value))
  return { descriptor: Descriptor.fromBytes(raw, mediaType), raw }
}

const image = (architecture: string, seed: string, layers: ReadonlyArray<Layer>) => {
  // A label of hexadecimal noise gives the config the size of a real one with its history.
  const label = Buffer.concat(Array.from(tar(6 * kB, seed))).subarray(512).toString("hex")
  const { descriptor, raw } = json({
    os: "linux",
    architecture,
    config: { Labels: { noise: label } },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) }
  }, MediaType.ociConfig)
  const manifest = json({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: descriptor,
    layers: layers.map(({ descriptor }) => descriptor)
  }, MediaType.ociManifest)
  return { manifest, config: { descriptor, bytes: raw } }
}

/** One platform; `sizes` are those of the layers' files, in bytes. */
export const single = (seed: string, sizes: ReadonlyArray<number>): Image => {
  const layers = sizes.map((size, index) => layer(size, `${index} ${seed}`))
  const { config, manifest } = image("amd64", seed, layers)
  return { manifests: [manifest], blobs: [config, ...layers] }
}

const architectures = ["amd64", "arm64", "ppc64le", "s390x"]

/** Four platforms, each with layers of its own and one that all share. */
const index = (seed: string, own: ReadonlyArray<number>, shared: number): Image => {
  const common = layer(shared, `all ${seed}`)
  const platforms = architectures.map((architecture) => {
    const layers = own.map((size, index) => layer(size, `${index} ${architecture} ${seed}`))
    return { architecture, layers, ...image(architecture, `${architecture} ${seed}`, [...layers, common]) }
  })
  const root = json({
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: platforms.map(({ architecture, manifest }) => ({
      ...manifest.descriptor,
      platform: { architecture, os: "linux" }
    }))
  }, MediaType.ociIndex)
  return {
    manifests: [root, ...platforms.map(({ manifest }) => manifest)],
    blobs: [...platforms.flatMap(({ config, layers }) => [config, ...layers]), common]
  }
}

/** Six layers and a config. */
export const sixLayers = (): Image => single("image", [10, 40, 80, 120, 200, 300].map((size) => size * kB))

/** 17 blobs: four configs, four times three layers, and the shared one. */
export const seventeenBlobs = (): Image => index("index", [30, 120, 250].map((size) => size * kB), 200 * kB)

/** As large as images that people ship. */
export const shipped = (): Image => index("shipped", [24, 6].map((size) => size * MiB), MiB)

export const size = ({ blobs }: Image): number => blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0)

/** Puts it into the storage of a registry; gives the digest of its root. */
export const write = Effect.fnUntraced(function*(storage: string, repository: string, tag: string, image: Image) {
  const [root, ...children] = image.manifests
  yield* Effect.forEach(image.blobs, (blob) => writeBlob(storage, repository, blob), { discard: true })
  yield* Effect.forEach(children, (manifest) => writeManifest(storage, repository, manifest), { discard: true })
  yield* writeManifest(storage, repository, root, tag)
  return root.descriptor.digest
})
