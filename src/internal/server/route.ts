/**
 * Paths of the distribution API, matched by hand: a router's parameters end at a hundred characters, and repository
 * names hold slashes.
 *
 * @internal
 */
import type { Kind } from "../../RegistryFault.js"

export type Route =
  | { readonly _tag: "Ping" }
  | { readonly _tag: "Catalog" }
  | { readonly _tag: "Tags"; readonly name: string }
  | { readonly _tag: "Referrers"; readonly name: string; readonly digest: string }
  | { readonly _tag: "Manifest"; readonly name: string; readonly reference: string }
  | { readonly _tag: "Blob"; readonly name: string; readonly digest: string }
  | { readonly _tag: "Uploads"; readonly name: string }
  | { readonly _tag: "Upload"; readonly name: string; readonly id: string }
  | { readonly _tag: "Unknown" }

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

// The first group is greedy: the last occurrence of the fixed word counts, so that repositories may be named like it.
const shapes: ReadonlyArray<readonly [RegExp, (name: string, rest: string) => Route]> = [
  [/^(.+)\/blobs\/uploads()\/?$/, (name) => ({ _tag: "Uploads", name })],
  [/^(.+)\/blobs\/uploads\/([^/]+)$/, (name, id) => ({ _tag: "Upload", name, id })],
  [/^(.+)\/blobs\/([^/]+)$/, (name, digest) => ({ _tag: "Blob", name, digest })],
  [/^(.+)\/manifests\/([^/]+)$/, (name, reference) => ({ _tag: "Manifest", name, reference })],
  [/^(.+)\/referrers\/([^/]+)$/, (name, digest) => ({ _tag: "Referrers", name, digest })],
  [/^(.+)\/tags\/list()$/, (name) => ({ _tag: "Tags", name })]
]

const parse = (path: string): Route => {
  if (path === "/v2/" || path === "/v2") return { _tag: "Ping" }
  const inside = path.startsWith("/v2/") ? decode(path.slice(4)) : undefined
  if (inside === undefined) return { _tag: "Unknown" }
  if (inside === "_catalog") return { _tag: "Catalog" }
  for (const [shape, make] of shapes) {
    const match = shape.exec(inside)
    if (match?.[1] !== undefined && match[2] !== undefined) return make(match[1], match[2])
  }
  return { _tag: "Unknown" }
}

const kinds: Readonly<Record<string, Kind>> = {
  "GET Ping": "ping",
  "HEAD Ping": "ping",
  "GET Catalog": "catalog",
  "GET Tags": "tags",
  "GET Referrers": "referrers",
  "HEAD Manifest": "headManifest",
  "GET Manifest": "getManifest",
  "PUT Manifest": "putManifest",
  "DELETE Manifest": "deleteManifest",
  "HEAD Blob": "headBlob",
  "GET Blob": "getBlob",
  "DELETE Blob": "deleteBlob",
  "POST Uploads": "startUpload",
  "GET Upload": "getUpload",
  "PATCH Upload": "patchUpload",
  "PUT Upload": "putUpload",
  "DELETE Upload": "deleteUpload"
}

export const route = (
  method: string,
  path: string,
  query: URLSearchParams
): { readonly kind: Kind; readonly route: Route } => {
  const found = parse(path)
  const kind = kinds[`${method} ${found._tag}`] ?? "other"
  return { kind: kind === "startUpload" && query.has("mount") ? "mount" : kind, route: found }
}
