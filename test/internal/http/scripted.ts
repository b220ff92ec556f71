/** An HttpClient that answers by a script, with a log of what it was asked. */
import * as HttpClient from "@effect/platform/HttpClient"
import { RequestError } from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Credentials from "../../../src/Credentials.js"
import { makeTransport } from "../../../src/internal/http/make.js"
import type { Request } from "../../../src/internal/http/transport.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

export type Reply =
  | {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>> | undefined
    readonly body?: string | ReadableStream<Uint8Array> | undefined
  }
  /** No answer, for this reason. */
  | { readonly cause: unknown }
  | "hang"

const bodyOf = (request: HttpClientRequest) => {
  switch (request.body._tag) {
    case "Uint8Array":
      return Effect.succeed(new TextDecoder().decode(request.body.body))
    case "Stream":
      return Stream.runFold(
        Stream.decodeText(request.body.stream as Stream.Stream<Uint8Array, unknown>),
        "",
        (a, b) => a + b
      )
    default:
      return Effect.succeed("")
  }
}

export const scripted = (script: (seen: Seen, count: number) => Reply | Effect.Effect<Reply>) => {
  const log: Array<Seen> = []
  const signals: Array<AbortSignal> = []
  /** What comes over a connection ends with it. */
  const abortable = (body: string | ReadableStream<Uint8Array> | undefined, signal: AbortSignal) =>
    body instanceof ReadableStream ? body.pipeThrough(new TransformStream(), { signal }) : body ?? null
  const client = HttpClient.make((request, url, signal) =>
    Effect.gen(function*() {
      const body = yield* Effect.mapError(
        bodyOf(request),
        (cause) => new RequestError({ request, reason: "Transport", cause })
      )
      const seen: Seen = { method: request.method, url: url.href, headers: { ...request.headers }, body }
      log.push(seen)
      signals.push(signal)
      const made = script(seen, log.length)
      const reply = Effect.isEffect(made) ? yield* made : made
      if (reply === "hang") return yield* Effect.never
      if ("cause" in reply) return yield* new RequestError({ request, reason: "Transport", cause: reply.cause })
      return HttpClientResponse.fromWeb(
        request,
        new Response(request.method === "HEAD" ? null : abortable(reply.body, signal), {
          status: reply.status,
          headers: { ...reply.headers }
        })
      )
    })
  )
  const layer = (credentials: Readonly<Record<string, Credentials.Credential>> = {}) =>
    Layer.merge(Layer.succeed(HttpClient.HttpClient, client), Layer.orDie(Credentials.layerHosts(credentials)))
  const transport = (
    options: RegistryConfig.Options = {},
    credentials: Readonly<Record<string, Credentials.Credential>> = {}
  ) => Effect.provide(makeTransport(options), layer(credentials))
  return { client, layer, log, signals, transport }
}

/** A GET for a manifest that accepts 200. */
export const get = (registry: string, options: Partial<Request> = {}): Request => ({
  method: "GET",
  registry,
  url: "/v2/team/app/manifests/1",
  scopes: ["repository:team/app:pull"],
  accept: [200],
  replay: true,
  ...options
})

export const coded = (code: string): Error => Object.assign(new Error(`failed with ${code}`), { code })

export const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
