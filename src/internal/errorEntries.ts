/**
 * What a registry or a token server says in the body of a failed answer, whatever it sends: the result
 * always fits the errors that carry it, is bounded, and is clean for a terminal.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import { ErrorEntry } from "../RegistryError.js"
import type { Hide } from "./http/secrets.js"
import { parseJson, smallBounds } from "./json.js"
import { printable } from "./text.js"

const maximumEntries = 32
const maximumCode = 128
const maximumMessage = 1024
const maximumDetailNodes = 256
const maximumDetailDepth = 8

/** The code of an entry that came without one; the reference registry uses it for what it has no code for. */
const unknownCode = "UNKNOWN"

/**
 * Never fails: what says nothing gives no entries. `hide` takes out what must not be shown, and gets each text whole: of
 * a secret that is cut off, a part would stay.
 */
export const parseErrorBody = (body: Uint8Array | string, hide: Hide): ReadonlyArray<ErrorEntry> => {
  const json = parseJson(body, smallBounds)
  const found = json === undefined ? fromText(body) : fromJson(json)
  return found.slice(0, maximumEntries).map((entry) => bounded(entry, hide)).filter((entry) => entry !== undefined)
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

const bounded = ({ code, detail, message }: Found, hide: Hide): ErrorEntry | undefined => {
  const name = Predicate.isString(code) || Predicate.isNumber(code) ? printable(hide(String(code)), maximumCode) : ""
  const words = Predicate.isString(message) ? printable(hide(message), maximumMessage) : ""
  if (name === "" && words === "") return undefined
  return new ErrorEntry({
    code: name === "" ? unknownCode : name,
    ...(words === "" ? {} : { message: words }),
    ...(detail === undefined || detail === null ? {} : { detail: trimmed(detail, hide) })
  })
}

/** A copy of JSON with clean strings, cut off at a depth and a number of nodes. */
const trimmed = (detail: unknown, hide: Hide): unknown => {
  let nodes = 0
  const copy = (value: unknown, depth: number): unknown => {
    if (Predicate.isString(value)) return printable(hide(value), maximumMessage)
    // A password of digits is a number to a program that guesses types.
    if (Predicate.isNumber(value)) return hide(String(value)) === String(value) ? value : hide(String(value))
    if (typeof value !== "object" || value === null) return value
    if (depth >= maximumDetailDepth) return "…"
    // What has been counted so far bounds the breadth as well: a level is cut where the nodes run out.
    const take = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
      const taken = items.slice(0, Math.max(0, maximumDetailNodes - nodes))
      nodes += taken.length
      return taken
    }
    return Array.isArray(value)
      ? take(value).map((item) => copy(item, depth + 1))
      : Object.fromEntries(
        take(Object.entries(value)).map(([key, item]) => [printable(hide(key), maximumCode), copy(item, depth + 1)])
      )
  }
  return copy(detail, 0)
}
