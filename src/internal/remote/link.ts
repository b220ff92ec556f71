/**
 * The `Link` header (RFC 8288), by which lists are cut into pages.
 *
 * @internal
 */
import * as Option from "effect/Option"

export interface Link {
  /** The target as it is written, without its angle brackets. */
  readonly target: string
  /** Names in lower case. Of a repeated parameter the first counts. */
  readonly parameters: ReadonlyMap<string, string>
}

export interface Links {
  readonly links: ReadonlyArray<Link>
  /** Whether a part of the header is not a link. */
  readonly isUnreadable: boolean
}

const isSpace = (c: string | undefined): boolean => c === " " || c === "\t"

/** All links of a header value. Nothing makes it throw. */
export const parse = (header: string): Links => {
  const links: Array<Link> = []
  let isUnreadable = false
  // Text up to here was found to be no target. Looking again from each comma in it would take quadratic time.
  let notBareUntil = 0
  // Behind the last one no link can end: looking for an end each time would take quadratic time.
  const lastEnd = header.lastIndexOf(">")
  let i = 0

  const spaces = () => {
    while (isSpace(header[i])) i++
  }
  const quoted = (): string => {
    let value = ""
    for (i++; i < header.length && header[i] !== "\""; i++) {
      if (header[i] === "\\" && i + 1 < header.length) i++
      value += header[i]
    }
    i++
    return value
  }
  const token = (): string => {
    const start = i
    while (i < header.length && !"\";,= \t".includes(header[i] ?? "")) i++
    return header.slice(start, i)
  }
  const parameter = (parameters: Map<string, string>) => {
    spaces()
    const name = token().toLowerCase()
    spaces()
    let value = ""
    if (header[i] === "=") {
      i++
      spaces()
      value = header[i] === "\"" ? quoted() : token()
    }
    if (name !== "" && !parameters.has(name)) parameters.set(name, value)
  }
  /** On to the next `;` or `,` outside of quotes. */
  const resume = (stops: string) => {
    while (i < header.length && !stops.includes(header[i] ?? "")) {
      if (header[i] === "\"") quoted()
      else i++
    }
  }

  /**
   * A target without angle brackets, as Cloudflare's serverless-registry writes it: `/v2/_catalog?last=b; rel=next`. It
   * may hold commas, so only a parameter behind it tells it from other text.
   */
  const bareTarget = (): string | undefined => {
    if (i < notBareUntil) return undefined
    const start = i
    let end = i
    while (end < header.length && !" \t\"<>;".includes(header[end] ?? "")) end++
    i = end
    spaces()
    if (end > start && header[i] === ";") return header.slice(start, end)
    i = start
    notBareUntil = end
    return undefined
  }
  /** The target of the link that begins here; undefined where there is none. */
  const target = (): string | undefined => {
    if (header[i] === "<") {
      const end = i < lastEnd ? header.indexOf(">", i) : -1
      if (end === -1) return undefined
      const bracketed = header.slice(i + 1, end)
      i = end + 1
      return bracketed
    }
    return bareTarget()
  }

  while (i < header.length) {
    spaces()
    const start = i
    const found = target()
    if (found === undefined) {
      resume(",")
      // RFC 9110 §5.6.1 has recipients pass over empty list elements.
      isUnreadable = isUnreadable || i > start
    } else {
      const parameters = new Map<string, string>()
      resume(";,")
      while (header[i] === ";") {
        i++
        parameter(parameters)
        resume(";,")
      }
      links.push({ target: found, parameters })
    }
    i++
  }
  return { links, isUnreadable }
}

/**
 * The target of the first link whose relations include `next`. Undefined where there may be one that cannot be read: a
 * part of the header is no link, or a link has no relation (RFC 8288 §3.3).
 */
export const next = (header: string): Option.Option<string> | undefined => {
  const { isUnreadable, links } = parse(header)
  const relations = ({ parameters }: Link) => (parameters.get("rel") ?? "").toLowerCase().split(/[ \t]+/)
  const found = links.find((link) => relations(link).includes("next"))
  if (found !== undefined) return Option.some(found.target)
  return isUnreadable || links.some(({ parameters }) => !parameters.has("rel")) ? undefined : Option.none()
}
