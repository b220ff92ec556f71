/**
 * Which tags of a repository are meant.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { TagSelection } from "../Copy.js"
import { InvalidInput } from "../RegistryError.js"

/** Tags that stand for a digest: lists of referrers, and what cosign puts beside an image. */
const digestTag = /^sha(?:256|512)-[0-9a-f]{64,128}(?:\.[a-z]+)?$/

/** Of a pattern `*` is any run of characters and `?` any one; they are matched in one pass, whatever the pattern. */
export const glob = (pattern: string, text: string): boolean => {
  let at = 0
  let p = 0
  let star = -1
  let from = 0
  while (at < text.length) {
    if (pattern[p] === "*") {
      star = p++
      from = at
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[at])) {
      p++
      at++
    } else if (star >= 0) {
      p = star + 1
      at = ++from
    } else return false
  }
  while (pattern[p] === "*") p++
  return p === pattern.length
}

const matches = (tag: string) => (pattern: string | RegExp): boolean =>
  typeof pattern === "string"
    ? glob(pattern, tag)
    // A copy, as one that is sticky or global remembers where it was.
    : new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")).test(tag)

export const make = (
  { digestTags = false, exclude = [], include }: TagSelection
): Effect.Effect<(tag: string) => boolean, InvalidInput> =>
  [...(include ?? []), ...exclude].includes("")
    ? new InvalidInput({ field: "tags", reason: "an empty pattern matches no tag" })
    : Effect.succeed((tag) =>
      (digestTags || !digestTag.test(tag)) && (include?.some(matches(tag)) ?? true) && !exclude.some(matches(tag))
    )
