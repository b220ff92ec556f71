/**
 * Text that came from a registry, made fit for a person's terminal: no control characters, no terminal escapes, no
 * bidirectional overrides, and not longer than a message should be.
 *
 * @internal
 */
export const printable = (text: string, maximum = 1024): string => {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g, " ")
    .trim()
  return clean.length > maximum ? `${clean.slice(0, maximum)}…` : clean
}
