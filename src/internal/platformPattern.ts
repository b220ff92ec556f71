/**
 * Patterns of platforms, to choose images of an index: `linux/*`, `linux/arm/*`, `linux/arm/v7`, `windows/*`, `*`.
 *
 * Other than in the match order, which finds what runs on a host, a pattern means exactly the platforms that it
 * names: `linux/arm64` is not `linux/arm/v7`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ParsePlatformError } from "../OperationError.js"
import * as Platform from "../Platform.js"
import * as names from "./platformNames.js"
import { read } from "./platformText.js"
import { printable } from "./text.js"
import * as wildcard from "./wildcard.js"

export interface PlatformPattern {
  /** The pattern as messages have it. */
  readonly text: string
  readonly matches: (platform: Platform.Platform) => boolean
}

const word = /^[A-Za-z0-9_.*-]+$/
const everything: Platform.Platform = { os: "*", architecture: "*" }
const isPlatform = Schema.is(Platform.Platform)

/**
 * A pattern has the form that `Platform.parse` reads, with `*` for any run of characters in any part; `*` alone is
 * every platform. Both sides are compared normalised, and in lower case.
 *
 * - Without a variant: the architecture's usual one, as `Platform.normalize` has it (`linux/arm` is `linux/arm/v7`,
 *   `linux/arm64` is `v8`); any, where the architecture holds a `*`.
 * - With a version: that one, or those that begin with it and go on behind a dot, as `10.0.17763` does for
 *   `10.0.17763.1234`; without: every version.
 * - With features: images that have these and maybe others; without: any.
 *
 * Fails with `ParsePlatformError` for what can be no platform, `unknown` ones among it.
 */
export const make = (input: string | Platform.Platform): Effect.Effect<PlatformPattern, ParsePlatformError> =>
  Effect.suspend(() => {
    const text = isPlatform(input) ? Platform.keyWithVersion(input) : typeof input === "string" ? input : ""
    const pattern = readPattern(input)
    return typeof pattern === "string"
      ? Effect.fail(new ParsePlatformError({ input: printable(text, 256), description: pattern }))
      : Effect.succeed({ text: printable(text, 256), matches: matcher(pattern) })
  })

/** The pattern by its parts, or what is wrong with it. */
const readPattern = (input: string | Platform.Platform): Platform.Platform | string => {
  // Version and features need no grammar; the parts around them are held to that of strings.
  const parts = input === "*" ? everything : read(isPlatform(input) ? Platform.format(input) : input, word)
  if (typeof parts === "string") return parts
  return Platform.isKnown(parts) ? isPlatform(input) ? Platform.normalize(input) : parts : "no image is for it"
}

const matcher = (pattern: Platform.Platform): PlatformPattern["matches"] => {
  const os = names.system(pattern.os)
  const isProcessor = processorMatcher(pattern)
  const { "os.features": features = [], "os.version": version } = pattern
  return (candidate) => {
    if (!Platform.isKnown(candidate)) return false
    const platform = Platform.normalize(candidate)
    return wildcard.matches(os, platform.os) && isProcessor(platform) &&
      (version === undefined || isVersion(version, platform["os.version"])) &&
      features.every((feature) => platform["os.features"]?.includes(feature))
  }
}

const processorMatcher = ({ architecture, variant }: Platform.Platform): PlatformPattern["matches"] => {
  const hasOpenArchitecture = architecture.includes("*")
  if (!hasOpenArchitecture && variant?.includes("*") !== true) {
    const wanted = names.processor(architecture, variant ?? "")
    return (platform) => platform.architecture === wanted.architecture && (platform.variant ?? "") === wanted.variant
  }
  const name = hasOpenArchitecture ? architecture.toLowerCase() : names.processor(architecture, "").architecture
  const version = variant?.toLowerCase() ?? "*"
  return (platform) => wildcard.matches(name, platform.architecture) && wildcard.matches(version, variantOf(platform))
}

/** The variant in full: normalised platforms leave out the first of its kind. */
const variantOf = ({ architecture, variant = "" }: Platform.Platform): string =>
  variant !== "" ? variant : architecture === "arm64" ? "v8" : architecture === "amd64" ? "v1" : ""

const isVersion = (pattern: string, version: string | undefined): boolean =>
  version !== undefined && (wildcard.matches(pattern, version) || wildcard.matches(`${pattern}.*`, version))
