/** Small images for tests: real digests and sizes, made up content. */
import type * as Descriptor from "../../src/Descriptor.js"
import * as DescriptorModule from "../../src/Descriptor.js"
import type * as Digest from "../../src/Digest.js"
import * as MediaType from "../../src/MediaType.js"

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export interface Sample {
  readonly descriptor: Descriptor.Descriptor
  readonly raw: Uint8Array
}

export const sample = (content: unknown, mediaType: string, algorithm: Digest.Algorithm = "sha256"): Sample => {
  const raw = typeof content === "string" ? utf8(content) : utf8(JSON.stringify(content))
  return { descriptor: DescriptorModule.fromBytes(raw, mediaType, algorithm), raw }
}

/** An image with one config and the layers given as text; `extra` goes into the manifest. */
export const image = (
  layers: ReadonlyArray<string>,
  extra: Readonly<Record<string, unknown>> = {},
  algorithm: Digest.Algorithm = "sha256"
): { readonly manifest: Sample; readonly config: Sample; readonly layers: ReadonlyArray<Sample> } => {
  const config = sample(
    { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, layers },
    MediaType.ociConfig,
    algorithm
  )
  const blobs = layers.map((text) => sample(text, MediaType.ociLayer, algorithm))
  const manifest = sample(
    {
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: config.descriptor,
      layers: blobs.map((blob) => blob.descriptor),
      ...extra
    },
    MediaType.ociManifest,
    algorithm
  )
  return { manifest, config, layers: blobs }
}

export const index = (
  manifests: ReadonlyArray<Descriptor.Descriptor>,
  extra: Readonly<Record<string, unknown>> = {}
): Sample => sample({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests, ...extra }, MediaType.ociIndex)
