/**
 * Which tags of a repository are meant.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import Range from "semver/classes/range.js"
import parse from "semver/functions/parse.js"
import type { TagSelection } from "../Copy.js"
import { InvalidInput } from "../RegistryError.js"
import { printable } from "./text.js"
import * as wildcard from "./wildcard.js"

/**
 * Tags of referrers (distribution-spec, "Referrers Tag Schema") and of cosign; of a sha512 digest a half or the whole.
 */
const digestTag = /^sha(?:256|512)-[0-9a-f]{64,128}(?:\.[A-Za-z0-9_-]+)?$/
const namesDigestTags = /^\^?sha(?:256|512)-/

const pattern = /^[A-Za-z0-9_.*?-]+$/
const version = /^[vV]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[A-Za-z0-9_.-]+)?$/
const maximumRange = 256

type Matcher = (tag: string) => boolean

/** Fails with `InvalidInput` for a pattern that no tag can match, a range that is none, and an empty `include`. */
export const make = Effect.fnUntraced(function*(
  { digestTags = false, exclude = [], include, semver }: TagSelection
): Effect.fn.Return<Matcher, InvalidInput> {
  if (include?.length === 0) {
    const reason = "an empty list would choose nothing; leave it out for all"
    return yield* new InvalidInput({ field: "include", reason })
  }
  const included = yield* matcher("include", include ?? [])
  const excluded = yield* matcher("exclude", exclude)
  const inRange = semver === undefined ? () => false : yield* range(semver)
  const isAnyMeant = include === undefined && semver === undefined
  const ofDigests = yield* matcher("include", (include ?? []).filter(isForDigestTags))
  return (tag) =>
    (digestTags || !digestTag.test(tag) || ofDigests(tag)) &&
    (isAnyMeant || included(tag) || inRange(tag)) && !excluded(tag)
})

const isForDigestTags = (pattern: string | RegExp): boolean =>
  namesDigestTags.test(typeof pattern === "string" ? pattern : pattern.source)

/** Whether one of the patterns matches. */
const matcher = (field: string, patterns: ReadonlyArray<string | RegExp>): Effect.Effect<Matcher, InvalidInput> => {
  const wrong = patterns.find((item) => !Predicate.isRegExp(item) && !(Predicate.isString(item) && pattern.test(item)))
  return wrong === undefined
    // Of all ways to use an expression `search` alone neither looks at `lastIndex` nor leaves anything there.
    ? Effect.succeed((tag) =>
      patterns.some((item) => typeof item === "string" ? wildcard.matches(item, tag) : tag.search(item) >= 0)
    )
    : new InvalidInput({
      field,
      reason: `${JSON.stringify(printable(String(wrong), 64))} matches no tag; a pattern has the characters of tags, ` +
        "* and ?, and a regular expression is given as a RegExp"
    })
}

const range = (input: string): Effect.Effect<Matcher, InvalidInput> => {
  const refuse = (reason: string) =>
    new InvalidInput({ field: "semver", reason: `${JSON.stringify(printable(String(input), 64))} ${reason}` })
  if (typeof input !== "string" || input.trim() === "") return refuse("is empty; * is every version")
  if (input.length > maximumRange) return refuse(`is longer than ${maximumRange} characters`)
  return Effect.map(
    Effect.try({
      // Loose: dates and Ubuntu's releases have parts that begin with 0.
      try: () => new Range(input, { loose: true }),
      catch: () => refuse("is not a range of versions, as ^1.2 or >=3.18 <4")
    }),
    (range) => (tag) => {
      const [, major, minor = "0", patch = "0", suffix = ""] = version.exec(tag) ?? []
      const found = major === undefined ? null : parse(`${major}.${minor}.${patch}${suffix}`, { loose: true })
      return found !== null && range.test(found)
    }
  )
}
