/**
 * Addresses: what may be shown of them, and what an address that a registry gave stands for.
 *
 * @internal
 */
import { printable } from "../text.js"

/**
 * An address fit for errors, logs and spans: no query, which may hold a signature, no user, no fragment.
 *
 * @internal
 */
export const redact = (url: string): string => printable(bare(url), 512)

/**
 * An address without query, user and fragment, as long as it is and with whatever is in its path.
 *
 * @internal
 */
export const bare = (url: string): string =>
  url.replace(/[?#].*$/s, "").replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/\\]*@/i, "$1//")

/**
 * The address without its fragment, which undici would put on the request line. Otherwise the text as it is: a signed
 * query that is taken apart and put together again is not the same.
 *
 * @internal
 */
export const withoutFragment = (url: string): string => {
  const hash = url.indexOf("#")
  return hash < 0 ? url : url.slice(0, hash)
}

/**
 * The query of an address, question mark included, as it is written.
 *
 * @internal
 */
export const queryOf = (url: string): string => {
  const mark = url.indexOf("?")
  return mark < 0 ? "" : url.slice(mark)
}

const scheme = /^[a-z][a-z0-9+.-]*:/i
const web = /^https?:\/\//i
const control = /[\u0000-\u001f\u007f]/

/** What cannot stand in a request line, in percent-encoding. */
const encoded = (text: string): string =>
  text.replace(/[^\u0021-\u007e]+/g, (part) => new URL(`x:?${part}#`).search.slice(1))

/**
 * The absolute address that a reference in a realm, a redirect, a `Location` or a `Link` stands for (RFC 3986 §5.2),
 * without its fragment; undefined when it is not one to send a request to. The query is kept byte for byte: a `URL` makes
 * `%27` of `'`, and what is signed would not be what is sent.
 *
 * @internal
 */
export const resolve = (reference: string, base: string): string | undefined => {
  const given = withoutFragment(reference.trim())
  const query = queryOf(given)
  const address = given.slice(0, given.length - query.length)
  if (given === "" || control.test(given) || address.includes("\\")) return undefined
  if (scheme.test(address) && !web.test(address)) return undefined
  if (!URL.canParse(address, base)) return undefined
  const to = new URL(address, base)
  if (to.protocol !== "https:" && to.protocol !== "http:") return undefined
  return to.username === "" && to.password === "" ? `${to.origin}${to.pathname}${encoded(query)}` : undefined
}
