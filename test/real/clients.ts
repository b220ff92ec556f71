/** Clients over real sockets, as a program on Node makes them. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Credentials from "../../src/Credentials.js"
import * as NodeRegistry from "../../src/NodeRegistry.js"
import * as RegistryClient from "../../src/RegistryClient.js"
import type * as RegistryConfig from "../../src/RegistryConfig.js"
import type { InvalidInput } from "../../src/RegistryError.js"
import { account, type Registry } from "./registry.js"

/**
 * A client that has seen nothing yet, with a connection pool of its own. It knows the account of one registry, and comes
 * to all others as nobody.
 */
export const connect = (
  secured?: Pick<Registry, "host">,
  { credentials = account, http = NodeRegistry.layerHttp({ proxy: false }), options = {} }: {
    readonly credentials?: typeof account
    readonly http?: Layer.Layer<HttpClient.HttpClient, InvalidInput>
    readonly options?: RegistryConfig.Options
  } = {}
) =>
  RegistryClient.layer(options).pipe(
    Layer.provide(
      secured === undefined
        ? Credentials.layerAnonymous
        : Credentials.layerBasic({ registry: secured.host, ...credentials })
    ),
    Layer.provide(http),
    Layer.build,
    Effect.map(Context.get(RegistryClient.RegistryClient))
  )
