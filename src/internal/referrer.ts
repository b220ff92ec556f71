/**
 * How a manifest with a `subject` is listed among the referrers of that subject (distribution-spec, "Listing
 * Referrers"). The manifest's own bytes tell, whatever kind of manifest it is.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Descriptor from "../Descriptor.js"
import * as Digest from "../Digest.js"
import type * as Manifest from "../Manifest.js"
import * as MediaType from "../MediaType.js"
import { parseJson } from "./json.js"

/** A manifest as far as it matters here. */
export type Stored = Pick<Manifest.Manifest, "descriptor" | "raw">

/** The JSON object in the bytes, empty where there is none. */
export const object = (raw: Uint8Array): Readonly<Record<string, unknown>> => {
  const content = parseJson(raw)
  return Predicate.isRecord(content) ? content : {}
}

const isDescriptor = Schema.is(Schema.Struct({ mediaType: Schema.String, digest: Digest.Digest, size: Schema.Number }))
const isAnnotations = Schema.is(Descriptor.Annotations)

/**
 * The digest of the manifest that this one refers to. A digest by another algorithm than the registered ones may spell
 * anything, `1.2:alpine` too, and a received manifest would choose which tag of the referrers is rewritten.
 */
export const subjectOf = (raw: Uint8Array): Digest.Digest | undefined => {
  const { subject } = object(raw)
  return isDescriptor(subject) && Digest.isSupported(subject.digest) ? subject.digest : undefined
}

/**
 * The entry in the list. `artifactType` is the manifest's own, else an image's config's media type. The
 * annotations are the manifest's.
 */
export const entryOf = (manifest: Stored): Descriptor.Descriptor => {
  const { annotations, artifactType, config } = object(manifest.raw)
  const { digest, mediaType, size } = manifest.descriptor
  const type = typeof artifactType === "string" && artifactType !== ""
    ? artifactType
    : MediaType.isImageManifest(mediaType) && Predicate.isRecord(config) && typeof config.mediaType === "string"
    ? config.mediaType
    : undefined
  return {
    mediaType,
    digest,
    size,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(isAnnotations(annotations) ? { annotations } : {})
  }
}

export const matches = (entry: Descriptor.Descriptor, artifactType: string | undefined): boolean =>
  artifactType === undefined || entry.artifactType === artifactType
