/**
 * JSON that others wrote. How much there is in it is counted on its bytes, before it is parsed: `JSON.parse` and a schema
 * spend a hundred times as long on a value as it takes to send one, and nothing ends them before they are done.
 *
 * @internal
 */
import * as Either from "effect/Either"

/** How much a document may hold. */
export interface Bounds {
  /** Elements of one array, or members of one object. */
  readonly entries: number
  /** Elements and members altogether. */
  readonly values: number
}

/** Of a manifest, an image config or an answer. No operation follows more descriptors than one array may hold here. */
export const documentBounds: Bounds = { entries: 10_000, values: 250_000 }

/** Of one page of names: a registry that knows no pages lists all that it has. */
export const listBounds: Bounds = { entries: 1_000_000, values: 2_000_000 }

/** Of what is small: its size is the bound, and the nesting. */
export const smallBounds: Bounds = { entries: Infinity, values: Infinity }

/** Of an image layout's `index.json`, which names all that is in the directory. */
export const layoutBounds: Bounds = { entries: 100_000, values: 1_000_000 }

/** No registry's JSON is nested nearly so deep; what walks a value by recursion, as error messages do, bears it. */
const maxDepth = 500

/** Why nothing could be read of what is no JSON at all. */
export const notJson = "it is not JSON"

/** JSON in UTF-8, as a value of unknown shape, or why there is none; `parseJson` says what is left out of it. */
export const readJson = (
  content: Uint8Array | string,
  bounds: Bounds = documentBounds
): Either.Either<unknown, string> => {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  const excess = excessOf(bytes, bounds)
  if (excess !== undefined) return Either.left(excess)
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    const json: unknown = JSON.parse(text)
    return Either.right(prototype.test(text) ? withoutPrototypes(json) : json)
  } catch {
    return Either.left(notJson)
  }
}

/**
 * JSON in UTF-8, as a value of unknown shape; undefined when it is not that, holds more than the bounds allow, or is
 * nested more than 500 deep. Keys named `__proto__` are left out: a decoder that copies properties by assignment would
 * turn what is under them into inherited properties that no schema has looked at.
 *
 * @internal
 */
export const parseJson = (content: Uint8Array | string, bounds?: Bounds): unknown =>
  Either.getOrUndefined(readJson(content, bounds))

const quote = 0x22
const comma = 0x2c
const backslash = 0x5c

/**
 * What there is too much of. Of a document that is JSON it counts exactly, except that what is empty counts as one; of any
 * other it counts at least what a parser gets through before it gives up.
 */
export const excessOf = (bytes: Uint8Array, bounds: Bounds): string | undefined => {
  const entries = new Uint32Array(maxDepth + 1)
  let depth = 0
  let values = 0
  for (let i = 0; i < bytes.length; i++) {
    switch (bytes[i]) {
      case quote:
        for (i++; i < bytes.length && bytes[i] !== quote; i++) {
          if (bytes[i] === backslash) i++
        }
        continue
      case comma:
        entries[depth] = (entries[depth] ?? 0) + 1
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > maxDepth) return `it is nested more than ${maxDepth} deep`
        entries[depth] = 1
        break
      case 0x5d: // ]
      case 0x7d: // }
        // Nothing can be opened again behind the end of the document.
        if (--depth <= 0) return undefined
        continue
      default:
        continue
    }
    if ((entries[depth] ?? 0) > bounds.entries) {
      return `a list or an object in it has more than ${bounds.entries} entries`
    }
    if (++values > bounds.values) return `it holds more than ${bounds.values} values`
  }
  return undefined
}

/** In a text without these no key is `__proto__`: as it is, or with some of its characters escaped. */
const prototype = /__proto__|\\u00/

const withoutPrototypes = (json: unknown): unknown => {
  // Level by level: no recursion, however deep it goes.
  let level = [json]
  while (level.length > 0) {
    const below: Array<unknown> = []
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue
      if (Object.hasOwn(value, "__proto__")) Reflect.deleteProperty(value, "__proto__")
      for (const item of Object.values(value)) {
        if (typeof item === "object" && item !== null) below.push(item)
      }
    }
    level = below
  }
  return json
}
