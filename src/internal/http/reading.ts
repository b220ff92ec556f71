/**
 * Text in a form that its different ways of writing have in common, to find something in it however it is escaped.
 *
 * @internal
 */

/** The common form of a text, and where in the text each UTF-16 unit of it comes from. */
export interface Reading {
  readonly text: string
  readonly starts: ReadonlyArray<number>
  readonly ends: ReadonlyArray<number>
}

/** One character: percent-encoded in UTF-8, or escaped as in JSON or in HTML. */
const escapes = new RegExp(
  [
    "%[0-7][\\da-f]",
    "%[cd][\\da-f]%[89ab][\\da-f]",
    "%e[\\da-f](?:%[89ab][\\da-f]){2}",
    "%f[0-4](?:%[89ab][\\da-f]){3}",
    "\\\\u[\\da-f]{4}",
    "\\\\[\"\\\\/nrt]",
    "&(?:amp|lt|gt|quot|apos|#\\d{1,7}|#x[\\da-f]{1,6});"
  ].join("|"),
  "gi"
)

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'" }

const unescape = (escape: string): string => {
  if (escape.startsWith("%")) {
    try {
      return decodeURIComponent(escape)
    } catch {
      return escape
    }
  }
  const inner = escape.slice(1).toLowerCase()
  if (escape.startsWith("\\")) {
    if (inner.length > 1) return String.fromCharCode(Number.parseInt(inner.slice(1), 16))
    return "nrt".includes(inner) ? " " : inner
  }
  const name = inner.slice(0, -1)
  if (!name.startsWith("#")) return entities[name] ?? escape
  const code = name.startsWith("#x") ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
  return code <= 0x10ffff ? String.fromCodePoint(code) : escape
}

/** Without one layer of escapes; undefined when there is none. */
const unescaped = ({ ends, starts, text }: Reading): Reading | undefined => {
  let plain = ""
  const from: Array<number> = []
  const to: Array<number> = []
  let done = 0
  const keep = (until: number): void => {
    plain += text.slice(done, until)
    for (let i = done; i < until; i++) {
      from.push(starts[i] ?? 0)
      to.push(ends[i] ?? 0)
    }
  }
  for (const { 0: escape, index } of text.matchAll(escapes)) {
    const character = unescape(escape)
    if (character === escape) continue
    keep(index)
    done = index + escape.length
    plain += character
    for (let i = 0; i < character.length; i++) {
      from.push(starts[index] ?? 0)
      to.push(ends[done - 1] ?? 0)
    }
  }
  if (done === 0) return undefined
  keep(text.length)
  return { text: plain, starts: from, ends: to }
}

/** White space and what is invisible; `+`, which stands for a space in forms; `-`, which base64url has for `+`. */
const skipped = /[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}+-]/u

const foldAny = (unit: string): string => {
  if (skipped.test(unit)) return ""
  return unit === "/" ? "_" : unit >= "A" && unit <= "Z" ? unit.toLowerCase() : unit
}
const foldedAscii = Array.from({ length: 128 }, (_, code) => foldAny(String.fromCharCode(code)))

/** A UTF-16 unit in lower case, with the `_` of base64url for `/`; nothing for one that is skipped. */
const fold = (text: string, at: number): string => foldedAscii[text.charCodeAt(at)] ?? foldAny(text[at] ?? "")

/** Folded unit by unit, as base64 may be cut into lines. */
const folded = ({ ends, starts, text }: Reading): Reading => {
  let kept = ""
  const from: Array<number> = []
  const to: Array<number> = []
  for (let i = 0; i < text.length; i++) {
    const unit = fold(text, i)
    if (unit === "") continue
    kept += unit
    from.push(starts[i] ?? 0)
    to.push(ends[i] ?? 0)
  }
  return { text: kept, starts: from, ends: to }
}

/** The same without the positions, which take most of the time. */
const foldedText = (text: string): string => {
  let kept = ""
  for (let i = 0; i < text.length; i++) kept += fold(text, i)
  return kept
}

/** More layers of escapes are not looked through. */
const maxLayers = 8

const asWritten = (text: string): Reading => {
  const starts: Array<number> = []
  const ends: Array<number> = []
  for (let i = 0; i < text.length; i++) {
    starts.push(i)
    ends.push(i + 1)
  }
  return { text, starts, ends }
}

const withoutEscapes = (written: Reading): Reading => {
  let plain = written
  for (let layer = 0; layer < maxLayers; layer++) {
    const next = unescaped(plain)
    if (next === undefined) break
    plain = next
  }
  return plain
}

/** The text without its escapes. */
export const plain = (text: string): Reading => withoutEscapes(asWritten(text))

/** The text as it is written and, where that is not the same, without its escapes; both folded. */
export const readings = (text: string): ReadonlyArray<Reading> => {
  const written = asWritten(text)
  const plain = withoutEscapes(written)
  return plain === written ? [folded(written)] : [folded(written), folded(plain)]
}

/** The texts of the readings. */
export const forms = (text: string): ReadonlyArray<string> => {
  const folded = foldedText(text)
  // The first character of each escape.
  if (!/[%\\&]/.test(text)) return [folded]
  const unescaped = plain(text).text
  return unescaped === text ? [folded] : [folded, foldedText(unescaped)]
}
