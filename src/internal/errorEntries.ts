/**
 * What a registry or a token server says in the body of a failed answer (distribution-spec, "Error Codes"), whatever it
 * sends: the result always fits the errors that carry it, is bounded, and is clean for a terminal.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import { ErrorEntry } from "../RegistryError.js"
import { type Hide, longest } from "./http/secrets.js"
import { parseJson, smallBounds } from "./json.js"
import { printable } from "./text.js"

const maximumEntries = 32
const maximumCode = 128
const maximumMessage = 1024
const maximumDetailNodes = 256
const maximumDetailDepth = 8

/**
 * How much text of one body is looked through for secrets, in UTF-16 units. A registry's own words are far shorter;
 * more would take the processor's time for nothing, and there may be many such answers.
 */
const maximumText = 64 * 1024
/** What each text costs of that at least: a short one takes time as well. */
const leastCost = 32
/** Stands for what is left out. */
const left = "…"

/** The code of an entry that came without one; the reference registry uses it for what it has no code for. */
const unknownCode = "UNKNOWN"

/**
 * Never fails: what says nothing gives no entries. `hide` takes out what must not be shown. It gets each text whole,
 * and what it may not look at any more is left out whole: of a secret that is cut off, a part would stay.
 */
export const parseErrorBody = (body: Uint8Array | string, hide: Hide): ReadonlyArray<ErrorEntry> => {
  const json = parseJson(body, smallBounds)
  const show = within(maximumText, hide)
  const found = (json === undefined ? fromText(body) : fromJson(json)).slice(0, maximumEntries)
  // What comes of the request may depend on the codes, so these come first, and details last.
  const codes = found.map(({ code }) =>
    Predicate.isString(code) || Predicate.isNumber(code) ? printable(show(String(code)), maximumCode) : ""
  )
  const messages = found.map(({ message }) =>
    Predicate.isString(message) ? printable(show(message), maximumMessage) : ""
  )
  return found.flatMap(({ detail }, index) => {
    const code = codes[index] ?? ""
    const message = messages[index] ?? ""
    return code === "" && message === "" ? [] : [
      new ErrorEntry({
        code: code === "" ? unknownCode : code,
        ...(message === "" ? {} : { message }),
        ...(detail === undefined || detail === null ? {} : { detail: trimmed(detail, show) })
      })
    ]
  })
}

/** Shows texts without what is secret, as long as there is room for more. */
interface Show {
  (text: string): string
  readonly isFull: () => boolean
}

/** `hide`, until it has looked at so much text: then all that follows is left out. */
const within = (maximum: number, hide: Hide): Show => {
  let looked = 0
  const show = (text: string): string => {
    // What is behind that, `hide` does not show; it must see that there is more.
    const given = text.slice(0, longest + 1)
    looked += Math.max(leastCost, given.length)
    return looked <= maximum ? hide(given) : left
  }
  return Object.assign(show, { isFull: () => looked >= maximum })
}

interface Found {
  readonly code?: unknown
  readonly message?: unknown
  readonly detail?: unknown
}

const fromText = (body: Uint8Array | string): ReadonlyArray<Found> => {
  const text = (typeof body === "string" ? body : new TextDecoder().decode(body)).trim()
  // A proxy's HTML page or a binary body tells a person nothing; `404 page not found` does.
  return text === "" || text.startsWith("<") || text.includes("\ufffd") ? [] : [{ message: text }]
}

const fromJson = (json: unknown): ReadonlyArray<Found> => {
  if (Predicate.isString(json)) return [{ message: json }]
  if (Array.isArray(json)) return json.slice(0, maximumEntries).map(fromEntry)
  if (!Predicate.isRecord(json)) return []
  const { errors } = json
  if (Array.isArray(errors)) return errors.slice(0, maximumEntries).map(fromEntry)
  return [fromEntry(Predicate.isRecord(errors) || Predicate.isString(errors) ? errors : json)]
}

/** One entry, or a body that stands for one: `{details}` and `{error, error_description}` come from token servers. */
const fromEntry = (entry: unknown): Found => {
  if (Predicate.isString(entry)) return { message: entry }
  if (!Predicate.isRecord(entry)) return {}
  const { code, detail, details, error, error_description: description, message } = entry
  // Google's API gateway wraps its words: {"error":{"code":403,"message":"…"}}.
  if (Predicate.isRecord(error)) return { code: error.code, message: error.message, detail: error.details }
  const isSentence = Predicate.isString(error) && /\s/.test(error)
  return {
    code: code ?? (isSentence ? undefined : error),
    message: [message, description, isSentence ? error : undefined, details, detail].find(isText),
    detail: detail ?? (Predicate.isString(details) ? undefined : details)
  }
}

const isText = (value: unknown): value is string => Predicate.isString(value) && value.trim() !== ""

/** A copy of JSON with clean strings, cut off at a depth and a number of nodes. */
const trimmed = (detail: unknown, show: Show): unknown => {
  let nodes = 0
  const copy = (value: unknown, depth: number): unknown => {
    if (Predicate.isString(value)) return printable(show(value), maximumMessage)
    // A password of digits is a number to a program that guesses types.
    if (Predicate.isNumber(value)) {
      const shown = show(String(value))
      return shown === String(value) ? value : shown
    }
    if (typeof value !== "object" || value === null) return value
    if (depth >= maximumDetailDepth || show.isFull()) return left
    // What has been counted so far bounds the breadth as well: a level is cut where the nodes run out.
    const take = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
      const taken = items.slice(0, Math.max(0, maximumDetailNodes - nodes))
      nodes += taken.length
      return taken
    }
    return Array.isArray(value)
      ? take(value).map((item) => copy(item, depth + 1))
      : Object.fromEntries(
        take(Object.entries(value)).map(([key, item]) => [printable(show(key), maximumCode), copy(item, depth + 1)])
      )
  }
  return copy(detail, 0)
}
