/**
 * Platforms.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ParsePlatformError } from "./OperationError.js"

const absent = { exact: true, nullable: true } as const

/**
 * @since 0.1.0
 * @category schemas
 */
export const Platform = Schema.Struct({
  architecture: Schema.String,
  os: Schema.String,
  "os.version": Schema.optionalWith(Schema.String, absent),
  "os.features": Schema.optionalWith(Schema.Array(Schema.String), absent),
  variant: Schema.optionalWith(Schema.String, absent)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Platform = typeof Platform.Type

/**
 * `os/arch[/variant]`, also `os(version+feature)/arch/variant`, into its fields as given, not normalised.
 *
 * @since 0.1.0
 * @category parsing
 */
export declare const parse: (input: string) => Effect.Effect<Platform, ParsePlatformError>

/**
 * `os/arch[/variant]`, fields as given.
 *
 * @since 0.1.0
 * @category formatting
 */
export declare const format: (platform: Platform) => string

/**
 *
 *
 * @since 0.1.0
 * @category matching
 */
export declare const normalize: (platform: Platform) => Platform

/**
 * The normalised `os/arch[/variant]` key.
 *
 * @since 0.1.0
 * @category formatting
 */
export declare const key: (platform: Platform) => string

/**
 * Whether an entry's platform can be matched at all: `unknown/unknown` (build attestations) cannot.
 *
 * @since 0.1.0
 * @category matching
 */
export declare const isKnown: (platform: Platform) => boolean

/**
 * The best of the candidates for the wanted platform in the match order; the first among equals.
 *
 * @since 0.1.0
 * @category matching
 */
export declare const select: <A>(
  candidates: Iterable<A>,
  wanted: Platform,
  platformOf: (candidate: A) => Platform | undefined
) => Option.Option<A>

/**
 * `linux/amd64`.
 *
 * @since 0.1.0
 * @category constants
 */
export const linuxAmd64: Platform = { os: "linux", architecture: "amd64" }
