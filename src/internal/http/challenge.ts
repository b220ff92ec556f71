/**
 * `WWW-Authenticate` as RFC 9110 §11.6.1 has it, and as registries write it.
 *
 * @internal
 */

/** @internal */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  /** Lower-case names. An own property each, `__proto__` too; of two with one name the first counts. */
  readonly parameters: Readonly<Record<string, string>>
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const token68 = /[A-Za-z0-9\-._~+/]+=*/y
const space = /[ \t\r\n]*/y
const unquoted = /[^\s,]*/y
/** What follows a scheme that was not set off by a comma: `Basic realm="a" Bearer realm="b"`. */
const schemeAhead = /[ \t]+[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*=/y
const parameterAhead = /[ \t]*,[ \t,]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*=/y
/**
 * Names that a lone `name=` is taken for a parameter with an empty value by, although it would be a token68 as well.
 */
const wellKnown = new Set(["realm", "service", "scope", "error", "charset"])

/**
 * All challenges of a header value, several header lines joined by commas included. Whatever does not make sense is
 * skipped; nothing throws.
 *
 * @internal
 */
export const parse = (header: string): Array<Challenge> => {
  const challenges: Array<{ readonly scheme: string; readonly parameters: Map<string, string> }> = []
  let position = 0

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position
    return pattern.exec(header)?.[0]
  }
  const take = (pattern: RegExp): string => {
    const text = match(pattern) ?? ""
    position += text.length
    return text
  }
  /** A quoted string from its opening quote on; without a closing one it ends with the header. */
  const takeQuoted = (): string => {
    let text = ""
    position++
    while (position < header.length && header[position] !== "\"") {
      if (header[position] === "\\" && position + 1 < header.length) position++
      text += header[position]
      position++
    }
    position++
    return text
  }
  const skipToComma = () => {
    while (position < header.length && header[position] !== ",") {
      if (header[position] === "\"") takeQuoted()
      else position++
    }
  }
  /** The token68 after a scheme, skipped: it is of no use here, and must not be taken for a parameter. */
  const skipToken68 = () => {
    const start = position
    const text = take(token68)
    take(space)
    const ends = position >= header.length || header[position] === ","
    // `realm=` by itself, or `realm=, service=…`, is a parameter without a value.
    position = start
    const parameter = /^([^=]+)=$/.exec(text)?.[1]
    const empty = parameter !== undefined &&
      (wellKnown.has(parameter.toLowerCase()) || (skipped(text), match(parameterAhead) !== undefined))
    position = start
    if (text !== "" && ends && !empty) skipped(text)
  }
  const skipped = (text: string) => {
    position += text.length
  }

  let separated = true
  while (position < header.length) {
    take(space)
    if (header[position] === ",") {
      position++
      separated = true
      continue
    }
    const name = take(token)
    if (name === "") {
      if (position < header.length) skipToComma()
      continue
    }
    const afterName = position
    take(space)
    const current = challenges[challenges.length - 1]
    if (header[position] === "=" && current !== undefined) {
      position++
      take(space)
      const value = header[position] === "\"" ? takeQuoted() : take(unquoted)
      const key = name.toLowerCase()
      if (!current.parameters.has(key)) current.parameters.set(key, value)
      separated = false
      continue
    }
    if (header[position] === "=") {
      skipToComma()
      continue
    }
    position = afterName
    if (!separated && match(schemeAhead) === undefined) {
      // a stray word after a value
      skipToComma()
      continue
    }
    challenges.push({ scheme: name.toLowerCase(), parameters: new Map() })
    separated = false
    if (take(space) !== "") skipToken68()
  }
  return challenges.map(({ parameters, scheme }) => ({ scheme, parameters: Object.fromEntries(parameters) }))
}

/**
 * A parameter's value, never one inherited from a prototype.
 *
 * @internal
 */
export const parameter = (challenge: Challenge, name: string): string | undefined =>
  Object.hasOwn(challenge.parameters, name) ? challenge.parameters[name] : undefined

/**
 * The challenge to answer: Bearer with a realm before Basic; undefined when there is neither.
 *
 * @internal
 */
export const select = (challenges: ReadonlyArray<Challenge>): Challenge | undefined =>
  challenges.find((challenge) => challenge.scheme === "bearer" && (parameter(challenge, "realm") ?? "") !== "") ??
    challenges.find((challenge) => challenge.scheme === "basic")
