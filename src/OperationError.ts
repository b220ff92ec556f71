/**
 * What you were doing when it went wrong: one tag for each kind of failed operation, so that `Effect.catchTag` works,
 * with what went wrong (`RegistryError`) as the `cause`.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { words } from "./internal/answered.js"
import { line } from "./internal/text.js"
import { ErrorEntry, RegistryError } from "./RegistryError.js"

/**
 * What marks the errors of this module.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("effect-oci/OperationError")

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * Which argument of the operation a reference was.
 *
 * @since 0.1.0
 * @category models
 */
export const Role = Schema.Literal("image", "source", "destination", "manifest")

/**
 * Which argument of the operation a reference was.
 *
 * @since 0.1.0
 * @category models
 */
export type Role = typeof Role.Type

/**
 * Which end of an operation failed; `none` where there is one end only.
 *
 * @since 0.1.0
 * @category models
 */
export const Side = Schema.Literal("source", "destination", "none")

/**
 * Which end of an operation failed.
 *
 * @since 0.1.0
 * @category models
 */
export type Side = typeof Side.Type

/**
 * A reference that is not well formed. Nothing was sent. `reason` tells the kinds apart, `description` says in words
 * what is wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export class ParseReferenceError
  extends Schema.TaggedError<ParseReferenceError>("effect-oci/OperationError/ParseReferenceError")(
    "ParseReferenceError",
    {
      input: Schema.String,
      role: Role,
      reason: Schema.Literal("Empty", "UpperCase", "TooLong", "BadTag", "BadDigest", "BadFormat"),
      description: Schema.String
    }
  )
{
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.role} reference ${JSON.stringify(this.input)} is not valid: ${this.description}`)
  }
}

/**
 * A platform string that is not well formed. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class ParsePlatformError
  extends Schema.TaggedError<ParsePlatformError>("effect-oci/OperationError/ParsePlatformError")(
    "ParsePlatformError",
    { input: Schema.String, description: Schema.String }
  )
{
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`platform ${JSON.stringify(this.input)} is not valid: ${this.description}`)
  }
}

/**
 * The registry says that the resource is not there (404). Of a copy, `side: "source"` means the source's root. `hint`
 * says what may help, for instance how to create a repository that is to be written to.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotFound extends Schema.TaggedError<NotFound>("effect-oci/OperationError/NotFound")("NotFound", {
  resource: Schema.Literal("registry", "repository", "manifest", "blob", "upload"),
  reference: Schema.String,
  side: Side,
  errors: Schema.Array(ErrorEntry),
  hint: Schema.optional(Schema.String)
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    const side = this.side === "none" ? "" : `${this.side} `
    const hint = this.hint === undefined ? "" : `; ${this.hint}`
    return line(`${side}${this.resource} ${this.reference} was not found${words(this.errors)}${hint}`)
  }
}

/**
 * No image of an index is for the platform asked for; `available` lists what there is.
 *
 * @since 0.1.0
 * @category errors
 */
export class PlatformNotFound
  extends Schema.TaggedError<PlatformNotFound>("effect-oci/OperationError/PlatformNotFound")("PlatformNotFound", {
    reference: Schema.String,
    platform: Schema.String,
    available: Schema.Array(Schema.String)
  })
{
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    const available = this.available.length === 0 ? "it names no platform" : `available: ${this.available.join(", ")}`
    return line(`${this.reference} has no image for ${this.platform}; ${available}`)
  }
}

/**
 * An image or its digest could not be read.
 *
 * @since 0.1.0
 * @category errors
 */
export class GetImageError extends Schema.TaggedError<GetImageError>("effect-oci/OperationError/GetImageError")(
  "GetImageError",
  { reference: Schema.String, cause: Schema.Union(RegistryError, NotFound) }
) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`could not get image ${this.reference}: ${this.cause.message}`)
  }
}

/**
 * An index could not be read, or the reference names a single image.
 *
 * @since 0.1.0
 * @category errors
 */
export class GetImageIndexError
  extends Schema.TaggedError<GetImageIndexError>("effect-oci/OperationError/GetImageIndexError")(
    "GetImageIndexError",
    { reference: Schema.String, cause: Schema.Union(RegistryError, NotFound) }
  )
{
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`could not get index ${this.reference}: ${this.cause.message}`)
  }
}

/**
 * A copy failed; `side` says at which end. Nothing was tagged.
 *
 * @since 0.1.0
 * @category errors
 */
export class CopyError extends Schema.TaggedError<CopyError>("effect-oci/OperationError/CopyError")("CopyError", {
  source: Schema.String,
  destination: Schema.String,
  side: Side,
  cause: Schema.Union(RegistryError, NotFound)
}) {
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    const side = this.side === "none" ? "" : `${this.side}: `
    return line(`could not copy ${this.source} to ${this.destination}: ${side}${this.cause.message}`)
  }
}

/**
 * A manifest list could not be built or pushed. Nothing was tagged.
 *
 * @since 0.1.0
 * @category errors
 */
export class PushManifestError
  extends Schema.TaggedError<PushManifestError>("effect-oci/OperationError/PushManifestError")("PushManifestError", {
    reference: Schema.String,
    cause: Schema.Union(RegistryError, NotFound, CopyError)
  })
{
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`could not push manifest list ${this.reference}: ${this.cause.message}`)
  }
}

/**
 * A tag list, a deletion, a retag or another plain registry operation failed; `operation` is the method's name.
 *
 * @since 0.1.0
 * @category errors
 */
export class RegistryOperationError
  extends Schema.TaggedError<RegistryOperationError>("effect-oci/OperationError/RegistryOperationError")(
    "RegistryOperationError",
    { operation: Schema.String, reference: Schema.String, cause: RegistryError }
  )
{
  /** @since 0.1.0 */
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return line(`${this.operation} ${this.reference} failed: ${this.cause.message}`)
  }
}

/**
 * Everything an operation of `RegistryClient` can fail with.
 *
 * @since 0.1.0
 * @category errors
 */
export type OperationError =
  | ParseReferenceError
  | ParsePlatformError
  | NotFound
  | PlatformNotFound
  | GetImageError
  | GetImageIndexError
  | CopyError
  | PushManifestError
  | RegistryOperationError

/**
 * Whether the value is one of the errors of this module.
 *
 * @since 0.1.0
 * @category guards
 */
export const isOperationError = (u: unknown): u is OperationError => Predicate.hasProperty(u, TypeId)
