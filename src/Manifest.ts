/**
 * Manifests: an image or an index, OCI or Docker schema 2. A manifest is its bytes; the decoded form is a view. What is
 * hashed, stored or pushed is always `raw`, so that unknown fields survive and digests hold.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ParseError } from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Descriptor from "./Descriptor.js"
import * as Digest from "./Digest.js"
import { readJson } from "./internal/json.js"
import { absent, decodeWire, issues, tolerantArray } from "./internal/schema.js"
import { printable } from "./internal/text.js"
import * as MediaType from "./MediaType.js"
import { ManifestInvalid, type RegistryError, UnsupportedMediaType } from "./RegistryError.js"

/**
 * The view of an image manifest (image-spec, "OCI Image Manifest Specification"; Docker "Image Manifest V 2, Schema
 * 2"). `layers` may be empty.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ImageManifest = Schema.Struct({
  schemaVersion: Schema.Literal(2),
  mediaType: Schema.optionalWith(Schema.String, absent),
  artifactType: Schema.optionalWith(Schema.String, absent),
  config: Descriptor.Descriptor,
  layers: tolerantArray(Descriptor.Descriptor),
  subject: Schema.optionalWith(Descriptor.Descriptor, absent),
  annotations: Schema.optionalWith(Descriptor.Annotations, absent)
})

/**
 * The view of an image manifest.
 *
 * @since 0.1.0
 * @category models
 */
export type ImageManifest = typeof ImageManifest.Type

/**
 * The view of an index (image-spec, "OCI Image Index Specification"; Docker "Manifest List").
 *
 * @since 0.1.0
 * @category schemas
 */
export const ImageIndex = Schema.Struct({
  schemaVersion: Schema.Literal(2),
  mediaType: Schema.optionalWith(Schema.String, absent),
  artifactType: Schema.optionalWith(Schema.String, absent),
  manifests: tolerantArray(Descriptor.Descriptor),
  subject: Schema.optionalWith(Descriptor.Descriptor, absent),
  annotations: Schema.optionalWith(Descriptor.Annotations, absent)
})

/**
 * The view of an index.
 *
 * @since 0.1.0
 * @category models
 */
export type ImageIndex = typeof ImageIndex.Type

/**
 * An image manifest with its bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Image {
  readonly _tag: "Image"
  readonly descriptor: Descriptor.Descriptor
  readonly raw: Uint8Array
  readonly content: ImageManifest
}

/**
 * An index with its bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Index {
  readonly _tag: "Index"
  readonly descriptor: Descriptor.Descriptor
  readonly raw: Uint8Array
  readonly content: ImageIndex
}

/**
 * A manifest of a type that is neither: its bytes, and the descriptors found where image manifests, indexes and
 * artifact manifests have theirs (`config`, `layers`, `blobs`, `manifests`), so that it can be copied.
 *
 * @since 0.1.0
 * @category models
 */
export interface Other {
  readonly _tag: "Other"
  readonly descriptor: Descriptor.Descriptor
  readonly raw: Uint8Array
  readonly content: {
    readonly manifests: ReadonlyArray<Descriptor.Descriptor>
    readonly blobs: ReadonlyArray<Descriptor.Descriptor>
  }
}

/**
 * Any manifest; `_tag` tells which.
 *
 * @since 0.1.0
 * @category models
 */
export type Manifest = Image | Index | Other

/**
 * Whether the manifest is an index.
 *
 * @since 0.1.0
 * @category guards
 */
export const isIndex = (manifest: Manifest): manifest is Index => manifest._tag === "Index"

/**
 * Whether the manifest is an image's.
 *
 * @since 0.1.0
 * @category guards
 */
export const isImage = (manifest: Manifest): manifest is Image => manifest._tag === "Image"

/**
 * What a manifest's bytes are checked against: their digest, and size in bytes and media type where something that is
 * itself verified names them, such as an entry of an index. A descriptor is one. What the headers of a HEAD say of size
 * and type is no more than a hint: Harbor and some proxies answer a HEAD with another `Content-Length` than a GET.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expected extends Digest.Expected {
  readonly mediaType?: string | undefined
}

/**
 * What is known of a manifest's bytes before they are read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Provenance {
  /** How messages name the manifest: a reference or a digest. */
  readonly resource: string
  /** The `Content-Type` it came with. */
  readonly contentType?: string | undefined
  /** The descriptor, or the digest alone, by which it was asked for: checked against the bytes. */
  readonly expected?: Expected | undefined
  /** The algorithm of the manifest's own digest where none was asked for; sha256 by default. */
  readonly algorithm?: Digest.Algorithm | undefined
}

/**
 * Reads a manifest out of its bytes.
 *
 * Fails with `DigestMismatch` or `SizeMismatch` when it is not what was asked for, `ManifestInvalid` when it cannot be
 * read, its media types contradict each other, or it holds too much: more than 10 000 entries in one list or object,
 * 250 000 values, or 500 levels. `UnsupportedMediaType` is for schema 1 and where nothing tells the type.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode: (
  raw: Uint8Array,
  provenance: Provenance
) => Effect.Effect<Manifest, RegistryError> = Effect.fnUntraced(function*(raw, provenance) {
  const { expected, resource } = provenance
  if (expected !== undefined) yield* Digest.verifyBytes(raw, expected, resource)
  const invalid = (reason: string) => new ManifestInvalid({ resource, reason: printable(reason), errors: [] })

  const json = yield* Either.mapLeft(readJson(raw), invalid)
  if (!Predicate.isRecord(json)) return yield* invalid("it is not a JSON object")

  const mediaType = yield* mediaTypeOf(json, provenance, invalid)
  const descriptor: Descriptor.Descriptor = {
    mediaType,
    digest: expected?.digest ?? Digest.fromBytes(raw, provenance.algorithm),
    size: raw.byteLength
  }
  const failed = (error: ParseError) => invalid(issues(error))
  const foreign = ambiguous(json, mediaType)
  if (foreign !== undefined) return yield* invalid(`it is sent as ${mediaType} but has ${foreign} as well`)
  if (MediaType.isIndex(mediaType)) {
    const content = yield* Either.mapLeft(decodeIndex(json), failed)
    return { _tag: "Index", descriptor, raw, content }
  }
  if (MediaType.isImageManifest(mediaType)) {
    const content = yield* Either.mapLeft(decodeImage(json), failed)
    return { _tag: "Image", descriptor, raw, content }
  }
  const view = yield* Either.mapLeft(decodeOther(json), failed)
  const { blobs = [], config, layers = [], manifests = [] } = view
  const content = { manifests, blobs: [...(config === undefined ? [] : [config]), ...layers, ...blobs] }
  return { _tag: "Other", descriptor, raw, content }
})

const decodeImage = decodeWire(ImageManifest)
const decodeOther = decodeWire(Schema.Struct({
  config: Schema.optionalWith(Descriptor.Descriptor, absent),
  layers: Schema.optionalWith(Schema.Array(Descriptor.Descriptor), absent),
  blobs: Schema.optionalWith(Schema.Array(Descriptor.Descriptor), absent),
  manifests: Schema.optionalWith(Schema.Array(Descriptor.Descriptor), absent)
}))
const decodeIndex = decodeWire(ImageIndex)

/** Which of the three media types to believe, and when to believe none. */
const mediaTypeOf = (
  json: Record<string, unknown>,
  { contentType, expected, resource }: Provenance,
  invalid: (reason: string) => ManifestInvalid
): Effect.Effect<string, ManifestInvalid | UnsupportedMediaType> => {
  const header = MediaType.fromContentType(contentType)
  // Go programs of old write an empty string where they have none.
  const inside = typeof json.mediaType === "string" && json.mediaType !== "" ? json.mediaType : undefined
  const unsupported = (mediaType: string, reason: string) =>
    new UnsupportedMediaType({ resource, mediaType: printable(mediaType, 256), reason })

  if (json.schemaVersion === 1 || MediaType.isSchema1(header)) {
    return unsupported(
      inside ?? (header === "" ? "application/vnd.docker.distribution.manifest.v1+json" : header),
      "Docker image manifest schema 1 is not supported; push the image again with a current tool"
    )
  }
  const verified = expected?.mediaType !== undefined && !MediaType.isGeneric(expected.mediaType)
    ? expected.mediaType
    : undefined
  const told = MediaType.isGeneric(header) ? undefined : header
  const outside = verified ?? told
  if (inside !== undefined && outside !== undefined && inside.toLowerCase() !== outside.toLowerCase()) {
    return invalid(`it was sent as ${outside} but calls itself ${inside}`)
  }
  const mediaType = inside ?? outside ?? shape(json)
  return Descriptor.isMediaType(mediaType)
    ? Effect.succeed(mediaType)
    : unsupported(mediaType === "" ? "unknown" : mediaType, "nothing tells what kind of manifest this is")
}

/**
 * What makes a document an image to one reader and an index to another: two tools would run different content for one
 * digest, so neither reading is believed.
 */
const ambiguous = (json: Record<string, unknown>, mediaType: string): string | undefined => {
  const foreign = MediaType.isIndex(mediaType)
    ? ["config", "layers", "fsLayers"]
    : MediaType.isImageManifest(mediaType)
    ? ["manifests", "fsLayers"]
    : []
  return foreign.find((key) => json[key] !== undefined && json[key] !== null)
}

/** OCI 1.0 let manifests leave `mediaType` out; what they hold tells then. */
const shape = (json: Record<string, unknown>): string =>
  Array.isArray(json.manifests) ? MediaType.ociIndex : Predicate.isRecord(json.config) ? MediaType.ociManifest : ""

/**
 * The manifests and blobs that a manifest names directly, in the order in which it names them; the `subject` is not
 * among them.
 *
 * @since 0.1.0
 * @category getters
 */
export const references = (manifest: Manifest): {
  readonly manifests: ReadonlyArray<Descriptor.Descriptor>
  readonly blobs: ReadonlyArray<Descriptor.Descriptor>
} =>
  isImage(manifest)
    ? { manifests: [], blobs: [manifest.content.config, ...manifest.content.layers] }
    : { manifests: manifest.content.manifests, blobs: isIndex(manifest) ? [] : manifest.content.blobs }
