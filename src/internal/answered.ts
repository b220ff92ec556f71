/**
 * What the messages of errors say of a registry's answer.
 *
 * @internal
 */
import type { ErrorEntry } from "../RegistryError.js"

/** The registry's own words; the first few of many. */
export const words = (errors: ReadonlyArray<ErrorEntry>): string => {
  if (errors.length === 0) return ""
  const shown = errors.slice(0, 5)
    .map((e) => (e.message === undefined || e.message === "" ? e.code : `${e.code} (${e.message})`))
  return `: ${shown.join(", ")}${errors.length > shown.length ? `, and ${errors.length - shown.length} more` : ""}`
}

export const answered = (fields: {
  readonly method: string
  readonly url: string
  readonly status: number
  readonly errors: ReadonlyArray<ErrorEntry>
}): string => `${fields.method} ${fields.url} was answered ${fields.status}${words(fields.errors)}`
