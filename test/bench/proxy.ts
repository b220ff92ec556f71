/**
 * A loopback proxy in front of a registry that logs every request, can delay each, and demands bearer tokens. It is how
 * every tool is measured alike: what it sends is counted where it arrives.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { pipeline } from "node:stream"
import { kind } from "./requests.js"
import * as Tokens from "./tokens.js"

export interface Request {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly kind: string
  /** 0 while there is no answer. */
  readonly status: number
  /** When it arrived, and when its answer was out, in milliseconds of `performance.now()`. */
  readonly start: number
  readonly end: number
}

export interface Proxy {
  /** `localhost:PORT`, as references name it. */
  readonly host: string
  /** In the order in which they arrived. */
  readonly requests: ReadonlyArray<Request>
}

export interface Options {
  /** Milliseconds that every request waits before it is looked at. */
  readonly delay: number
}

const unauthorized = JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] })

/** For as long as the scope; `upstream` is the registry's `HOST:PORT`, which is to send relative upload locations. */
export const start = (upstream: string, options: Options): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const agent = new http.Agent({ keepAlive: true })
      const tokens = Tokens.make()
      const requests: Array<{ -readonly [Field in keyof Request]: Request[Field] }> = []
      let realm = ""

      const forward = (request: http.IncomingMessage, response: http.ServerResponse) => {
        const { authorization: _, ...headers } = request.headers
        const [hostname, port] = upstream.split(":")
        const onward = http.request(
          { agent, hostname, port, method: request.method, path: request.url, headers },
          (answer) => {
            response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
            pipeline(answer, response, () => {})
          }
        )
        onward.on("error", () => response.destroy())
        pipeline(request, onward, () => {})
      }

      const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
        if (request.url?.startsWith("/token") === true) {
          response.setHeader("content-type", "application/json")
          response.end(tokens.issue(request))
          return
        }
        const challenge = tokens.challenge(request, realm)
        if (challenge === undefined) return forward(request, response)
        response.writeHead(401, { "content-type": "application/json", "www-authenticate": challenge })
        response.end(request.method === "HEAD" ? undefined : unauthorized)
      }

      const server = http.createServer((request, response) => {
        const [method = "", path = ""] = [request.method, request.url]
        const entry = { method, path, kind: kind(method, path), status: 0, start: performance.now(), end: NaN }
        requests.push(entry)
        response.on("close", () => {
          entry.end = performance.now()
          if (response.headersSent) entry.status = response.statusCode
        })
        if (options.delay === 0) answer(request, response)
        else setTimeout(() => answer(request, response), options.delay)
      })
      server.keepAliveTimeout = 60_000
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const { port } = server.address() as AddressInfo
      // By name, crane takes no realm whose host is a loopback address; oras none that is not the registry's host.
      const host = `localhost:${port}`
      realm = `http://${host}/token`
      return { proxy: { host, requests }, server, agent }
    }),
    ({ agent, server }) =>
      Effect.promise(async () => {
        agent.destroy()
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      })
  ).pipe(Effect.map(({ proxy }) => proxy))
