/** No registry's JSON is nested nearly so deep; what walks a value by recursion, as error messages do, bears it. */
const maxDepth = 500

/**
 * JSON in UTF-8, as a value of unknown shape; undefined when it is not that, or nested more than 500 deep. Keys named `__proto__` are left out: a
 * decoder that copies properties by assignment would turn what is under them into inherited properties that no schema
 * has looked at.
 *
 * @internal
 */
export const parseJson = (content: Uint8Array | string): unknown => {
  try {
    const text = typeof content === "string" ? content : new TextDecoder("utf-8", { fatal: true }).decode(content)
    return withoutPrototypes(JSON.parse(text))
  } catch {
    return undefined
  }
}

const withoutPrototypes = (json: unknown): unknown => {
  // Level by level: JSON.parse takes nesting that recursion does not.
  let level = [json]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return undefined
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
