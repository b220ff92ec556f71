/**
 * Who to be to which registry. A credential goes to the registry it was configured for and to that registry's token
 * server, to nobody else.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { isAnonymous } from "./internal/http/credential.js"
import { canonical, isRegistry } from "./internal/http/host.js"
import { mask } from "./internal/reference.js"
import { CredentialsError } from "./RegistryError.js"

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
 * The source of credentials. It is asked when a registry demands them, and again when it refuses them or a token has to
 * be renewed; `none` means to go on anonymously.
 *
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

/**
 * A user and a password for one registry.
 *
 * @since 0.1.0
 * @category models
 */
export interface BasicOptions {
  /** As references name it: `docker.io`, `ghcr.io`, `localhost:5000`. */
  readonly registry: string
  readonly username: string
  readonly password: Redacted.Redacted
}

/**
 * A user and a password, or an access token in its place. Both empty mean to be anonymous.
 *
 * @since 0.1.0
 * @category constructors
 */
export const basic = (username: string, password: Redacted.Redacted): Credential => ({
  _tag: "Basic",
  username,
  password
})

/**
 * A token that is sent to the registry as it is.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bearer = (token: Redacted.Redacted): Credential => ({ _tag: "Bearer", token })

/**
 * A refresh token, which the registry's token server takes for access tokens.
 *
 * @since 0.1.0
 * @category constructors
 */
export const identity = (token: Redacted.Redacted): Credential => ({ _tag: "Identity", token })

/**
 * Credentials by the name of the registry; the names of Docker Hub (`docker.io`, `index.docker.io`,
 * `registry-1.docker.io`) are one. Fails with `CredentialsError` when a name is not that of a registry, or is there
 * twice.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  hosts: Readonly<Record<string, Credential>>
): Effect.fn.Return<Credentials.Service, CredentialsError> {
  const known = new Map<string, Option.Option<Credential>>()
  for (const [name, credential] of Object.entries(hosts)) {
    const registry = canonical(name)
    if (!isRegistry(registry)) {
      const reason = "this is not the name of a registry, a host with an optional port"
      return yield* new CredentialsError({ registry: mask(name).shown, reason })
    }
    if (known.has(registry)) {
      return yield* new CredentialsError({ registry, reason: "there is more than one credential for it" })
    }
    known.set(registry, isAnonymous(credential) ? Option.none() : Option.some(credential))
  }
  return { get: ({ registry }) => Effect.succeed(known.get(canonical(registry)) ?? Option.none()) }
})

/**
 * No credentials for any registry.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAnonymous: Layer.Layer<Credentials> = Layer.succeed(Credentials, {
  get: () => Effect.succeed(Option.none())
})

/**
 * Credentials for several registries, by name. All others are used anonymously.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHosts = (
  hosts: Readonly<Record<string, Credential>>
): Layer.Layer<Credentials, CredentialsError> => Layer.effect(Credentials, make(hosts))

/**
 * A user and a password for one registry. All others are used anonymously.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerBasic = (options: BasicOptions): Layer.Layer<Credentials, CredentialsError> =>
  layerHosts({ [options.registry]: basic(options.username, options.password) })

/**
 * `layerBasic` with some or all of its options read from the configuration. Fails with `ConfigError` when one is not
 * there.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<BasicOptions>
): Layer.Layer<Credentials, ConfigError | CredentialsError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layerBasic))

/**
 * Like `layerConfig`, for several registries by name.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHostsConfig = (
  hosts: Readonly<Record<string, Config.Config.Wrap<Omit<BasicOptions, "registry">>>>
): Layer.Layer<Credentials, ConfigError | CredentialsError> =>
  Layer.unwrapEffect(Effect.map(
    Effect.forEach(
      Object.entries(hosts),
      ([name, options]) =>
        Effect.map(
          Config.unwrap(options),
          ({ password, username }): readonly [string, Credential] => [name, basic(username, password)]
        )
    ),
    (entries) => layerHosts(Object.fromEntries(entries))
  ))
