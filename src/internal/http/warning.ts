/**
 * `Warning` headers of registries (distribution-spec, "Warnings").
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { printable } from "../text.js"
import type { Hide } from "./secrets.js"

const pattern = /(?:^|[\s,])299[ \t]+[^\s,"]+[ \t]+"((?:[^"\\]|\\.)*)"/g

/**
 * The texts of warnings with code 299, fit for a terminal and without secrets.
 *
 * @internal
 */
export const parse = (header: string, hide: Hide): ReadonlyArray<string> =>
  [...header.matchAll(pattern)].map((match) => printable(hide((match[1] ?? "").replace(/\\(.)/g, "$1"))))
    .filter((text) => text !== "")

/** How many different warnings are remembered: what comes beyond that is not logged. */
const remembered = 1000

/**
 * Logs each warning of a registry once.
 *
 * @internal
 */
export const makeLog = (): (registry: string, header: string | undefined, hide: Hide) => Effect.Effect<void> => {
  const seen = new Set<string>()
  return (registry, header, hide) =>
    header === undefined ? Effect.void : Effect.forEach(parse(header, hide), (text) => {
      const key = `${registry} ${text}`
      if (seen.has(key) || seen.size >= remembered) return Effect.void
      seen.add(key)
      return Effect.annotateLogs(Effect.logWarning(`${registry} warns: ${text}`), { registry })
    }, { discard: true })
}
