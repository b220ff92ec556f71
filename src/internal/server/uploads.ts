/**
 * Upload sessions: POST, PATCH, PUT, GET, DELETE, and mounts (S-10 to S-15).
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import * as Digest from "../../Digest.js"
import { NotFound } from "../../OperationError.js"
import type { Options, Quirks, Storage, Upload } from "../../RegistryServer.js"
import * as Names from "../names.js"
import * as Pool from "../pool.js"
import {
  digestHeader,
  empty,
  type Exchange,
  type Handled,
  type HandlerError,
  type Refusal,
  refuse,
  type Response
} from "./exchange.js"

interface Session {
  readonly id: string
  readonly name: string
  readonly upload: Upload
  readonly lock: Pool.Pool
  readonly algorithm: Digest.Algorithm | undefined
  /** Last byte of the first chunk, for registries that never tell more. */
  firstLast: number | undefined
  /** A chunk below the least length has come: it must have been the last. */
  short: boolean
  serial: number
}

export type Sessions = Map<string, Session>

export interface Context {
  readonly storage: Storage
  readonly sessions: Sessions
  readonly quirks: Quirks
  readonly options: Options
}

export const absolute = (quirks: Quirks, exchange: Exchange, path: string): string => {
  const form = quirks.location ?? "relative"
  return form === "relative" ? path : form === "absolute" ? `${exchange.origin}${path}` : `${form}${path}`
}

/**
 * What a client must hand back byte for byte: one that takes the query apart and puts it together again turns `%20` to
 * `+` or `~` to `%7E`.
 */
const state = (session: Session): string => `_state=${session.id.slice(0, 8)}~%20${session.serial}`

const progress = ({ quirks }: Context, exchange: Exchange, session: Session): Record<string, string> => {
  if (quirks.freshLocations === true) session.serial++
  const size = session.upload.size()
  const last = quirks.staleRange === true ? session.firstLast ?? 0 : Math.max(0, size - 1)
  return {
    location: absolute(quirks, exchange, `/v2/${session.name}/blobs/uploads/${session.id}?${state(session)}`),
    range: `0-${last}`,
    "docker-upload-uuid": session.id
  }
}

export const start = (context: Context, exchange: Exchange, name: string): Handled =>
  Effect.gen(function*() {
    const { options, quirks, sessions, storage } = context
    yield* Names.checkName(name)
    const algorithm = exchange.query.get("digest-algorithm") ?? undefined
    if (algorithm !== undefined && !Digest.isAlgorithm(algorithm)) {
      return yield* refuse(400, "DIGEST_INVALID", "this digest algorithm is not supported")
    }
    const mount = exchange.query.get("mount")
    if (mount !== null) {
      const mounted = yield* tryMount(context, exchange, name, mount)
      if (mounted !== undefined) return mounted
    }
    const digest = exchange.query.get("digest")
    const wanted = digest === null ? undefined : yield* supported(digest)
    yield* withinLimit(options, exchange, 0)
    const upload = yield* storage.upload(name)
    if (wanted !== undefined && quirks.singlePost !== false) {
      return yield* Effect.onError(
        Effect.gen(function*() {
          yield* upload.append(exchange.body)
          return yield* commit(context, exchange, name, upload, wanted)
        }),
        () => upload.discard
      )
    }
    const session: Session = {
      id: randomUUID(),
      name,
      upload,
      lock: Pool.make(1),
      algorithm,
      firstLast: undefined,
      short: false,
      serial: 0
    }
    sessions.set(session.id, session)
    return empty(202, {
      ...progress(context, exchange, session),
      ...(quirks.chunkMinLength === undefined ? {} : { "oci-chunk-min-length": String(quirks.chunkMinLength) })
    })
  })

const supported = (input: string): Effect.Effect<Digest.Digest, Refusal> =>
  Digest.isDigest(input) && Digest.isSupported(input)
    ? Effect.succeed(input)
    : refuse(400, "DIGEST_INVALID", "the digest is malformed or of an algorithm that is not supported")

const tryMount = (
  { quirks, storage }: Context,
  exchange: Exchange,
  name: string,
  mount: string
): Effect.Effect<Response | undefined, HandlerError> =>
  Effect.gen(function*() {
    if (quirks.mount === "denied") {
      return yield* refuse(403, "DENIED", "mounting from that repository is not allowed")
    }
    const digest = yield* supported(mount)
    if (quirks.mount === "off") return undefined
    const from = exchange.query.get("from") ?? (yield* storage.find(digest))
    if (from === undefined || !Names.isName(from) || !(yield* storage.has(from))) return undefined
    const repository = yield* storage.repository(name)
    const done = from === name
      ? yield* repository.hasBlob(digest)
      : repository.mountBlob !== undefined && (yield* repository.mountBlob({ digest, size: 0 }, from))
    return done ? created(quirks, exchange, name, digest) : undefined
  })

const created = (quirks: Quirks, exchange: Exchange, name: string, digest: Digest.Digest): Response =>
  empty(201, {
    location: absolute(quirks, exchange, `/v2/${name}/blobs/${digest}`),
    ...digestHeader(digest, quirks.digestHeader)
  })

const commit = ({ quirks }: Context, exchange: Exchange, name: string, upload: Upload, digest: Digest.Digest) =>
  Effect.as(upload.commit(digest), created(quirks, exchange, name, digest))

const withinLimit = ({ maxBlobSize }: Options, exchange: Exchange, size: number): Effect.Effect<void, Refusal> =>
  maxBlobSize !== undefined && size + (exchange.length ?? 0) > maxBlobSize
    ? refuse(413, "SIZE_INVALID", `blobs may have ${maxBlobSize} bytes at most`)
    : Effect.void

const find = (
  { quirks, sessions }: Context,
  exchange: Exchange,
  name: string,
  id: string
): Effect.Effect<Session, NotFound | Refusal> => {
  const session = sessions.get(id)
  if (session === undefined || session.name !== name) {
    return new NotFound({ resource: "upload", reference: id, side: "none", errors: [] })
  }
  // Most Go programs re-encode the query, and registries bear it.
  const given = quirks.exactLocationQuery === true
    ? exchange.rawQuery.split("&").find((part) => part.startsWith("_state="))
    : `_state=${encodeURIComponent(exchange.query.get("_state") ?? "")}`
  if (given === state(session)) return Effect.succeed(session)
  return quirks.freshLocations === true
    ? refuse(404, "BLOB_UPLOAD_UNKNOWN", "this Location has been replaced by a newer one")
    : refuse(400, "BLOB_UPLOAD_INVALID", "the query of the Location must be handed back as it was given")
}

/** Takes in a chunk. One that does not fit is refused with the state of the session, which stays (S-12). */
const append = (context: Context, exchange: Exchange, session: Session): Effect.Effect<void, HandlerError> =>
  Effect.gen(function*() {
    const { options, quirks } = context
    const { upload } = session
    const before = upload.size()
    const refused = (reason: string) => refuse(416, "BLOB_UPLOAD_INVALID", reason, progress(context, exchange, session))
    const range = exchange.headers["content-range"]
    const match = range === undefined ? undefined : /^(\d{1,15})-(\d{1,15})$/.exec(range)
    if (match === null) return yield* refused("the Content-Range is malformed")
    let expected = exchange.length
    if (match !== undefined) {
      const length = Number(match[2]) - Number(match[1]) + 1
      if (Number(match[1]) !== before) return yield* refused(`the next byte is ${before}`)
      if (length <= 0 || (expected !== undefined && expected !== length)) {
        return yield* refused("the Content-Range does not fit the Content-Length")
      }
      expected = length
    }
    if (quirks.chunkMaxLength !== undefined && (expected ?? 0) > quirks.chunkMaxLength) {
      return yield* refused(`a chunk may have ${quirks.chunkMaxLength} bytes at most`)
    }
    if (session.short && (expected ?? 1) > 0) {
      return yield* refuse(400, "SIZE_INVALID", `all chunks but the last need ${quirks.chunkMinLength} bytes`)
    }
    yield* withinLimit(options, exchange, before)
    const limit = options.maxBlobSize
    let seen = before
    yield* upload.append(
      limit === undefined
        ? exchange.body
        : Stream.filter(exchange.body, (part) => (seen += part.byteLength) <= limit)
    )
    const came = upload.size() - before
    session.firstLast ??= came === 0 ? undefined : upload.size() - 1
    if (quirks.chunkMinLength !== undefined && match !== undefined && came < quirks.chunkMinLength) session.short = true
    if (limit !== undefined && seen > limit) {
      yield* drop(context, session)
      return yield* refuse(413, "SIZE_INVALID", `blobs may have ${limit} bytes at most`)
    }
    if (match !== undefined && came !== expected) {
      return yield* refuse(400, "SIZE_INVALID", `${came} bytes came, ${expected} were announced`)
    }
  })

const drop = ({ sessions }: Context, session: Session): Effect.Effect<void> =>
  Effect.suspend(() => {
    sessions.delete(session.id)
    return session.upload.discard
  })

/** One request at a time for each session. */
const withSession = (
  context: Context,
  exchange: Exchange,
  name: string,
  id: string,
  f: (session: Session) => Handled
): Handled =>
  Effect.flatMap(find(context, exchange, name, id), ({ lock }) =>
    // Looked up again: it may have ended while this request waited.
    lock.run(Effect.flatMap(find(context, exchange, name, id), f)))

export const patch = (context: Context, exchange: Exchange, name: string, id: string): Handled =>
  withSession(context, exchange, name, id, (session) =>
    Effect.map(
      append(context, exchange, session),
      () => empty(context.quirks.patchStatus ?? 202, progress(context, exchange, session))
    ))

export const status = (context: Context, exchange: Exchange, name: string, id: string): Handled =>
  context.quirks.uploadStatus === false
    ? new NotFound({ resource: "upload", reference: id, side: "none", errors: [] })
    : withSession(
      context,
      exchange,
      name,
      id,
      (session) => Effect.succeed(empty(204, progress(context, exchange, session)))
    )

export const cancel = (context: Context, exchange: Exchange, name: string, id: string): Handled =>
  withSession(context, exchange, name, id, (session) => Effect.as(drop(context, session), empty(204)))

export const close = (context: Context, exchange: Exchange, name: string, id: string): Handled =>
  withSession(context, exchange, name, id, (session) =>
    Effect.gen(function*() {
      const digest = yield* supported(exchange.query.get("digest") ?? "")
      if (session.algorithm !== undefined && session.algorithm !== Digest.algorithm(digest)) {
        return yield* refuse(400, "DIGEST_INVALID", `the session was opened for ${session.algorithm}`)
      }
      yield* append(context, exchange, session)
      // It ends here, whatever comes of it: a blob that is not what was said is not worth keeping.
      context.sessions.delete(session.id)
      return yield* Effect.onError(
        commit(context, exchange, name, session.upload, digest),
        () => session.upload.discard
      )
    }))
