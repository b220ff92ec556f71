/**
 * Addresses that a registry gave: `Location` of an upload, `Link` of a next page.
 *
 * @internal
 */

const scheme = /^[a-z][a-z0-9+.-]*:/i
const web = /^https?:\/\//i

/**
 * The absolute address that a reference stands for, or undefined when it is not one to send a request to. Its query is
 * kept byte for byte: a `URL` object would rewrite `%20`, `~` and more, and signatures would no longer hold.
 */
export const resolve = (reference: string, base: string): string | undefined => {
  const given = reference.trim().split("#", 1)[0] ?? ""
  if (given === "" || /[\u0000-\u0020\u007f\\]/.test(given) || !URL.canParse(base)) return undefined
  const from = new URL(base)
  const absolute = join(given, from)
  if (absolute === undefined || !URL.canParse(absolute)) return undefined
  const to = new URL(absolute)
  if (to.username !== "" || to.password !== "") return undefined
  // Registries behind a proxy that ends TLS call themselves http; nothing is gained by believing them.
  return from.protocol === "https:" && to.protocol === "http:" && to.host === from.host
    ? absolute.replace(/^http:/i, "https:")
    : absolute
}

const join = (given: string, from: URL): string | undefined => {
  if (scheme.test(given)) return web.test(given) ? given : undefined
  if (given.startsWith("//")) return `${from.protocol}${given}`
  if (given.startsWith("/")) return `${from.origin}${given}`
  const mark = given.indexOf("?")
  const path = mark === -1 ? given : given.slice(0, mark)
  const query = mark === -1 ? "" : given.slice(mark)
  const resolved = new URL(path === "" ? from.pathname : path, from)
  return `${resolved.origin}${resolved.pathname}${query}`
}

/** The address with one more query parameter, appended as text. */
export const withParameter = (url: string, name: string, value: string): string => {
  const joint = !url.includes("?") ? "?" : /[?&]$/.test(url) ? "" : "&"
  return `${url}${joint}${name}=${encodeURIComponent(value)}`
}

/** Whether both lead to the same scheme, host and port. */
export const sameOrigin = (one: string, other: string): boolean =>
  URL.canParse(one) && URL.canParse(other) && new URL(one).origin === new URL(other).origin
