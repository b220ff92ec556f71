/**
 * The embedded registry over sockets, on Node.
 *
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import { withBody } from "./internal/server/exchange.js"
import { StorageError } from "./RegistryError.js"
import type { RegistryServer } from "./RegistryServer.js"

/**
 * Where a served registry is: `host` as references and URLs have it (`127.0.0.1:35001`), `url` with scheme and without
 * a slash at the end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Address {
  readonly host: string
  readonly port: number
  readonly url: string
}

/** Breaks the connection of a request. Behind a body, what has been written goes out first. */
const breakConnection = (
  request: HttpServerRequest.HttpServerRequest,
  how: "reset" | "flush"
): Effect.Effect<never> =>
  Effect.zipRight(
    Effect.sync(() => {
      const { socket } = NodeHttpServerRequest.toIncomingMessage(request)
      if (how === "reset") socket.resetAndDestroy()
      // The head of an answer and its first piece are corked until the next tick.
      else setImmediate(() => socket.destroySoon())
    }),
    // The platform interrupts the handler when the connection is closed.
    Effect.never
  )

/**
 * Serves a registry over plain http until the scope is closed, when all its connections are ended. The address is
 * `127.0.0.1` and a free port by default.
 *
 * Fails with `StorageError` when the address cannot be had; its `path` is the address.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import * as NodeRegistryServer from "effect-oci/NodeRegistryServer"
 * import * as RegistryServer from "effect-oci/RegistryServer"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const registry = yield* RegistryServer.make()
 *   const { host } = yield* NodeRegistryServer.serve(registry)
 *   yield* Effect.log(`push to ${host}/app:v1`)
 *   return yield* Effect.never
 * }).pipe(Effect.scoped)
 * ```
 */
export const serve: (
  registry: RegistryServer,
  options?: { readonly hostname?: string | undefined; readonly port?: number | undefined }
) => Effect.Effect<Address, StorageError, Scope.Scope> = Effect.fnUntraced(function*(registry, options) {
  const hostname = options?.hostname ?? "127.0.0.1"
  const port = options?.port ?? 0
  const node = Http.createServer({
    // A large blob over a slow line takes its time, and a client that keeps a connection must not lose it at once.
    requestTimeout: 0,
    // Without it Node would take that one for the headers too, and a connection that sends none would stay for ever.
    headersTimeout: 60_000,
    keepAliveTimeout: 60_000
  })
  const server = yield* Effect.mapError(
    NodeHttpServer.make(() => node, { host: hostname, port }),
    ({ cause }) =>
      new StorageError({
        path: `${hostname}:${port}`,
        reason: `cannot listen: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  )
  // Runs before the server waits for its connections to end: one that is stalled by plan never would.
  yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))

  const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    registry.app.pipe(
      Effect.map((response) => {
        const { body, headers } = response
        if (body._tag !== "Stream") return response
        // A body that fails has promised more than it gives: only the end of the connection tells the client.
        const guarded = Stream.catchAllCause(body.stream, (cause) =>
          Cause.isInterruptedOnly(cause)
            ? Stream.failCause(cause)
            : Stream.execute(breakConnection(request, "flush")))
        return withBody(response, headers, guarded)
      }),
      Effect.catchTag("ConnectionFault", () => breakConnection(request, "reset"))
    ))
  yield* server.serve(app)
  const address = node.address()
  const actual = typeof address === "object" && address !== null ? address.port : port
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${actual}`
  return { host, port: actual, url: `http://${host}` }
})
