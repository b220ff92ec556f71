import * as Duration from "effect/Duration"

/**
 * Text that came from a registry or a caller, made fit for a person's terminal: no control characters, no terminal
 * escapes, no bidirectional overrides or other invisible characters, no half surrogates, and not longer than a message
 * should be (`maximum` in UTF-16 units, one more with the mark of the cut).
 *
 * @internal
 */
export const printable = (text: string, maximum = 1024): string => {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, " ").trim()
  if (clean.length <= maximum) return clean
  const last = clean.charCodeAt(maximum - 1)
  return `${clean.slice(0, last >= 0xd800 && last <= 0xdbff ? maximum - 1 : maximum)}…`
}

/**
 * A whole error message: one line, clean like `printable`. What it was put together from has its own limits; this is
 * the last.
 *
 * @internal
 */
export const line = (message: string): string => printable(message, 16_384)

/** How long to wait, for a person: `0.5 s`. */
export const seconds = (duration: Duration.Duration): string => `${Duration.toSeconds(duration).toFixed(1)} s`
