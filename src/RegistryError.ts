/**
 * What went wrong, below any one operation: the union `RegistryError` and its members. The errors that say what you
 * were doing (`GetImageError`, `CopyError`, …) are in `OperationError` and carry one of these as their `cause`.
 *
 * No error here holds a request, a header, a credential or a query string. The URL is the address without its query.
 * Text that a registry sent is stripped of control characters, and secrets that were sent to the registry and that it
 * repeats are replaced by `***`: passwords, tokens, values of headers that were set for it, and signatures in addresses,
 * also where they are written in base64, percent-encoded or escaped. A secret of 4 to 7 characters is replaced only where
 * it stands alone, a shorter one only together with its user name or in base64 with it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { answered, words } from "./internal/answered.js"
import { line } from "./internal/text.js"

/**
 * What marks the errors of this module.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("effect-oci/RegistryError")

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * One entry of a registry's `errors[]` body (distribution-spec, "Error Codes"). Unknown codes are kept as they are;
 * `message` is cleaned for printing, `detail` is whatever JSON the registry sent.
 *
 * @since 0.1.0
 * @category models
 */
export class ErrorEntry extends Schema.Class<ErrorEntry>("effect-oci/RegistryError/ErrorEntry")({
  code: Schema.String,
  message: Schema.optional(Schema.String),
  detail: Schema.optional(Schema.Unknown)
}) {}

/** Entries of an error that does not always come from an answer. */
const noErrors = Schema.optionalWith(Schema.Array(ErrorEntry), { default: () => [] })

/** The fields that every error answered over HTTP has: status 0 is never used, the URL has no query. */
const http = {
  method: Schema.String,
  url: Schema.String,
  status: Schema.Number,
  errors: Schema.Array(ErrorEntry)
}

/**
 * The registry or its token server asked for credentials, or refused the ones it got (401; a token server also refuses an
 * identity token with 400). `credentials` says which were tried, for instance `anonymous` or
 * `basic credentials of user "ci"`, never their value.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>("effect-oci/RegistryError/Unauthorized")(
  "Unauthorized",
  { ...http, credentials: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    const advice = this.credentials === "anonymous"
      ? "provide credentials for this registry, or check the name: many registries answer 401 for a repository that does not exist"
      : "check these credentials, what they may do in this repository, and its name: many registries answer 401 for a " +
        "repository that does not exist"
    return line(`${answered(this)}; tried ${this.credentials}: ${advice}`)
  }
}

/**
 * The registry knows who asks and says no (403).
 *
 * @since 0.1.0
 * @category errors
 */
export class Denied extends Schema.TaggedError<Denied>("effect-oci/RegistryError/Denied")(
  "Denied",
  { ...http, credentials: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${answered(this)}; access denied with ${this.credentials}`)
  }
}

/**
 * Too many requests (429), still after the retries. `retryAfter` is how long the registry asked to wait, when it said.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimited extends Schema.TaggedError<RateLimited>("effect-oci/RegistryError/RateLimited")(
  "RateLimited",
  { ...http, retryAfter: Schema.optional(Schema.Duration) }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    const wait = this.retryAfter === undefined ? "" : `; it asks to wait ${Duration.format(this.retryAfter)}`
    return line(`${answered(this)}${wait}`)
  }
}

/**
 * The content is not what its digest says. `resource` names the content: a reference, or `blob <digest>`.
 *
 * @since 0.1.0
 * @category errors
 */
export class DigestMismatch extends Schema.TaggedError<DigestMismatch>("effect-oci/RegistryError/DigestMismatch")(
  "DigestMismatch",
  { resource: Schema.String, expected: Schema.String, actual: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.resource} has digest ${this.actual}, expected ${this.expected}`)
  }
}

/**
 * The content is longer or shorter than it should be, by its descriptor most often. Sizes are bytes; `actual` is what was
 * found: what had come when it was given up, or the size that an answer announced.
 *
 * @since 0.1.0
 * @category errors
 */
export class SizeMismatch extends Schema.TaggedError<SizeMismatch>("effect-oci/RegistryError/SizeMismatch")(
  "SizeMismatch",
  { resource: Schema.String, expected: Schema.Number, actual: Schema.Number }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.resource} should have ${this.expected} bytes, but ${this.actual} were found`)
  }
}

/**
 * A manifest that cannot be read or must not be trusted, or one that the registry refused. `reason` tells which.
 *
 * @since 0.1.0
 * @category errors
 */
export class ManifestInvalid extends Schema.TaggedError<ManifestInvalid>("effect-oci/RegistryError/ManifestInvalid")(
  "ManifestInvalid",
  { resource: Schema.String, reason: Schema.String, errors: Schema.Array(ErrorEntry) }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`manifest ${this.resource} is not valid: ${this.reason}${words(this.errors)}`)
  }
}

/**
 * A manifest type this library does not work with, Docker's schema 1 above all.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnsupportedMediaType
  extends Schema.TaggedError<UnsupportedMediaType>("effect-oci/RegistryError/UnsupportedMediaType")(
    "UnsupportedMediaType",
    { resource: Schema.String, mediaType: Schema.String, reason: Schema.String }
  )
{
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.resource} has media type ${this.mediaType}: ${this.reason}`)
  }
}

/**
 * An upload session went wrong in a way that another try does not mend: a refused blob, a `Location` that must not be
 * followed, a session that never advances or never opens, a blob that is not there after a PUT that seemed to succeed.
 *
 * @since 0.1.0
 * @category errors
 */
export class UploadInvalid extends Schema.TaggedError<UploadInvalid>("effect-oci/RegistryError/UploadInvalid")(
  "UploadInvalid",
  { ...http, reason: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${answered(this)}; upload failed: ${this.reason}`)
  }
}

/**
 * A status that the specification does not foresee for the request, or a server error that outlived the retries.
 * `retryAfter` is how long the registry asked to wait, when it said.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnexpectedStatus extends Schema.TaggedError<UnexpectedStatus>("effect-oci/RegistryError/UnexpectedStatus")(
  "UnexpectedStatus",
  { ...http, retryAfter: Schema.optional(Schema.Duration) }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(answered(this))
  }
}

/**
 * No usable answer came: the connection failed or broke, the certificate is bad, there was no progress for the idle
 * timeout, a body is larger than allowed, or a redirect points where it must not.
 *
 * - `Connect`: no connection (refused, name not found, unreachable)
 * - `Tls`: the certificate or the handshake
 * - `Reset`: the connection broke in the middle
 * - `Timeout`: no progress for the idle timeout, or a body that is slower than `minRate`
 * - `TooLarge`: a manifest, token or error body passed its limit
 * - `Redirect`: too many hops, or one that is not allowed
 * - `Protocol`: an answer that is not what the protocol says
 *
 * `size` is there with `TooLarge`: the bytes that the answer announced, or that had come when it was given up.
 *
 * @since 0.1.0
 * @category errors
 */
export class TransportError extends Schema.TaggedError<TransportError>("effect-oci/RegistryError/TransportError")(
  "TransportError",
  {
    method: Schema.String,
    url: Schema.String,
    reason: Schema.Literal("Connect", "Tls", "Reset", "Timeout", "TooLarge", "Redirect", "Protocol"),
    description: Schema.String,
    size: Schema.optional(Schema.Number)
  }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.method} ${this.url} failed (${this.reason}): ${this.description}`)
  }
}

/**
 * Credentials could not be had: a helper failed, a token answer is unusable, a configuration is malformed.
 *
 * @since 0.1.0
 * @category errors
 */
export class CredentialsError extends Schema.TaggedError<CredentialsError>("effect-oci/RegistryError/CredentialsError")(
  "CredentialsError",
  { registry: Schema.String, reason: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`no usable credentials for ${this.registry}: ${this.reason}`)
  }
}

/**
 * An image was asked for and the reference names something else; `advice` says what that is, or what to call instead.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotAnImage extends Schema.TaggedError<NotAnImage>("effect-oci/RegistryError/NotAnImage")(
  "NotAnImage",
  { resource: Schema.String, mediaType: Schema.String, advice: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.resource} is not a single image but ${this.mediaType}: ${this.advice}`)
  }
}

/**
 * An index was asked for and the reference names something else; `advice` says what that is, or what to call instead.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotAnIndex extends Schema.TaggedError<NotAnIndex>("effect-oci/RegistryError/NotAnIndex")(
  "NotAnIndex",
  { resource: Schema.String, mediaType: Schema.String, advice: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.resource} is not an index but ${this.mediaType}: ${this.advice}`)
  }
}

/**
 * An argument that can never work; found before any request is sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidInput extends Schema.TaggedError<InvalidInput>("effect-oci/RegistryError/InvalidInput")(
  "InvalidInput",
  { field: Schema.String, reason: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`invalid ${this.field}: ${this.reason}`)
  }
}

/**
 * The destination already names something else and must not be overwritten: because the caller said so, or because the
 * registry keeps its tags as they are, whose answer is in `errors` then.
 *
 * @since 0.1.0
 * @category errors
 */
export class AlreadyExists extends Schema.TaggedError<AlreadyExists>("effect-oci/RegistryError/AlreadyExists")(
  "AlreadyExists",
  { reference: Schema.String, digest: Schema.String, errors: noErrors }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    const refusal = this.errors.length === 0 ? "" : "; the registry does not allow overwriting it"
    return line(`${this.reference} already exists with digest ${this.digest}${refusal}${words(this.errors)}`)
  }
}

/**
 * A store on disk could not be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class StorageError extends Schema.TaggedError<StorageError>("effect-oci/RegistryError/StorageError")(
  "StorageError",
  { path: Schema.String, reason: Schema.String }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.path}: ${this.reason}`)
  }
}

/**
 * Everything that can go wrong below an operation.
 *
 * @since 0.1.0
 * @category errors
 */
export type RegistryError = typeof RegistryError.Type

/**
 * The schema of the union, for those who store or send errors.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RegistryError = Schema.Union(
  Unauthorized,
  Denied,
  RateLimited,
  DigestMismatch,
  SizeMismatch,
  ManifestInvalid,
  UnsupportedMediaType,
  UploadInvalid,
  UnexpectedStatus,
  TransportError,
  CredentialsError,
  NotAnImage,
  NotAnIndex,
  InvalidInput,
  AlreadyExists,
  StorageError
)

/**
 * Whether the value is one of the errors of this module.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRegistryError = (u: unknown): u is RegistryError => Predicate.hasProperty(u, TypeId)
