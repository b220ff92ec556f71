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

/**
 * A coding of the body that is not understood is refused before anything is done (RFC 9112, 6.1). Node's parser hands on
 * requests with some of them: `gzip, chunked` as if it were `chunked`, and what is no `chunked` at all, like `xchunked`,
 * before it breaks the connection.
 */
export const checkFraming = ({ headers }: Exchange): Effect.Effect<void, Refusal> => {
  const coding = headers["transfer-encoding"]
  return coding === undefined || coding.trim().toLowerCase() === "chunked"
    ? Effect.void
    : refuse(501, "UNSUPPORTED", "chunked is the only transfer encoding that is understood", { connection: "close" })
}

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

/**
 * How much of a body that is too large is read all the same, and dropped: a client that sends it to its end then sees
 * the answer. One that goes on is cut off.
 */
const maxDropped = 16 * 1024 * 1024

/** A body as far as a limit goes. Once the stream has ended, `isOver` tells whether there was more. */
export const limited = <E>(body: Stream.Stream<Uint8Array, E>, limit: number): {
  readonly body: Stream.Stream<Uint8Array, E>
  readonly isOver: () => boolean
} => {
  let size = 0
  return {
    body: body.pipe(
      Stream.takeWhile(() => size <= limit + maxDropped),
      Stream.filter((part) => (size += part.byteLength) <= limit)
    ),
    isOver: () => size > limit
  }
}

/** Puts parts behind each other in one buffer: bytes that come one by one must not cost an object each. */
const gathering = () => {
  let buffer = new Uint8Array(64 * 1024)
  let size = 0
  return {
    add: (part: Uint8Array) => {
      if (size + part.byteLength > buffer.byteLength) {
        const larger = new Uint8Array(Math.max(2 * buffer.byteLength, size + part.byteLength))
        larger.set(buffer.subarray(0, size))
        buffer = larger
      }
      buffer.set(part, size)
      size += part.byteLength
    },
    bytes: () => buffer.slice(0, size)
  }
}

/** The whole body, or nothing once it is longer than `limit`. */
export const readBody = (
  exchange: Exchange,
  limit: number
): Effect.Effect<Uint8Array | undefined, BodyLost | ConnectionFault> =>
  Effect.suspend(() => {
    if (exchange.length !== undefined && exchange.length > limit) return Effect.succeed(undefined)
    const { body, isOver } = limited(exchange.body, limit)
    const gathered = gathering()
    return Effect.map(
      Stream.runForEachChunk(body, (parts) => Effect.sync(() => Chunk.forEach(parts, gathered.add))),
      () => isOver() ? undefined : gathered.bytes()
    )
  })

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
