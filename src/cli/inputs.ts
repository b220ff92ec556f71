/**
 * Values as people type them. What cannot be read is not quoted, as it may be a password that was meant for another place:
 * a message says where it stands and what is expected there.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Copy from "../Copy.js"
import * as platformPattern from "../internal/platformPattern.js"
import * as tagSelection from "../internal/tagSelection.js"
import type { ParseReferenceError, Role } from "../OperationError.js"
import * as Platform from "../Platform.js"
import * as Reference from "../Reference.js"
import { UsageError } from "./failure.js"

/** Where an argument stands, the first being 1, and its name in the help. */
export const argument = (position: number, name: string): string => `argument ${position} (${name})`

/** Where the value of an option stands that may have been given several times. */
const nth = (name: string, i: number, all: ReadonlyArray<unknown>): string =>
  all.length === 1 ? `--${name}` : `--${name} number ${i + 1}`

const refuse = (place: string, expected: string) => () => new UsageError({ message: `${place} ${expected}` })

const general: Readonly<Record<ParseReferenceError["reason"], string>> = {
  Empty: "it is empty",
  UpperCase: "the repository must be in lower case",
  TooLong: "the repository must have at most 255 characters",
  BadTag: "a tag has 1 to 128 letters, digits, \"_\", \".\" and \"-\", and does not begin with \".\" or \"-\"",
  BadDigest: "only a digest such as sha256:… follows \"@\"",
  BadFormat: "it must be [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], without a scheme, user name, password or query"
}

const ofRepository: typeof general = {
  ...general,
  BadTag: "a repository is named without a tag",
  BadDigest: "a repository is named without a digest",
  BadFormat: "it must be [HOST[:PORT]/]REPOSITORY, without a scheme, user name, password or query"
}

const notReference = (place: string, expected: typeof general) => ({ reason, role }: ParseReferenceError) =>
  new UsageError({ message: `${place} is not a valid ${role} reference: ${expected[reason]}` })

export const reference = (input: string, place: string, role?: Role): Effect.Effect<Reference.Reference, UsageError> =>
  Effect.mapError(Reference.parse(input, role), notReference(place, general))

/** A reference without tag and digest. */
export const repository = (input: string, place: string, role?: Role): Effect.Effect<Reference.Reference, UsageError> =>
  Effect.mapError(Reference.parseRepository(input, role), notReference(place, ofRepository))

/** The registries that an option names. */
export const registries = (name: string, inputs: ReadonlyArray<string>): Effect.Effect<Array<string>, UsageError> =>
  Effect.forEach(inputs, (input, i) =>
    Effect.mapError(
      Reference.parseRegistry(input),
      refuse(nth(name, i, inputs), "must be the HOST or HOST:PORT of a registry, without a scheme and a path")
    ))

export const platform = (input: string, place: string): Effect.Effect<Platform.Platform, UsageError> =>
  Effect.mapError(
    Platform.parse(input),
    refuse(place, "must be a platform: os/arch or os/arch/variant, like linux/arm64 or linux/arm/v7")
  )

/** Checks the patterns of platforms that an option names. */
export const platformPatterns = (name: string, inputs: ReadonlyArray<string>): Effect.Effect<void, UsageError> =>
  Effect.forEach(inputs, (input, i) =>
    Effect.mapError(
      platformPattern.make(input),
      refuse(nth(name, i, inputs), "must be a pattern of platforms, like linux/arm64, linux/arm/* or linux/*")
    ), { discard: true })

/** Checks a selection of tags, each part with the option that it comes from. */
export const tags = (
  { exclude = [], include = [], semver }: Copy.TagSelection
): Effect.Effect<void, UsageError> => {
  const patterns = (name: string, inputs: NonNullable<Copy.TagSelection["include"]>) =>
    Effect.forEach(inputs, (input, i) =>
      Effect.mapError(
        tagSelection.make({ include: [input] }),
        refuse(
          nth(name, i, inputs),
          "must be a pattern of tags: letters, digits, \"_\", \".\" and \"-\", with * for any run of characters and ? for one"
        )
      ), { discard: true })
  return Effect.all([
    patterns("include", include),
    patterns("exclude", exclude),
    semver === undefined
      ? Effect.void
      : Effect.mapError(
        tagSelection.make({ semver }),
        refuse("--semver", "must be a range of versions, like ^1.2 or \">=3.18 <4\", of at most 256 characters")
      )
  ], { discard: true })
}
