/**
 * One request to the registry as its handlers see it, and the answers they give.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Digest from "../../Digest.js"
import type { NotFound } from "../../OperationError.js"
import type { RegistryError } from "../../RegistryError.js"
import { ConnectionFault, type Kind } from "../../RegistryFault.js"
import { concat } from "../bytes.js"
import { type Route, route } from "./route.js"

export type Response = HttpServerResponse.HttpServerResponse

/** The client's body did not come to its end. */
export class BodyLost extends Data.TaggedError("BodyLost") {}

/** An answer that is an error, with the words of distribution-spec's error codes. */
export class Refusal extends Data.TaggedError("Refusal")<{
  readonly status: number
  readonly errors: ReadonlyArray<{ readonly code: string; readonly message: string; readonly detail?: unknown }>
  readonly headers?: Readonly<Record<string, string>>
}> {}

export type HandlerError = Refusal | RegistryError | NotFound | ConnectionFault | BodyLost
export type Handled = Effect.Effect<Response, HandlerError>

export interface Exchange {
  readonly method: string
  readonly kind: Kind
  readonly route: Route
  /** As it was sent, without the query. */
  readonly path: string
  readonly rawQuery: string
  readonly query: URLSearchParams
  readonly headers: Headers.Headers
  /** Scheme and authority under which the client reached the registry. */
  readonly origin: string
  readonly body: Stream.Stream<Uint8Array, BodyLost | ConnectionFault>
  /** The `Content-Length`, when there is a usable one. */
  readonly length: number | undefined
}

export const fromRequest = (
  request: HttpServerRequest.HttpServerRequest,
  counted: (bytes: number) => void
): Exchange => {
  const [path = "/", ...rest] = request.url.split("?")
  const rawQuery = rest.join("?")
  const query = new URLSearchParams(rawQuery)
  const headers = request.headers
  const length = headers["content-length"]
  const absolute = /^(https?):\/\//.exec(request.originalUrl)
  const source: unknown = request.source
  // A web Request without a body has none to stream, which the platform makes an error; a closing PUT has none.
  const bodiless = typeof source === "object" && source !== null && "body" in source && source.body === null &&
    !Object.hasOwn(request, "stream")
  const { kind, route: target } = route(request.method, path, query)
  return {
    method: request.method,
    kind,
    route: target,
    path,
    rawQuery,
    query,
    headers,
    origin: `${absolute?.[1] ?? "http"}://${headers.host ?? "localhost"}`,
    length: length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    body: bodiless ? Stream.empty : Stream.mapError(
      Stream.mapChunks(
        request.stream,
        Chunk.map((bytes) => {
          counted(bytes.byteLength)
          return bytes
        })
      ),
      () => new BodyLost()
    )
  }
}

export const refuse = (
  status: number,
  code: string,
  message: string,
  headers?: Readonly<Record<string, string>>
): Refusal => new Refusal({ status, errors: [{ code, message }], ...(headers === undefined ? {} : { headers }) })

export const json = (
  status: number,
  content: unknown,
  headers: Readonly<Record<string, string>> = {},
  contentType = "application/json"
): Response => bytes(status, new TextEncoder().encode(JSON.stringify(content)), contentType, headers)

export const bytes = (
  status: number,
  body: Uint8Array,
  contentType: string,
  headers: Readonly<Record<string, string>> = {}
): Response =>
  HttpServerResponse.uint8Array(body, {
    status,
    contentType,
    headers: Headers.fromInput({ ...headers, "content-length": String(body.byteLength) })
  })

export const empty = (status: number, headers: Readonly<Record<string, string>> = {}): Response =>
  HttpServerResponse.empty({
    status,
    headers: Headers.fromInput(status === 204 ? headers : { ...headers, "content-length": "0" })
  })

/** The answer with another body, and no header but its own: the platform would put a `Content-Type` where there is none. */
export const withBody = (
  { status }: Response,
  headers: Headers.Headers,
  body: Stream.Stream<Uint8Array, unknown>
): Response =>
  HttpServerResponse.setBody(
    HttpServerResponse.empty({ status, headers }),
    HttpBody.stream(body, headers["content-type"] ?? "")
  )

/** For HEAD: the headers of a body that is not sent. */
export const headersOnly = (status: number, headers: Readonly<Record<string, string>>): Response =>
  HttpServerResponse.empty({ status, headers: Headers.fromInput(headers) })

/** The whole body, or nothing once it is longer than `limit`; what comes after is read and dropped. */
export const readBody = (
  exchange: Exchange,
  limit: number
): Effect.Effect<Uint8Array | undefined, BodyLost | ConnectionFault> => {
  if (exchange.length !== undefined && exchange.length > limit) return Effect.succeed(undefined)
  return Effect.map(
    Stream.runFold(exchange.body, { size: 0, parts: [] as Array<Uint8Array> }, (state, part) => {
      state.size += part.byteLength
      if (state.size <= limit) state.parts.push(part)
      return state
    }),
    ({ parts, size }) => size > limit ? undefined : concat(parts)
  )
}

const codes: Readonly<Record<NotFound["resource"], string>> = {
  registry: "NAME_UNKNOWN",
  repository: "NAME_UNKNOWN",
  manifest: "MANIFEST_UNKNOWN",
  blob: "BLOB_UNKNOWN",
  upload: "BLOB_UPLOAD_UNKNOWN"
}

/** What a failure is on the wire. A store's own trouble is not told in detail: it names paths of this machine. */
export const refusalOf = (error: Exclude<HandlerError, ConnectionFault>): Refusal => {
  switch (error._tag) {
    case "Refusal":
      return error
    case "BodyLost":
      return refuse(400, "BLOB_UPLOAD_INVALID", "the body of the request ended early")
    case "NotFound":
      return refuse(404, codes[error.resource], error.message)
    case "DigestMismatch":
      return refuse(400, "DIGEST_INVALID", error.message)
    case "SizeMismatch":
      return refuse(400, "SIZE_INVALID", error.message)
    case "ManifestInvalid":
    case "UnsupportedMediaType":
      return refuse(400, "MANIFEST_INVALID", error.message)
    case "InvalidInput":
      return refuse(
        400,
        error.field === "name" ? "NAME_INVALID" : error.field === "digest" ? "DIGEST_INVALID" : "MANIFEST_INVALID",
        error.message
      )
    default:
      return refuse(500, "UNKNOWN", "the registry's store failed")
  }
}

export const answerOf = (refusal: Refusal): Response =>
  json(refusal.status, { errors: refusal.errors }, refusal.headers ?? {})

export const digestHeader = (digest: Digest.Digest, quirk: false | undefined): Readonly<Record<string, string>> =>
  quirk === false ? {} : { "docker-content-digest": digest }
