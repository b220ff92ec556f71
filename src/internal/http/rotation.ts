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
import * as Pool from "../pool.js"
import { put } from "./recent.js"
import type { Token, Wanted } from "./token.js"

/** How many identity tokens are remembered with what replaced them. A store may have a new one each time. */
const most = 64

/** What is known of an identity token of the store. */
interface Chain {
  readonly turns: Pool.Pool
  /** Whether the token server replaces it; undefined until the first answer. */
  rotates: boolean | undefined
  /** The newest that replaced it. */
  replacement: Redacted.Redacted | undefined
}

/**
 * Asks with the newest identity token, in place of the one that the store of credentials has. It stays in memory, is for
 * the registry and the token server that it is from, and is dropped when it is refused.
 *
 * A token server may take one that has ended for a theft, and end all of them. So each request waits for the answer to
 * the one before it, which may hold the token to send, until an answer shows that the token server replaces none.
 *
 * @internal
 */
export const make = (
  fetchToken: (wanted: Wanted) => Effect.Effect<Token, RegistryError>
): (wanted: Wanted) => Effect.Effect<Token, RegistryError> => {
  const chains = new Map<string, Chain>()
  return (wanted) =>
    Effect.suspend(() => {
      const { credential, host, issuer } = wanted
      if (Option.isNone(credential) || credential.value._tag !== "Identity") return fetchToken(wanted)
      const stored = credential.value.token
      const key = JSON.stringify([host.registry, issuer.realm, issuer.service, Redacted.value(stored)])
      const chain: Chain = chains.get(key) ?? { turns: Pool.make(1), rotates: undefined, replacement: undefined }
      put(chains, key, chain, most)
      const newest = () => chain.replacement ?? stored
      const ask = (token: Redacted.Redacted) =>
        Effect.tap(
          fetchToken({ ...wanted, credential: Option.some(Credentials.identity(token)) }),
          ({ refreshToken }) =>
            Effect.sync(() => {
              chain.rotates ??= false
              if (refreshToken === undefined || Redacted.value(refreshToken) === Redacted.value(newest())) return
              host.secrets.learn(Redacted.value(refreshToken))
              chain.rotates = true
              chain.replacement = refreshToken
            })
        )
      const now = Effect.suspend(() => {
        const sent = newest()
        return Effect.catchTag(ask(sent), "Unauthorized", (error) => {
          // Another request may have got a newer one meanwhile, which ended the one that was sent here.
          if (newest() === sent) chain.replacement = undefined
          const other = newest()
          return other === sent ? Effect.fail(error) : ask(other)
        })
      })
      if (chain.rotates === false) return now
      // Those who waited only for the first answer need no turn after it.
      const inTurn = chain.turns.run(
        Effect.suspend(() => chain.rotates === false ? Effect.succeed(undefined) : now)
      )
      return Effect.flatMap(inTurn, (token) => token === undefined ? now : Effect.succeed(token))
    })
}
