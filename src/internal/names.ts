/**
 * The two grammars that every store checks before it makes a path or a key of what it was given.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Digest from "../Digest.js"
import { InvalidInput } from "../RegistryError.js"
import { printable } from "./text.js"

const name = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tag = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** R-001, with the length of R-301. */
export const isName = (input: string): boolean => input.length <= 255 && name.test(input)

/** */
export const isTag = (input: string): boolean => tag.test(input)

export const checkName = (input: string): Effect.Effect<string, InvalidInput> =>
  isName(input)
    ? Effect.succeed(input)
    : new InvalidInput({ field: "name", reason: `${quote(input)} is not a repository name` })

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
