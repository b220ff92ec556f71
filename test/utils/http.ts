/** Requests to embedded registries, for tests that look at the wire. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Effect from "effect/Effect"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
  readonly json: () => any
  /** The first code of an error body. */
  readonly code: () => string
}

/** Sends a request to `origin` and reads the whole answer. */
export const send = (
  origin: string,
  method: HttpMethod,
  url: string,
  options: {
    readonly headers?: Record<string, string>
    readonly body?: Uint8Array
    readonly type?: string
  } = {}
) =>
  Effect.gen(function*() {
    const target = url.startsWith("/") ? `${origin}${url}` : url
    const request = HttpClientRequest.make(method as "POST")(target, {
      headers: options.headers,
      ...(options.body === undefined
        ? {}
        : { body: HttpBody.uint8Array(options.body, options.type ?? "application/octet-stream") })
    })
    const response = yield* HttpClient.execute(request)
    const body = Buffer.from(method === "HEAD" ? new ArrayBuffer(0) : yield* response.arrayBuffer)
    const json = () => JSON.parse(body.toString("utf8"))
    return {
      status: response.status,
      headers: response.headers,
      body,
      json,
      code: () => json().errors[0].code
    } satisfies Answer as Answer
  })
