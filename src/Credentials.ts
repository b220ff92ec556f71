/**
 * Credentials.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { CredentialsError } from "./RegistryError.js"

/**
 * A credential.
 *
 * - `Basic`: a user and a password (or an access token in its place)
 * - `Bearer`: a token sent to the registry as it is
 * - `Identity`: a refresh token, given to the token server only
 *
 * @since 0.1.0
 * @category models
 */
export type Credential =
  | { readonly _tag: "Basic"; readonly username: string; readonly password: Redacted.Redacted }
  | { readonly _tag: "Bearer"; readonly token: Redacted.Redacted }
  | { readonly _tag: "Identity"; readonly token: Redacted.Redacted }

/**
 * For what a credential is wanted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  /** The registry as references name it: `docker.io`, `localhost:5000`. */
  readonly registry: string
  /** The repository within it, when the request is about one. */
  readonly repository?: string | undefined
  readonly actions: ReadonlyArray<"pull" | "push" | "delete">
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Credentials extends Context.Tag("effect-oci/Credentials")<Credentials, Credentials.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace Credentials {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly get: (request: Request) => Effect.Effect<Option.Option<Credential>, CredentialsError>
  }
}
