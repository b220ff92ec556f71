/**
 * JSON in UTF-8, as a value of unknown shape; undefined when it is not that. Keys named `__proto__` are left out: a
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
  // A stack of its own: JSON.parse takes nesting that recursion does not.
  const pending = [json]
  while (pending.length > 0) {
    const value = pending.pop()
    if (typeof value !== "object" || value === null) continue
    if (Object.hasOwn(value, "__proto__")) Reflect.deleteProperty(value, "__proto__")
    for (const item of Object.values(value)) {
      if (typeof item === "object" && item !== null) pending.push(item)
    }
  }
  return json
}
