/**
 * Addresses that a registry gave for itself: `Location` of an upload, `Link` of a next page.
 *
 * @internal
 */
import { resolve } from "../http/url.js"

/**
 * The absolute address that a reference stands for, or undefined when it is not one to send a request to. Registries behind
 * a proxy that ends TLS call themselves http; nothing is gained by believing them, so those stay on https.
 */
export const resolveOwn = (reference: string, base: string): string | undefined => {
  const to = resolve(reference, base)
  if (to === undefined || !to.startsWith("http:")) return to
  const from = new URL(base)
  return from.protocol === "https:" && from.host === new URL(to).host ? to.replace(/^http:/, "https:") : to
}

/** The address with one more query parameter, appended as text. */
export const withParameter = (url: string, name: string, value: string): string => {
  const joint = !url.includes("?") ? "?" : /[?&]$/.test(url) ? "" : "&"
  return `${url}${joint}${name}=${encodeURIComponent(value)}`
}

/** Whether both lead to the same scheme, host and port. */
export const sameOrigin = (one: string, other: string): boolean =>
  URL.canParse(one) && URL.canParse(other) && new URL(one).origin === new URL(other).origin
