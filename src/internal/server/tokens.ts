/**
 * Tokens that carry what they stand for, signed: nothing is kept for each of them, so that those who ask for tokens
 * cannot fill the memory of the registry.
 *
 * @internal
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"

export interface Tokens<A> {
  readonly sign: (claims: A) => string
  /** What the token stands for; `undefined` when it was not given out here, or has been revoked. */
  readonly verify: (token: string) => A | undefined
  /** Makes all tokens given out so far void. */
  readonly revokeAll: () => void
}

/** Tokens with a key of their own, which lives as long as they do. The claims must survive JSON. */
export const make = <A extends object>(): Tokens<A> => {
  let key = randomBytes(32)
  const sign = (body: string): Buffer => createHmac("sha256", key).update(body).digest()
  return {
    sign: (claims) => {
      // The number makes two tokens for the same claims differ.
      const content = JSON.stringify([claims, randomBytes(8).toString("hex")])
      const body = Buffer.from(content).toString("base64url")
      return `${body}.${sign(body).toString("base64url")}`
    },
    verify: (token) => {
      const [body = "", signature = "", ...rest] = token.split(".")
      const expected = sign(body)
      const given = Buffer.from(signature, "base64url")
      if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
      const [claims] = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as [A]
      return claims
    },
    revokeAll: () => {
      key = randomBytes(32)
    }
  }
}
