/**
 * Embedded registries as an `HttpClient`, without sockets: what a program that talks to registries is tested with.
 * Requests are answered in the fiber that sends them, so `TestClock` rules every wait, on both sides. That is also true of
 * the end of an upload that is interrupted while the registry does not answer: it waits for 300 ms, and then for its
 * cancellation, at most 450 ms.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Host, makeClient } from "./internal/server/client.js"
import { InvalidInput, type StorageError } from "./RegistryError.js"
import type { Fault } from "./RegistryFault.js"
import * as RegistryServer from "./RegistryServer.js"
import type { Repository } from "./Repository.js"

/**
 * A registry of a test. `contentOf` names another one of the same layer whose content and upload sessions this one
 * serves as well, as a content delivery network does.
 *
 * @since 0.1.0
 * @category models
 */
export interface RegistryOptions extends Omit<RegistryServer.Options, "storage" | "contentOf"> {
  readonly contentOf?: string | undefined
}

/**
 * The registries by host as it stands in URLs: `registry.example`, `localhost:5000`, `registry-1.docker.io`. The one
 * registry of a layer without any is `registry.example`. A host that is not among them cannot be reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly registries?: Readonly<Record<string, RegistryOptions>> | undefined
}

/**
 * The registries behind the `HttpClient`, for a test to look into and to meddle with.
 *
 * @since 0.1.0
 * @category tags
 */
export class RegistryTest extends Context.Tag("effect-oci/RegistryTest")<RegistryTest, RegistryTest.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace RegistryTest {
  /**
   * `InvalidInput` means that the layer has no such registry.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly server: (registry: string) => Effect.Effect<RegistryServer.RegistryServer, InvalidInput>
    /** The requests to one registry, or to all of them in the order in which they came. */
    readonly requests: (
      registry?: string
    ) => Effect.Effect<ReadonlyArray<RegistryServer.LoggedRequest & { readonly registry: string }>>
    /** Forgets the requests so far. */
    readonly clearRequests: Effect.Effect<void>
    /** Puts another fault plan in place, its counts at zero. */
    readonly setFaults: (registry: string, faults: ReadonlyArray<Fault>) => Effect.Effect<void, InvalidInput>
    readonly setQuirks: (registry: string, quirks: RegistryServer.Quirks) => Effect.Effect<void, InvalidInput>
    /** A repository past all HTTP, to put content there or to look at what came. */
    readonly repository: (
      registry: string,
      name: string
    ) => Effect.Effect<Repository, InvalidInput | StorageError>
  }
}

const defaultRegistry = "registry.example"

/**
 * The service and the client.
 *
 * Fails with `InvalidInput` when `contentOf` names no other registry of the options, or a `realm` is not a URL.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (
  options?: Options
) => Effect.Effect<
  { readonly registries: RegistryTest.Service; readonly client: HttpClient.HttpClient },
  InvalidInput
> = Effect.fnUntraced(function*(options: Options = {}) {
  const wanted = Object.entries(options.registries ?? { [defaultRegistry]: {} })
  const hosts = new Map<string, Host>()
  // Those that lean on another one come last.
  for (const second of [false, true]) {
    for (const [name, { contentOf, ...rest }] of wanted) {
      if ((contentOf !== undefined) !== second) continue
      const first = contentOf === undefined ? undefined : hosts.get(contentOf)?.server
      if (contentOf !== undefined && first === undefined) {
        return yield* new InvalidInput({ field: "contentOf", reason: `${contentOf} is not a registry of its own` })
      }
      const storage = first === undefined ? yield* RegistryServer.storageMemory(name) : undefined
      const server = yield* RegistryServer.make({ ...rest, storage, contentOf: first })
      const realm = rest.auth?._tag === "Bearer" && rest.auth.realm !== undefined ? new URL(rest.auth.realm) : undefined
      hosts.set(name, { name, server, realm })
    }
  }

  const find = (registry: string) => {
    const host = hosts.get(registry)
    return host === undefined
      ? new InvalidInput({ field: "registry", reason: `there is no registry ${registry} in this layer` })
      : Effect.succeed(host.server)
  }
  const client = makeClient(hosts)

  const registries: RegistryTest.Service = {
    server: find,
    requests: (registry) =>
      Effect.map(
        Effect.forEach(
          Array.from(hosts.values()).filter(({ name }) => registry === undefined || registry === name),
          ({ name, server }) =>
            Effect.map(server.requests, (entries) => entries.map((entry) => ({ registry: name, ...entry })))
        ),
        (logs) => logs.flat().sort((a, b) => a.sequence - b.sequence)
      ),
    clearRequests: Effect.suspend(() =>
      Effect.forEach(hosts.values(), ({ server }) => server.clearRequests, { discard: true })
    ),
    setFaults: (registry, faults) => Effect.flatMap(find(registry), (server) => server.setFaults(faults)),
    setQuirks: (registry, quirks) => Effect.flatMap(find(registry), (server) => server.setQuirks(quirks)),
    repository: (registry, name) => Effect.flatMap(find(registry), (server) => server.repository(name))
  }
  return { registries, client }
})

/**
 * Provides `HttpClient`, answered by registries in memory, and `RegistryTest`.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import * as RegistryTest from "effect-oci/RegistryTest"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const registries = yield* RegistryTest.RegistryTest
 *   yield* registries.setFaults("registry.example", [{ kind: "getBlob", action: { _tag: "CutBody", after: 100 } }])
 *   return yield* registries.requests()
 * }).pipe(Effect.provide(RegistryTest.layer()))
 * ```
 */
export const layer = (
  options?: Options
): Layer.Layer<HttpClient.HttpClient | RegistryTest, InvalidInput> =>
  Layer.effectContext(
    Effect.map(make(options), ({ client, registries }) =>
      Context.empty().pipe(
        Context.add(HttpClient.HttpClient, client),
        Context.add(RegistryTest, registries)
      ))
  )
