/**
 * Patterns in which `*` stands for any run of characters, also none, `?` for any single one, and all else for itself.
 * The whole text has to match. No character is special to them: who splits at `/` does so before.
 *
 * Only the last `*` is ever gone back to, so the time is bounded by the product of the lengths, whatever the pattern.
 *
 * @internal
 */
export const matches = (pattern: string, text: string): boolean => {
  let p = 0
  let t = 0
  let star = -1
  let resume = 0
  while (t < text.length) {
    const wanted = pattern[p]
    if (wanted === "*") {
      star = p++
      resume = t
    } else if (wanted === "?" || wanted === text[t]) {
      p++
      t++
    } else if (star === -1) {
      return false
    } else {
      p = star + 1
      t = ++resume
    }
  }
  while (pattern[p] === "*") p++
  return p === pattern.length
}
