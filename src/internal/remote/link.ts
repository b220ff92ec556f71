/**
 * The `Link` header (RFC 8288), by which lists are cut into pages.
 *
 * @internal
 */

export interface Link {
  /** What stands between the angle brackets, as it is. */
  readonly target: string
  /** Names in lower case. Of a repeated parameter the first counts. */
  readonly parameters: ReadonlyMap<string, string>
}

const isSpace = (c: string | undefined): boolean => c === " " || c === "\t"

/** All links of a header value. What is not a link is passed over; nothing makes it throw. */
export const parse = (header: string): ReadonlyArray<Link> => {
  const links: Array<Link> = []
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

  while (i < header.length) {
    spaces()
    const end = header[i] === "<" && i < lastEnd ? header.indexOf(">", i) : -1
    if (end === -1) {
      resume(",")
    } else {
      const target = header.slice(i + 1, end)
      const parameters = new Map<string, string>()
      i = end + 1
      resume(";,")
      while (header[i] === ";") {
        i++
        parameter(parameters)
        resume(";,")
      }
      links.push({ target, parameters })
    }
    i++
  }
  return links
}

/** The target of the first link whose relations include `next`. */
export const next = (header: string | undefined): string | undefined =>
  header === undefined
    ? undefined
    : parse(header).find(({ parameters }) =>
      (parameters.get("rel") ?? "").toLowerCase().split(/[ \t]+/).includes("next")
    )?.target
