/**
 * What is sent of a credential, and what may be said about it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Credential } from "../../Credentials.js"
import { CredentialsError } from "../../RegistryError.js"
import { printable } from "../text.js"

/**
 * A user without a name and a password stands for nobody.
 *
 * @internal
 */
export const isAnonymous = (credential: Credential): boolean =>
  credential._tag === "Basic" && credential.username === "" && Redacted.value(credential.password) === ""

/**
 * Whether both are the same user with the same secret.
 *
 * @internal
 */
export const isSame: (a: Option.Option<Credential>, b: Option.Option<Credential>) => boolean = Option.getEquivalence(
  (a: Credential, b: Credential) => {
    if (a._tag === "Basic") {
      return b._tag === "Basic" && a.username === b.username && isSameSecret(a.password, b.password)
    }
    return b._tag === a._tag && isSameSecret(a.token, b.token)
  }
)

const isSameSecret = (a: Redacted.Redacted, b: Redacted.Redacted): boolean => Redacted.value(a) === Redacted.value(b)

/**
 * The words for it in errors: who, never with what.
 *
 * @internal
 */
export const describe = (credential: Option.Option<Credential>): string => {
  if (Option.isNone(credential)) return "anonymous"
  switch (credential.value._tag) {
    case "Basic":
      return `basic credentials of user ${JSON.stringify(printable(credential.value.username, 128))}`
    case "Bearer":
      return "the configured bearer token"
    case "Identity":
      return "the configured identity token"
  }
}

/**
 * The value of a Basic `Authorization` header. A user name with a colon cannot be told from its password (RFC 7617).
 *
 * @internal
 */
export const basic = (
  registry: string,
  username: string,
  password: Redacted.Redacted
): Effect.Effect<Redacted.Redacted, CredentialsError> => {
  const secret = Redacted.value(password)
  const control = /[\u0000-\u001f\u007f]/
  if (username.includes(":") || control.test(username) || control.test(secret)) {
    const reason = "a user name with a colon, or a control character in user name or password, cannot be sent"
    return Effect.fail(new CredentialsError({ registry, reason }))
  }
  return Effect.succeed(Redacted.make(`Basic ${Encoding.encodeBase64(`${username}:${secret}`)}`))
}

/**
 * The value of a Bearer `Authorization` header, of a token that a header can hold.
 *
 * @internal
 */
export const bearer = (
  registry: string,
  token: string
): Effect.Effect<Redacted.Redacted, CredentialsError> =>
  /^[\x21-\x7e]+$/.test(token)
    ? Effect.succeed(Redacted.make(`Bearer ${token}`))
    : Effect.fail(new CredentialsError({ registry, reason: "the bearer token holds a character that cannot be sent" }))
