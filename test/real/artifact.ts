/** Manifests that refer to others, as tools that sign and describe images make them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Descriptor from "../../src/Descriptor.js"
import * as MediaType from "../../src/MediaType.js"
import type * as Repository from "../../src/Repository.js"
import { type Sample, sample } from "../utils/samples.js"

export const signatureType = "application/vnd.dev.cosign.artifact.sig.v1+json"
export const sbomType = "application/spdx+json"

export interface Artifact {
  readonly manifest: Sample
  readonly blobs: ReadonlyArray<Sample>
}

const empty = sample({}, MediaType.ociEmpty)

/** What refers to the subject: an empty config and one layer with the text. */
export const about = (
  subject: Descriptor.Descriptor,
  artifactType: string,
  text: string
): Artifact => {
  const layer = sample(text, artifactType)
  const { digest, mediaType, size } = subject
  const manifest = sample({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType,
    config: empty.descriptor,
    layers: [layer.descriptor],
    subject: { mediaType, digest, size },
    annotations: { "org.example.note": text }
  }, MediaType.ociManifest)
  return { manifest, blobs: [empty, layer] }
}

/** What cosign puts under a tag made of the digest that it signs: an image, and no subject. */
export const cosign = (digest: string, kind: "sig" | "att"): Artifact & { readonly tag: string } => {
  const config = sample(
    { architecture: "", os: "", config: {}, rootfs: { type: "layers", diff_ids: [] } },
    MediaType.ociConfig
  )
  const layer = sample(
    { critical: { image: { "docker-manifest-digest": digest }, type: kind } },
    "application/vnd.dev.cosign.simplesigning.v1+json"
  )
  const manifest = sample({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: config.descriptor,
    layers: [{ ...layer.descriptor, annotations: { "dev.cosignproject.cosign/signature": "MEUCIQ==" } }]
  }, MediaType.ociManifest)
  return { manifest, blobs: [config, layer], tag: `${digest.replace(":", "-")}.${kind}` }
}

export const put = Effect.fnUntraced(
  function*(repository: Repository.Repository, { blobs, manifest }: Artifact, tag?: string) {
    yield* Effect.forEach(blobs, ({ descriptor, raw }) => repository.putBlob(descriptor, Stream.make(raw)), {
      discard: true
    })
    yield* repository.putManifest(manifest, { tag })
  }
)
