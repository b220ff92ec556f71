/**
 * Platforms: for which operating system and processor an image is made (image-spec, "Platform Variants"; names and
 * order as in containerd/platforms).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as matching from "./internal/platformMatch.js"
import * as names from "./internal/platformNames.js"
import { read } from "./internal/platformText.js"
import { absent } from "./internal/schema.js"
import { printable } from "./internal/text.js"
import { ParsePlatformError } from "./OperationError.js"

/** Some builders leave out what the specification requires; such a platform matches nothing, but can be copied. */
const tolerantString = Schema.optionalWith(Schema.String, { nullable: true, default: () => "" })

/**
 * The schema of a platform in a descriptor or a config. Values are taken as they are; `architecture` and `os` are empty
 * where they are missing.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Platform = Schema.Struct({
  architecture: tolerantString,
  os: tolerantString,
  "os.version": Schema.optionalWith(Schema.String, absent),
  "os.features": Schema.optionalWith(Schema.Array(Schema.String), absent),
  variant: Schema.optionalWith(Schema.String, absent)
})

/**
 * Names are Go's (`linux`, `windows`; `amd64`, `arm64`); `variant` is the processor's (`v7`), `os.version` matters for
 * Windows alone, `os.features` are what the image demands of its host.
 *
 * @since 0.1.0
 * @category models
 */
export type Platform = typeof Platform.Type

/**
 * `os/arch[/variant]`, also `os(version+feature)/arch/variant`, into its fields as given, not normalised.
 *
 * A lone word is an operating system, for `amd64`, or an architecture, of `linux`, when it is a known one:
 * `windows` is `windows/amd64`, `arm64` is `linux/arm64`.
 *
 * Fails with `ParsePlatformError` for anything else: empty, too many parts, characters that no platform has, a lone
 * word that is not known.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (input: string): Effect.Effect<Platform, ParsePlatformError> =>
  Effect.suspend(() => {
    const platform = read(input)
    return typeof platform === "string"
      ? Effect.fail(
        new ParsePlatformError({
          input: typeof input === "string" ? printable(input, 256) : "",
          description: platform
        })
      )
      : Effect.succeed(platform)
  })

const percentEncoded = (text: string): string =>
  text.replace(/[%+()/]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)

/**
 * `os/arch[/variant]`, fields as given; version and features are left out.
 *
 * @since 0.1.0
 * @category formatting
 */
export const format = (platform: Platform): string =>
  `${platform.os}/${platform.architecture}${variantOf(platform) === undefined ? "" : `/${platform.variant}`}`

const variantOf = (platform: Platform): string | undefined => platform.variant === "" ? undefined : platform.variant

/**
 * The one spelling of platforms that mean the same: `linux/aarch64` and `linux/arm64/v8` are `linux/arm64`,
 * `linux/arm` is `linux/arm/v7`. Version and features stay as they are.
 *
 * @since 0.1.0
 * @category matching
 */
export const normalize = (platform: Platform): Platform => {
  const { architecture, variant } = names.processor(platform.architecture, platform.variant ?? "")
  const { "os.features": features, "os.version": version } = platform
  return {
    os: names.system(platform.os),
    architecture,
    ...(variant === "" ? {} : { variant }),
    ...(version === undefined || version === "" ? {} : { "os.version": version }),
    ...(features === undefined || features.length === 0 ? {} : { "os.features": features })
  }
}

/**
 * The normalised `os/arch[/variant]`: equal for platforms that mean the same.
 *
 * @since 0.1.0
 * @category formatting
 */
export const key = (platform: Platform): string => format(normalize(platform))

/**
 * Like `key`, with the version of the operating system where there is one: `windows(10.0.17763.1234)/amd64`. For where
 * the version is what tells two entries of an index apart; `parse` reads it.
 *
 * @since 0.1.0
 * @category formatting
 */
export const keyWithVersion = (platform: Platform): string => {
  const normal = normalize(platform)
  const version = normal["os.version"]
  return format(version === undefined ? normal : { ...normal, os: `${normal.os}(${percentEncoded(version)})` })
}

/**
 * Whether an entry's platform can be matched at all: `unknown/unknown` (build attestations) cannot, nor can one
 * without operating system or architecture.
 *
 * @since 0.1.0
 * @category matching
 */
export const isKnown = (platform: Platform): boolean =>
  [platform.os, platform.architecture].every((part) => part !== "" && part.toLowerCase() !== "unknown")

/**
 * The best of the candidates for the wanted platform in the match order; the first among equals. None when
 * no candidate runs there; candidates without a platform are passed over.
 *
 * An older processor's image is taken when there is no better one (`linux/arm/v6` for `linux/arm64`), never a newer
 * one's. The Windows version counts when the wanted platform has one.
 *
 * @since 0.1.0
 * @category matching
 */
export const select = <A>(
  candidates: Iterable<A>,
  wanted: Platform,
  platformOf: (candidate: A) => Platform | undefined
): Option.Option<A> => {
  if (!isKnown(wanted)) return Option.none()
  const rank = matching.ranking(normalize(wanted))
  let best: Option.Option<A> = Option.none()
  let bestRank: matching.Rank | undefined
  for (const candidate of candidates) {
    const platform = platformOf(candidate)
    if (platform === undefined || !isKnown(platform)) continue
    const found = rank(normalize(platform))
    if (found === undefined || (bestRank !== undefined && !matching.isBetter(found, bestRank))) continue
    best = Option.some(candidate)
    bestRank = found
  }
  return best
}

/**
 * What a record by platform string, as `RegistryClient.getPlatformDigests` gives it, has for the wanted platform: the
 * best match, as `select` finds it. Keys that are no platforms are passed over.
 *
 * @since 0.1.0
 * @category matching
 * @example
 * ```ts
 * import * as Platform from "effect-oci/Platform"
 *
 * const found = Platform.lookup({ "linux/amd64": 1, "linux/arm/v7": 2 }, { os: "linux", architecture: "arm" })
 * console.log(found)
 * // { _id: 'Option', _tag: 'Some', value: 2 }
 * ```
 */
export const lookup = <A>(record: Readonly<Record<string, A>>, wanted: Platform): Option.Option<A> =>
  Option.map(
    select(Object.entries(record), wanted, ([name]) => {
      const platform = read(name)
      return typeof platform === "string" ? undefined : platform
    }),
    ([_, value]) => value
  )

/**
 * `linux/amd64`.
 *
 * @since 0.1.0
 * @category constants
 */
export const linuxAmd64: Platform = { os: "linux", architecture: "amd64" }
