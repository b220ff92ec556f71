/**
 * Identity tokens that a token server replaces: its answer may hold a new `refresh_token`, and the old one may end with
 * that (RFC 6749, section 6).
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Credentials from "../../Credentials.js"
import type { RegistryError } from "../../RegistryError.js"
import { put } from "./recent.js"
import type { Token, Wanted } from "./token.js"

/** How many identity tokens are remembered with what replaced them. A store may have a new one each time. */
const most = 64

/**
 * Asks with the newest identity token, in place of the one that the store of credentials has. It stays in memory, is for
 * the registry and the token server that it is from, and is dropped when it is refused.
 *
 * @internal
 */
export const make = (
  fetchToken: (wanted: Wanted) => Effect.Effect<Token, RegistryError>
): (wanted: Wanted) => Effect.Effect<Token, RegistryError> => {
  const replacements = new Map<string, Redacted.Redacted>()
  return (wanted) =>
    Effect.suspend(() => {
      const { credential, host, issuer } = wanted
      if (Option.isNone(credential) || credential.value._tag !== "Identity") return fetchToken(wanted)
      const stored = credential.value.token
      const key = JSON.stringify([host.registry, issuer.realm, issuer.service, Redacted.value(stored)])
      const newest = () => replacements.get(key) ?? stored
      const ask = (token: Redacted.Redacted) =>
        Effect.tap(
          fetchToken({ ...wanted, credential: Option.some(Credentials.identity(token)) }),
          ({ refreshToken }) =>
            Effect.sync(() => {
              if (refreshToken === undefined || Redacted.value(refreshToken) === Redacted.value(newest())) return
              host.secrets.learn(Redacted.value(refreshToken))
              put(replacements, key, refreshToken, most)
            })
        )
      const sent = newest()
      return Effect.catchTag(ask(sent), "Unauthorized", (error) => {
        // Another request may have got a newer one meanwhile, which ended the one that was sent here.
        if (newest() === sent) replacements.delete(key)
        const other = newest()
        return other === sent ? Effect.fail(error) : ask(other)
      })
    })
}
