/** What requests are, and how many of each kind there were. */

const things: ReadonlyArray<readonly [pattern: RegExp, thing: string]> = [
  [/^\/token\b/, "token"],
  [/^\/v2\/?$/, "ping"],
  [/^\/v2\/.+\/blobs\/uploads\//, "upload"],
  [/^\/v2\/.+\/blobs\//, "blob"],
  [/^\/v2\/.+\/manifests\//, "manifest"],
  [/^\/v2\/.+\/referrers\//, "referrers"],
  [/^\/v2\/.+\/tags\/list$/, "tags"]
]

/** The method and what it is for: `GET blob`, `POST upload`. */
export const kind = (method: string, path: string): string => {
  const [pathname = ""] = path.split("?")
  return `${method} ${things.find(([pattern]) => pattern.test(pathname))?.[1] ?? "other"}`
}

export type Kinds = Readonly<Record<string, number>>

/** Sorted by kind. */
export const count = (requests: ReadonlyArray<{ readonly kind: string }>): Kinds => {
  const kinds: Record<string, number> = {}
  for (const kind of requests.map(({ kind }) => kind).sort()) kinds[kind] = (kinds[kind] ?? 0) + 1
  return kinds
}

export const total = (kinds: Kinds): number => Object.values(kinds).reduce((sum, number) => sum + number, 0)

export const add = (one: Kinds, other: Kinds): Kinds => {
  const names = Array.from(new Set([...Object.keys(one), ...Object.keys(other)])).sort()
  return Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]))
}

/** Uploads, manifests put, deletions: what changes a registry. */
export const writes = (kinds: Kinds): number =>
  total(Object.fromEntries(Object.entries(kinds).filter(([name]) => !/^(GET|HEAD|POST token)/.test(name))))

export const words = (kinds: Kinds): string =>
  Object.entries(kinds).map(([name, number]) => `${number} ${name}`).join(", ")
