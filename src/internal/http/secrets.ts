/**
 * What was sent to a registry in confidence, taken out of the texts that come from it: a registry, or a proxy before it,
 * may repeat in its answer what it was sent, in any way of writing (`bad header Authorization: Basic …`).
 *
 * @internal
 */
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import { printable } from "../text.js"
import { forms, plain, type Reading, readings } from "./reading.js"
import { put } from "./recent.js"
import { bare } from "./url.js"

/** A text of a registry without secrets, and without the queries of the addresses in it. */
export type Hide = (text: string) => string

/** What goes out with a request. */
export interface Sent {
  readonly url: string
  /** Values of the headers that are for the registry alone. */
  readonly headers: ReadonlyArray<string>
  /** Fields of a form, as a token server gets them. */
  readonly form?: string | undefined
}

/** The secrets of one registry and of its token server. */
export interface Secrets {
  /** Notes what goes out. What it gives hides that for as long as the exchange takes, and what went out lately. */
  readonly sent: (request: Sent) => Hide
  /** Notes a secret that was received, and that will go out later. */
  readonly learn: (secret: string) => void
  /** Hides what went out lately. */
  readonly hide: Hide
  /** An address that the registry gave, fit for errors, logs and spans: no query, no user, no secret. */
  readonly shown: (url: string, hide?: Hide) => string
}

const stars = "***"

/**
 * A secret that is shorter is hidden only where it stands alone, and one shorter than `shortestWord` not at all: as a part
 * of other words it would be found everywhere, and is guessed in no time. What goes over the wire, `Basic dTp4` for one,
 * is longer.
 */
const shortest = 8
const shortestWord = 4

/** So many characters from the beginning of a secret are hidden also where the registry has cut off the rest. */
const telling = 12

/** How many values of each kind are remembered after their exchange. */
const remembered = 64

/**
 * How many values of one address are remembered after its exchange, the longest first: the registry chooses them, and
 * could push out all others.
 */
const rememberedOfUrl = 8

/** How many values of one address are hidden in its own exchange, the longest first: each takes time with every text. */
const hiddenOfUrl = 128

/**
 * How much of a text is looked at, in UTF-16 units. What comes after that is not shown.
 *
 * @internal
 */
export const longest = 16_384
/** What is taken off the end of a longer text, as a secret may be cut there: more than `telling` escaped characters. */
const margin = 256

/** A secret in one way of writing. */
interface Needle {
  /** So much of it is looked for: its beginning, or all where the beginning alone gives nothing away. */
  readonly head: string
  /** All of it, made where the head was found. */
  readonly whole: () => string
  /** Of the head: where no part of a text has this number, the needle need not be looked for. */
  readonly gram: number
}

/** How many different numbers `gram` gives. */
const grams = 1 << 14

/** A number for the `shortestWord` units from a place in a text on. No needle is shorter. */
const gram = (text: string, at: number): number => {
  let hash = 0
  for (let i = at; i < at + shortestWord; i++) hash = Math.imul(hash, 31) + text.charCodeAt(i)
  return hash & (grams - 1)
}

const needle = (head: string, whole: () => string): Needle => ({ head, whole, gram: gram(head, 0) })

/** Parameters of addresses and forms that the protocol itself defines, and that hold no secret. */
const publicParameters = new Set(
  ("account artifactType client_id digest digest-algorithm from grant_type last mount n offline_token scope service tag")
    .split(" ")
)

const valuesOf = (query: string): ReadonlyArray<string> =>
  Array.from(new URLSearchParams(query)).flatMap(([name, value]) => publicParameters.has(name) ? [] : [value])

const queryOf = (url: string): string => {
  const mark = url.indexOf("?")
  return mark < 0 ? "" : url.slice(mark)
}

/** What is secret of a header's value: the credentials without their scheme, the password within them, cookies. */
const confided = (header: string): ReadonlyArray<Needle> => {
  const [, scheme = "", rest = header] = /^([\w-]+)[ \t]+(.+)$/.exec(header) ?? []
  const basic = scheme.toLowerCase() === "basic" ? Option.getRight(Encoding.decodeBase64String(rest)) : Option.none()
  const pair = Option.getOrElse(basic, () => "")
  return [
    ...needles(rest),
    ...needles(pair.slice(pair.indexOf(":") + 1)),
    // The name alone is no secret.
    ...needles(pair).map(({ whole }) => needle(whole(), whole)),
    ...Array.from(rest.matchAll(/=([^;,\s]+)/g)).flatMap(([, value = ""]) => needles(value))
  ]
}

/** The ways in which a value may be repeated. */
const needles = (value: string): ReadonlyArray<Needle> => {
  const written = forms(value).filter((text) => text.length >= shortestWord)
  return [
    ...written.map((text) => needle(text.slice(0, telling), () => text)),
    ...[0, 1, 2].flatMap((offset) => needle64(value, offset))
  ]
}

const needle64 = (value: string, offset: number): ReadonlyArray<Needle> => {
  const whole = () => within64(value, offset)
  // What the beginning of a value is in base64 is the beginning of what all of it is.
  const begin = within64(value.slice(0, 4 * telling), offset)
  const head = (begin.length < 2 * telling ? whole() : begin).slice(0, telling)
  return head.length < shortest ? [] : [needle(head, whole)]
}

/** What base64 makes of a value with so many bytes before it, without the characters that others have a part in. */
const within64 = (value: string, offset: number): string => {
  const bytes = new TextEncoder().encode(value)
  const shifted = new Uint8Array(offset + bytes.length)
  shifted.set(bytes, offset)
  const coded = Encoding.encodeBase64(shifted).slice(Math.ceil(offset * 8 / 6), Math.floor(shifted.length * 8 / 6))
  return forms(coded)[0] ?? ""
}

/** A value, and what to look for; that is made only when there is a text to look through. */
class Secret {
  #needles: ReadonlyArray<Needle> | undefined
  constructor(readonly find: () => ReadonlyArray<Needle>) {}
  get needles(): ReadonlyArray<Needle> {
    return this.#needles ??= this.find()
  }
}

/** Values in the order in which they were sent last. */
class Recent {
  readonly #secrets = new Map<string, Secret>()
  get secrets(): Iterable<Secret> {
    return this.#secrets.values()
  }
  readonly remember = (value: string, find: (value: string) => ReadonlyArray<Needle>): Secret => {
    const secret = this.#secrets.get(value) ?? new Secret(() => find(value))
    put(this.#secrets, value, secret, remembered)
    return secret
  }
}

/** Where something secret begins and ends. */
type Span = readonly [start: number, end: number]

const findAll = (reading: Reading, { head, whole }: Needle, spans: Array<Span>): void => {
  const { ends, starts, text } = reading
  let at = text.indexOf(head)
  if (at < 0) return
  const secret = whole()
  while (at >= 0) {
    let end = at + head.length
    while (end - at < secret.length && text[end] === secret[end - at]) end++
    if (secret.length >= shortest || standsAlone(reading, at, end)) spans.push([starts[at] ?? 0, ends[end - 1] ?? 0])
    at = text.indexOf(head, end)
  }
}

const isWordly = (unit: string | undefined): boolean => unit !== undefined && /[\p{L}\p{N}]/u.test(unit)

/** Whether there is no letter or digit right before and behind it. */
const standsAlone = ({ ends, starts, text }: Reading, at: number, end: number): boolean =>
  (!isWordly(text[at - 1]) || (ends[at - 1] ?? 0) < (starts[at] ?? 0)) &&
  (!isWordly(text[end]) || (ends[end - 1] ?? 0) < (starts[end] ?? 0))

const conceal = (text: string, secrets: Iterable<Secret>): string => {
  const looked = text.slice(0, longest)
  const all = readings(looked)
  const spans: Array<Span> = []
  const seen = new Uint8Array(grams)
  for (const { text } of all) {
    for (let at = 0; at + shortestWord <= text.length; at++) seen[gram(text, at)] = 1
  }
  for (const { needles } of secrets) {
    for (const needle of needles) {
      if (seen[needle.gram] === 0) continue
      for (const reading of all) findAll(reading, needle, spans)
    }
  }
  spans.sort(([a], [b]) => a - b)
  const limit = text.length > longest ? longest - margin : looked.length
  let shown = ""
  let done = 0
  for (const [start, end] of spans) {
    if (start >= limit) break
    // Two that overlap are one.
    if (start >= done) shown += looked.slice(done, start) + stars
    done = Math.max(done, end)
  }
  return withoutQueries(shown + looked.slice(done, Math.max(done, limit)))
}

/** Where there may be a question mark, escaped or not. */
const mayHaveQuery = /\?|3f|63;/i

/**
 * Whatever looks like an address loses its query, which may be a signature. None of the patterns has two ways to match
 * the same characters, so that it takes no longer for a text that is made for it.
 */
const withoutQueries = (text: string): string =>
  mayHaveQuery.test(text) ? text.replace(/[^\s"<>]+/g, withoutQuery) : text

const withoutQuery = (word: string): string => {
  if (!mayHaveQuery.test(word)) return word
  const { ends, text } = plain(word)
  const mark = text.indexOf("?")
  if (mark < 0 || !/[\p{L}\p{N}]/u.test(text.slice(mark))) return word
  if (!/[/=]|[\p{L}\p{N}]\.[\p{L}\p{N}]/u.test(text)) return word
  // A quotation mark may be a part of the query, or the end of one.
  const end = /'[).,:;!\]]*$/.exec(word)?.[0] ?? ""
  return `${word.slice(0, ends[mark])}${stars}${end}`
}

/**
 * `origin` is the registry's own, which stays in the addresses that are shown.
 *
 * @internal
 */
export const make = (origin: string): Secrets => {
  // Of headers and forms, which the registry cannot add to.
  const credentials = new Recent()
  // Of addresses, most of which the registry gave.
  const queries = new Recent()
  const hiding = (own: ReadonlyArray<Secret>): Hide => (text) =>
    conceal(text, new Set([...own, ...credentials.secrets, ...queries.secrets]))

  const hide = hiding([])
  return {
    hide,
    learn: (secret) => void credentials.remember(secret, needles),
    sent: ({ form, headers, url }) => {
      const values = Array.from(new Set(valuesOf(queryOf(url)))).sort((a, b) => b.length - a.length)
      return hiding([
        ...headers.map((header) => credentials.remember(header, confided)),
        ...valuesOf(form ?? "").map((value) => credentials.remember(value, needles)),
        // The longest last, so that it is forgotten last.
        ...values.slice(0, rememberedOfUrl).reverse().map((value) => queries.remember(value, needles)),
        ...values.slice(rememberedOfUrl, hiddenOfUrl).map((value) => new Secret(() => needles(value)))
      ])
    },
    shown: (url, hidden = hide) => {
      const address = bare(url)
      const own = address.startsWith(`${origin}/`) ? origin : ""
      return printable(own + hidden(address.slice(own.length)), 512)
    }
  }
}
