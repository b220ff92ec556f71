/** Two embedded registries, a source and a destination, behind one `HttpClient`. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Credentials from "../../src/Credentials.js"
import * as NodeRegistryServer from "../../src/NodeRegistryServer.js"
import * as RegistryClient from "../../src/RegistryClient.js"
import type * as RegistryConfig from "../../src/RegistryConfig.js"
import type { CredentialsError } from "../../src/RegistryError.js"
import * as RegistryServer from "../../src/RegistryServer.js"
import * as RegistryTest from "../../src/RegistryTest.js"

export interface Host {
  /** As references name it. */
  readonly name: string
  readonly server: RegistryServer.RegistryServer
}

export class Pair extends Context.Tag("test/Pair")<Pair, { readonly source: Host; readonly destination: Host }>() {}

export interface Options {
  readonly source?: RegistryTest.RegistryOptions | undefined
  readonly destination?: RegistryTest.RegistryOptions | undefined
}

export type Environment = (options?: Options) => Layer.Layer<Pair | HttpClient.HttpClient, unknown>

/** Without sockets. */
export const memory: Environment = (options = {}) =>
  Layer.provideMerge(
    Layer.effect(
      Pair,
      Effect.gen(function*() {
        const registries = yield* RegistryTest.RegistryTest
        return {
          source: { name: "source.test", server: yield* registries.server("source.test") },
          destination: { name: "destination.test", server: yield* registries.server("destination.test") }
        }
      })
    ),
    RegistryTest.layer({
      registries: { "source.test": options.source ?? {}, "destination.test": options.destination ?? {} }
    })
  )

/** Over loopback sockets; `http` is the client's side of them. */
export const sockets = <E>(http: Layer.Layer<HttpClient.HttpClient, E>): Environment => (options = {}) =>
  Layer.merge(
    http,
    Layer.scoped(
      Pair,
      Effect.gen(function*() {
        const open = Effect.fnUntraced(function*({ contentOf: _, ...rest }: RegistryTest.RegistryOptions) {
          const server = yield* RegistryServer.make(rest)
          const { host } = yield* NodeRegistryServer.serve(server)
          return { name: host, server }
        })
        return { source: yield* open(options.source ?? {}), destination: yield* open(options.destination ?? {}) }
      })
    )
  )

/** The client of a test, anonymous unless it brings credentials. */
export const client = (
  credentials: Layer.Layer<Credentials.Credentials, CredentialsError> = Credentials.layerAnonymous,
  config: RegistryConfig.Options = {}
) => Layer.provide(RegistryClient.layer(config), credentials)

/** `METHOD path` of the requests to a registry, without the token server's. */
export const requests = (host: Host) =>
  Effect.map(
    host.server.requests,
    (log) => log.filter(({ kind }) => kind !== "token").map(({ method, path }) => `${method} ${path}`)
  )

/** The kinds of the requests to a registry, in order. */
export const kinds = (host: Host) => Effect.map(host.server.requests, (log) => log.map(({ kind }) => kind))

export const writes = (host: Host) =>
  Effect.map(
    host.server.requests,
    (log) => log.filter(({ kind, method }) => kind !== "token" && !["GET", "HEAD"].includes(method))
  )
