/**
 * Descriptors: what a piece of content is, how large, and by which digest (image-spec, "OCI Content Descriptors").
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Digest from "./Digest.js"
import { absent } from "./internal/schema.js"
import { ociEmpty } from "./MediaType.js"
import * as Platform from "./Platform.js"

const mediaType = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/

/**
 * A media type by RFC 6838.
 *
 * @since 0.1.0
 * @category schemas
 */
export const MediaTypeString = Schema.String.pipe(Schema.pattern(mediaType, { identifier: "MediaType" }))

/**
 * Whether the string is a media type by RFC 6838.
 *
 * @since 0.1.0
 * @category guards
 */
export const isMediaType = (input: string): boolean => mediaType.test(input)

/**
 * A size in bytes: an integer from 0 to 2^53 - 1. Larger ones, which JSON could not carry exactly, are refused.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Size = Schema.Number.pipe(
  Schema.filter((n) => Number.isSafeInteger(n) && n >= 0, { identifier: "Size" })
)

/**
 * Annotations: string to string; `null`, which some registries send, counts as absent.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Annotations = Schema.Record({ key: Schema.String, value: Schema.String })

/**
 * The schema of a descriptor. Unknown properties are let through, unknown media types and digest algorithms are fine
 * (image-spec, "OCI Content Descriptors", "Properties").
 *
 * @since 0.1.0
 * @category schemas
 */
export const Descriptor = Schema.Struct({
  mediaType: MediaTypeString,
  digest: Digest.Digest,
  size: Size,
  urls: Schema.optionalWith(Schema.Array(Schema.String), absent),
  annotations: Schema.optionalWith(Annotations, absent),
  data: Schema.optionalWith(Schema.String, absent),
  artifactType: Schema.optionalWith(Schema.String, absent),
  platform: Schema.optionalWith(Platform.Platform, absent)
})

/**
 * `size` is in bytes, `data` is the content itself in base64, `urls` are never fetched by this library unless asked.
 *
 * @since 0.1.0
 * @category models
 */
export type Descriptor = typeof Descriptor.Type

/**
 * A descriptor of bytes at hand.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromBytes = (
  bytes: Uint8Array,
  mediaType: string,
  algorithm: Digest.Algorithm = "sha256"
): Descriptor => ({ mediaType, digest: Digest.fromBytes(bytes, algorithm), size: bytes.byteLength })

/**
 * The content that a descriptor carries in its `data`, if it does and if that has the size and the digest it should
 * (image-spec, "Embedded Content"). None means that the content must be fetched.
 *
 * @since 0.1.0
 * @category getters
 */
export const embedded = (descriptor: Descriptor): Option.Option<Uint8Array> => {
  const { data, digest, size } = descriptor
  const name = Digest.algorithm(digest)
  if (data === undefined || !Digest.isAlgorithm(name)) return Option.none()
  // Four characters for every three bytes: what is longer need not be decoded to be refused.
  if (data.length > Math.ceil(size / 3) * 4) return Option.none()
  return Either.getRight(Encoding.decodeBase64(data)).pipe(
    Option.filter((bytes) => bytes.byteLength === size && Digest.fromBytes(bytes, name) === digest)
  )
}

/**
 * The descriptor of the two bytes `{}`, for where there must be one but no content is (image-spec, "Guidance for an
 * Empty Descriptor").
 *
 * @since 0.1.0
 * @category constants
 */
export const empty: Descriptor = { ...fromBytes(new TextEncoder().encode("{}"), ociEmpty), data: "e30=" }
