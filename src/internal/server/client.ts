/**
 * Apps as an `HttpClient`, without sockets: a web Request goes in, the app runs in the caller's fiber.
 *
 * @internal
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ConnectionFault } from "../../RegistryFault.js"
import type { RegistryServer } from "../../RegistryServer.js"
import { collect } from "../bytes.js"

export interface Host {
  readonly name: string
  readonly server: RegistryServer
  /** Where its token endpoint is, when that is on another host. */
  readonly realm: URL | undefined
}

/** What a refused connection is in Node: other layers' errors carry the same code. */
const connectionError = (code: string, message: string): Error => Object.assign(new Error(message), { code })

const find = (hosts: ReadonlyMap<string, Host>, url: URL): Host | undefined => {
  for (const host of hosts.values()) {
    if (host.realm?.host === url.host && host.server.isTokenPath(url.pathname)) return host
  }
  return hosts.get(url.host)
}

const headersOf = (request: HttpClientRequest.HttpClientRequest, url: URL): Record<string, string> => {
  const { body, headers, method } = request
  const all: Record<string, string> = { ...headers, host: url.host }
  if (all["content-length"] === undefined) {
    const length = body._tag === "Empty"
      ? (method === "POST" || method === "PUT" || method === "PATCH" ? 0 : undefined)
      : body.contentLength
    if (length !== undefined) all["content-length"] = String(length)
    else if (body._tag !== "Empty") all["transfer-encoding"] = "chunked"
  }
  if (body._tag !== "Empty" && all["content-type"] === undefined && body.contentType !== undefined) {
    all["content-type"] = body.contentType
  }
  return all
}

/**
 * The request as the app sees it. A streamed body is handed on as the stream it is: in a web stream it would run ahead
 * of its reader, and what was read before a failure would be lost with it.
 */
const serverRequest = (
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  failed: (cause: Cause.Cause<unknown>) => void
): HttpServerRequest.HttpServerRequest => {
  const { body } = request
  // An empty body is none, as it is on the wire; the bytes are copied because the caller may use them again.
  const bytes = body._tag === "Uint8Array" && body.body.byteLength > 0 ? { body: Uint8Array.from(body.body) } : {}
  const other = body._tag === "FormData" ? { body: body.formData } : body._tag === "Raw" ? { body: body.body } : {}
  const init = { method: request.method, headers: headersOf(request, url), ...bytes, ...other } as RequestInit
  const web = HttpServerRequest.fromWeb(new Request(url, init))
  if (body._tag !== "Stream") return web
  const stream = body.stream.pipe(
    Stream.tapErrorCause((cause) => Effect.sync(() => failed(cause))),
    Stream.mapError((cause) => new HttpServerError.RequestError({ request: web, reason: "Decode", cause }))
  )
  return Object.create(web, { stream: { value: stream } }) as HttpServerRequest.HttpServerRequest
}

/** The answer as the client sees it; its body runs in the fiber that reads it, once, like one that comes from a socket. */
const clientResponse = (
  request: HttpClientRequest.HttpClientRequest,
  answer: HttpServerResponse.HttpServerResponse,
  signal: AbortSignal
): HttpClientResponse.HttpClientResponse => {
  const { body, headers, status } = answer
  if (body._tag !== "Stream" || request.method === "HEAD") {
    const web = HttpServerResponse.toWeb(answer, { withoutBody: request.method === "HEAD" })
    return HttpClientResponse.fromWeb(request, web)
  }
  const bare = HttpClientResponse.fromWeb(request, new Response(null, { status, headers: { ...headers } }))
  const failure = (cause: unknown) =>
    new HttpClientError.ResponseError({ request, response: bare, reason: "Decode", cause })
  const aborted = Effect.async<never, HttpClientError.ResponseError>((resume) => {
    const abort = () => resume(Effect.fail(failure(signal.reason)))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort)
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })
  let taken = false
  const stream = Stream.suspend(() => {
    if (taken) return Stream.empty
    taken = true
    return Stream.interruptWhen(Stream.mapError(body.stream, failure), aborted)
  })
  const whole = collect(stream)
  const text = Effect.map(whole, (bytes) => new TextDecoder().decode(bytes))
  const json = Effect.tryMap(text, { try: (content): unknown => JSON.parse(content), catch: failure })
  return Object.create(bare, {
    stream: { value: stream },
    arrayBuffer: { value: Effect.map(whole, (bytes) => bytes.buffer) },
    text: { value: text },
    json: { value: json }
  }) as HttpClientResponse.HttpClientResponse
}

export const makeClient = (hosts: ReadonlyMap<string, Host>): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) =>
    Effect.gen(function*() {
      const transport = (cause: unknown) => new HttpClientError.RequestError({ request, reason: "Transport", cause })
      const host = find(hosts, url)
      if (host === undefined) {
        return yield* transport(connectionError("ENOTFOUND", `getaddrinfo ENOTFOUND ${url.hostname}`))
      }
      let lost: Cause.Cause<unknown> | undefined
      let fault: ConnectionFault | undefined
      let response: HttpClientResponse.HttpClientResponse | undefined
      const app = Effect.catchAll(host.server.app, (error) => {
        fault = error
        return Effect.succeed(HttpServerResponse.empty({ status: 500 }))
      })
      yield* HttpApp.toHandled(app, (_, answer) =>
        Effect.sync(() => {
          response = clientResponse(request, answer, signal)
        })).pipe(
          Effect.provideService(
            HttpServerRequest.HttpServerRequest,
            serverRequest(request, url, (cause) => {
              lost ??= cause
            })
          ),
          // What a registry does is no part of its client's traces.
          Effect.withTracerEnabled(false)
        )
      if (lost !== undefined) return yield* transport(Cause.squash(lost))
      if (fault !== undefined) {
        const code = fault.reason === "Refused" ? "ECONNREFUSED" : "ECONNRESET"
        return yield* transport(connectionError(code, fault.message))
      }
      if (response === undefined) return yield* transport(connectionError("ECONNRESET", "no answer was given"))
      return response
    })
  )
