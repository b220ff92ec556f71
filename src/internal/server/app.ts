/**
 * The registry as one `HttpApp`: log, faults, access, then the handler of the route.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { gzipSync } from "node:zlib"
import type { ConnectionFault } from "../../RegistryFault.js"
import type { LoggedRequest, Options, Quirks, RegistryServer, Storage } from "../../RegistryServer.js"
import { collect } from "../bytes.js"
import * as Access from "./access.js"
import * as Blobs from "./blobs.js"
import {
  answerOf,
  checkFraming,
  type Exchange,
  fromRequest,
  type Handled,
  json,
  refusalOf,
  refuse,
  type Response,
  withBody
} from "./exchange.js"
import * as Listing from "./listing.js"
import * as Manifests from "./manifests.js"
import * as Plan from "./plan.js"
import * as RequestLog from "./requestLog.js"
import * as Sessions from "./sessions.js"
import * as Uploads from "./uploads.js"

type Entry = { -readonly [K in keyof LoggedRequest]: LoggedRequest[K] }

/** Upload sessions belong to the content: a second host of the same registry knows them too. */
const sessionsOf = new WeakMap<Storage, Sessions.Sessions>()

const openSessions = (storage: Storage, { uploadTimeout }: Uploads.Limits): Sessions.Sessions => {
  let sessions = sessionsOf.get(storage)
  if (sessions === undefined) {
    sessionsOf.set(storage, sessions = Sessions.make(Duration.toMillis(uploadTimeout)))
  }
  return sessions
}

const defaultMaxUploads = 1000
const defaultUploadTimeout = Duration.hours(1)
const defaultLogSize = 10_000

const writes = new Set(["PUT", "POST", "PATCH", "DELETE"])

const handle = (context: Uploads.Context, exchange: Exchange): Handled => {
  const { quirks, storage } = context
  const { kind, route } = exchange
  if (quirks.readOnly === true && writes.has(exchange.method)) {
    return refuse(405, "UNSUPPORTED", "this registry is read-only", { allow: "GET, HEAD" })
  }
  switch (route._tag) {
    case "Ping":
      if (kind === "ping") return Effect.succeed(json(200, {}, { "docker-distribution-api-version": "registry/2.0" }))
      break
    case "Catalog":
      if (kind === "catalog") return Listing.catalog(context, exchange)
      break
    case "Tags":
      if (kind === "tags") return Listing.tags(context, exchange, route.name)
      break
    case "Referrers":
      if (kind === "referrers") return Listing.referrers(context, exchange, route.name, route.digest)
      break
    case "Manifest": {
      const { name, reference } = route
      if (kind === "getManifest" || kind === "headManifest") return Manifests.read(context, exchange, name, reference)
      if (kind === "putManifest") return Manifests.put(context, exchange, name, reference)
      if (kind === "deleteManifest") return Manifests.remove(context, name, reference)
      break
    }
    case "Blob": {
      const { digest, name } = route
      if (kind === "getBlob" || kind === "headBlob") return Blobs.read(storage, quirks, exchange, name, digest)
      if (kind === "deleteBlob") return Blobs.remove(storage, quirks, name, digest)
      break
    }
    case "Uploads":
      if (kind === "startUpload" || kind === "mount") return Uploads.start(context, exchange, route.name)
      break
    case "Upload": {
      const { id, name } = route
      if (kind === "getUpload") return Uploads.status(context, exchange, name, id)
      if (kind === "patchUpload") return Uploads.patch(context, exchange, name, id)
      if (kind === "putUpload") return Uploads.close(context, exchange, name, id)
      if (kind === "deleteUpload") return Uploads.cancel(context, exchange, name, id)
      break
    }
    case "Unknown":
      return refuse(404, "UNSUPPORTED", "there is nothing at this path")
  }
  return refuse(405, "UNSUPPORTED", `${exchange.method} is not possible here`)
}

const schemeOf = (header: string | undefined): LoggedRequest["authorization"] =>
  header === undefined
    ? "none"
    : /^basic /i.test(header)
    ? "Basic"
    : /^bearer /i.test(header)
    ? "Bearer"
    : "other"

const unlogged = new Set(["authorization", "proxy-authorization", "cookie"])

let sequence = 0

const entryOf = (exchange: Exchange): Entry => ({
  sequence: ++sequence,
  kind: exchange.kind,
  method: exchange.method,
  path: exchange.path,
  query: exchange.rawQuery,
  headers: Object.fromEntries(Object.entries(exchange.headers).filter(([name]) => !unlogged.has(name))),
  authorization: schemeOf(exchange.headers.authorization),
  status: undefined,
  received: 0,
  sent: 0,
  faults: []
})

/** Counts what is taken of the body, without an effect for each piece. */
const counted = (response: Response, entry: Entry): Response => {
  const { body } = response
  if (body._tag === "Uint8Array") entry.sent += body.body.byteLength
  if (body._tag !== "Stream") return response
  return withBody(
    response,
    response.headers,
    Stream.mapChunks(
      body.stream,
      Chunk.map((part) => {
        entry.sent += part.byteLength
        return part
      })
    )
  )
}

/** A proxy that compresses what it passes on: sizes and digests no longer fit what is on the wire. */
const compressed = (response: Response, exchange: Exchange): Effect.Effect<Response> => {
  const { body, headers } = response
  const plain = exchange.headers["accept-encoding"] === "identity" || exchange.method !== "GET" ||
    response.status !== 200 || (exchange.kind !== "getBlob" && exchange.kind !== "getManifest")
  if (plain) return Effect.succeed(response)
  const content = body._tag === "Uint8Array"
    ? Effect.succeed(body.body)
    : body._tag === "Stream"
    ? Effect.orDie(collect(body.stream))
    : Effect.succeed(new Uint8Array())
  return Effect.map(content, (bytes) => {
    const packed = gzipSync(bytes)
    return HttpServerResponse.uint8Array(packed, {
      status: 200,
      contentType: headers["content-type"],
      headers: { ...headers, "content-encoding": "gzip", "content-length": String(packed.byteLength) }
    })
  })
}

const decorated = (response: Response, { warning }: Quirks): Response =>
  warning === undefined
    ? response
    : HttpServerResponse.setHeader(response, "warning", `299 - "${warning.replace(/["\\]/g, "\\$&")}"`)

export const make = (options: Options, storage: Storage): Effect.Effect<RegistryServer> =>
  Effect.sync(() => {
    const limits: Uploads.Limits = {
      maxUploads: options.maxUploads ?? defaultMaxUploads,
      uploadTimeout: Duration.decode(options.uploadTimeout ?? defaultUploadTimeout)
    }
    const sessions = openSessions(storage, limits)
    const host = {}
    const access = Access.make(options.auth ?? { _tag: "Anonymous" })
    const plan = Plan.make(options.faults ?? [])
    let quirks = options.quirks ?? {}
    const log = RequestLog.make<Entry>(options.logSize ?? defaultLogSize)

    const respond = Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest) {
      let received = 0
      const parsed = fromRequest(request, (bytes) => {
        received += bytes
        entry.received = received
      })
      const isToken = access.isTokenPath(parsed.path)
      const exchange: Exchange = isToken ? { ...parsed, kind: "token" } : parsed
      const entry = entryOf(exchange)
      log.add(entry)
      yield* sessions.expire
      const actions = plan.take(exchange)
      entry.faults = actions.map(({ _tag }) => _tag)

      let incoming = exchange
      let response: Response | undefined
      for (const action of actions) {
        incoming = Plan.incoming(action, incoming)
        response ??= yield* Plan.before(action, access.expire)
      }
      if (response === undefined) {
        const work = isToken
          ? access.token(incoming, quirks)
          : Effect.flatMap(
            access.check(incoming),
            (account) => handle({ storage, sessions, quirks, options, limits, host, account }, incoming)
          )
        response = yield* Effect.catchAll(
          Effect.zipRight(checkFraming(incoming), work),
          (error): Effect.Effect<Response, ConnectionFault> =>
            error._tag === "ConnectionFault" ? Effect.fail(error) : Effect.succeed(answerOf(refusalOf(error)))
        )
      }
      if (exchange.method === "HEAD" && response.body._tag !== "Empty") {
        // An error's body is not sent in answer to HEAD, only its headers.
        response = HttpServerResponse.empty({ status: response.status, headers: Headers.fromInput(response.headers) })
      }
      response = decorated(response, quirks)
      if (quirks.contentEncoding === "gzip") response = yield* compressed(response, exchange)
      for (const action of actions) response = yield* Plan.after(action, response)
      entry.status = response.status
      return counted(response, entry)
    })

    return {
      // The platform runs apps uninterruptibly; a client that goes away must be able to end a stall.
      app: Effect.interruptible(Effect.flatMap(HttpServerRequest.HttpServerRequest, respond)),
      requests: Effect.sync(() => log.all().map((entry) => ({ ...entry }))),
      clearRequests: Effect.sync(log.clear),
      setFaults: (faults) => Effect.sync(() => plan.set(faults)),
      setQuirks: (next) =>
        Effect.sync(() => {
          quirks = next
        }),
      expireTokens: Effect.sync(access.expire),
      openUploads: Effect.zipRight(sessions.expire, Effect.sync(sessions.size)),
      repository: storage.repository,
      isTokenPath: access.isTokenPath,
      storage
    }
  })
