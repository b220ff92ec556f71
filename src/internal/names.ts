/**
 * The grammars of names, tags and digests, which every store checks before it makes a path or a key of what it was
 * given, and how messages put them together.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Digest from "../Digest.js"
import { InvalidInput } from "../RegistryError.js"
import { printable } from "./text.js"

// Anchored, ASCII only, and read in one way, so in linear time.
const name = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/
const tag = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/

/** The longest name of a repository, its registry not counted (distribution/reference). */
export const maximumName = 255

/** A repository name (distribution-spec, "Pulling manifests"), of any length. */
export const hasNameGrammar = (input: string): boolean => name.test(input)

/** A repository name of at most that length. */
export const isName = (input: unknown): input is string =>
  typeof input === "string" && input.length <= maximumName && name.test(input)

/** A tag (distribution-spec, "Pulling manifests"). */
export const isTag = (input: unknown): input is string => typeof input === "string" && tag.test(input)

/** A tag or a digest behind the place where it is, as references have it. */
export const located = (place: string, reference: string): string =>
  `${place}${reference.includes(":") ? "@" : ":"}${reference}`

export const checkName = (input: string): Effect.Effect<string, InvalidInput> =>
  isName(input)
    ? Effect.succeed(input)
    : new InvalidInput({ field: "name", reason: `${quote(input)} is not a repository name` })

export const checkSize = (input: number): Effect.Effect<number, InvalidInput> =>
  Number.isSafeInteger(input) && input >= 0
    ? Effect.succeed(input)
    : new InvalidInput({ field: "size", reason: `${input} is not a size in bytes` })

export const checkTag = (input: string): Effect.Effect<string, InvalidInput> =>
  isTag(input)
    ? Effect.succeed(input)
    : new InvalidInput({ field: "tag", reason: `${quote(input)} is not a tag` })

export const checkDigest = (input: string): Effect.Effect<Digest.Digest, InvalidInput> =>
  Digest.isDigest(input)
    ? Effect.succeed(input)
    : new InvalidInput({ field: "digest", reason: `${quote(input)} is not a digest` })

/** What a reference to a manifest is: a tag or a digest. */
export type Target =
  | { readonly _tag: "Tag"; readonly tag: string }
  | { readonly _tag: "Digest"; readonly digest: Digest.Digest }

export const checkTarget = (reference: string): Effect.Effect<Target, InvalidInput> =>
  reference.includes(":")
    ? Effect.map(checkDigest(reference), (digest) => ({ _tag: "Digest", digest }))
    : Effect.map(checkTag(reference), (tag) => ({ _tag: "Tag", tag }))

const quote = (input: string): string => JSON.stringify(printable(input, 300))
