/**
 * How a manifest with a `subject` is listed among the referrers of that subject (distribution-spec, "Listing
 * Referrers").
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type * as Descriptor from "../Descriptor.js"
import * as Digest from "../Digest.js"
import * as Manifest from "../Manifest.js"

/**
 * The entry, and whose referrer it is. `artifactType` is the manifest's own, else its config's media type; an
 * index that has none gets none. The annotations are the manifest's.
 */
export const referrerOf = (manifest: Manifest.Manifest): {
  readonly referrer: Descriptor.Descriptor | undefined
  readonly subject: Digest.Digest | undefined
} => {
  const { annotations, artifactType, subject } = manifest._tag === "Other" ? loose(manifest.raw) : manifest.content
  if (subject === undefined) return { referrer: undefined, subject: undefined }
  const own = artifactType === "" ? undefined : artifactType
  const effective = Manifest.isImage(manifest) ? own ?? manifest.content.config.mediaType : own
  const { digest, mediaType, size } = manifest.descriptor
  return {
    subject: subject.digest,
    referrer: {
      mediaType,
      digest,
      size,
      ...(effective === undefined ? {} : { artifactType: effective }),
      ...(annotations === undefined ? {} : { annotations })
    }
  }
}

/** The three fields of a manifest of another type, as far as they are there: its bytes are known to be a JSON object. */
const loose = (raw: Uint8Array): {
  readonly subject?: { readonly digest: Digest.Digest } | undefined
  readonly artifactType?: string | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
} => {
  const json: unknown = JSON.parse(new TextDecoder().decode(raw))
  if (!Predicate.isRecord(json) || !Predicate.isRecord(json.subject)) return {}
  const { digest } = json.subject
  if (!Predicate.isString(digest) || !Digest.isDigest(digest)) return {}
  const { annotations, artifactType } = json
  return {
    subject: { digest },
    artifactType: Predicate.isString(artifactType) ? artifactType : undefined,
    annotations: isAnnotations(annotations) ? annotations : undefined
  }
}

const isAnnotations = (u: unknown): u is Readonly<Record<string, string>> =>
  Predicate.isRecord(u) && Object.values(u).every(Predicate.isString)

export const matches = (referrer: Descriptor.Descriptor, artifactType: string | undefined): boolean =>
  artifactType === undefined || referrer.artifactType === artifactType
