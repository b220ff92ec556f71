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
 * A reference in a `Location` or `Link`, resolved against where it was found; undefined when it is no address at all.
 *
 * @internal
 */
export const resolve = (reference: string, base: string): URL | undefined =>
  URL.canParse(reference, base) ? new URL(reference, base) : undefined
