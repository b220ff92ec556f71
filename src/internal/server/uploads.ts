/**
 * Upload sessions: POST, PATCH, PUT, GET, DELETE, and mounts (distribution-spec, "Pushing blobs").
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Digest from "../../Digest.js"
import { NotFound } from "../../OperationError.js"
import type { StorageError } from "../../RegistryError.js"
import type { Options, Quirks, Storage, Upload } from "../../RegistryServer.js"
import * as Names from "../names.js"
import type { Account } from "./access.js"
import {
  digestHeader,
  empty,
  type Exchange,
  type Handled,
  type HandlerError,
  limited,
  type Refusal,
  refuse,
  type Response
} from "./exchange.js"
import type { Owner, Session, Sessions } from "./sessions.js"

/** What the options leave open. */
export interface Limits {
  readonly maxUploads: number
  readonly uploadTimeout: Duration.Duration
}

export interface Context {
  readonly storage: Storage
  readonly sessions: Sessions
  readonly quirks: Quirks
  readonly options: Options
  readonly limits: Limits
  /** This host of the content: an object of its own. */
  readonly host: object
  readonly account: Account
}

const ownerOf = ({ account, host }: Context): Owner => ({ host, user: account.user })

export const absolute = (quirks: Quirks, exchange: Exchange, path: string): string => {
  const form = quirks.location ?? "relative"
  return form === "relative" ? path : form === "absolute" ? `${exchange.origin}${path}` : `${form}${path}`
}

/**
 * What a client must hand back byte for byte: one that takes the query apart and puts it together again turns `%20` to
 * `+` or `~` to `%7E` (distribution-spec, "POST then PUT").
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
    const { limits, options, quirks, sessions, storage } = context
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
          yield* store(options, exchange, upload)
          return yield* commit(context, exchange, name, upload, wanted)
        }),
        () => upload.discard
      )
    }
    const session = yield* sessions.open({ name, owner: ownerOf(context), upload, algorithm }, limits.maxUploads)
    if (session === undefined) {
      yield* upload.discard
      return yield* tooMany(limits)
    }
    return empty(202, {
      ...progress(context, exchange, session),
      ...(quirks.chunkMinLength === undefined ? {} : { "oci-chunk-min-length": String(quirks.chunkMinLength) })
    })
  })

const tooMany = ({ maxUploads, uploadTimeout }: Limits): Refusal =>
  refuse(
    429,
    "TOOMANYREQUESTS",
    `this account already has ${maxUploads} open uploads, the maximum: finish or cancel one. Idle uploads expire after ` +
      Duration.format(uploadTimeout)
  )

const supported = (input: string): Effect.Effect<Digest.Digest, Refusal> =>
  Digest.isDigest(input) && Digest.isSupported(input)
    ? Effect.succeed(input)
    : refuse(400, "DIGEST_INVALID", "the digest is malformed or of an algorithm that is not supported")

/** A repository that holds the blob, among those that the account may pull: a digest alone opens no other. */
const findBlob = (
  { account, storage }: Context,
  digest: Digest.Digest
): Effect.Effect<string | undefined, StorageError> =>
  Effect.map(
    storage.find(digest, account.mayPull),
    // A storage of somebody else's making may look elsewhere all the same.
    (found) => found !== undefined && account.mayPull(found) ? found : undefined
  )

const tryMount = (
  context: Context,
  exchange: Exchange,
  name: string,
  mount: string
): Effect.Effect<Response | undefined, HandlerError> =>
  Effect.gen(function*() {
    const { quirks, storage } = context
    if (quirks.mount === "denied") {
      return yield* refuse(403, "DENIED", "mounting from that repository is not allowed")
    }
    const digest = yield* supported(mount)
    if (quirks.mount === "off") return undefined
    const from = exchange.query.get("from") ?? (yield* findBlob(context, digest))
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

const tooLarge = (maximum: number): Refusal => refuse(413, "SIZE_INVALID", `blobs may have ${maximum} bytes at most`)

const withinLimit = ({ maxBlobSize }: Options, exchange: Exchange, size: number): Effect.Effect<void, Refusal> =>
  maxBlobSize !== undefined && size + (exchange.length ?? 0) > maxBlobSize ? tooLarge(maxBlobSize) : Effect.void

/** Puts the body behind what is there, as far as blobs may go; what was announced has been checked before. */
const store = ({ maxBlobSize }: Options, exchange: Exchange, upload: Upload): Effect.Effect<void, HandlerError> => {
  if (maxBlobSize === undefined) return upload.append(exchange.body)
  const { body, isOver } = limited(exchange.body, maxBlobSize - upload.size())
  return Effect.zipRight(
    upload.append(body),
    Effect.suspend(() => isOver() ? tooLarge(maxBlobSize) : Effect.void)
  )
}

const unknown = (id: string): NotFound => new NotFound({ resource: "upload", reference: id, side: "none", errors: [] })

const find = (
  context: Context,
  exchange: Exchange,
  name: string,
  id: string
): Effect.Effect<Session, NotFound | Refusal> => {
  const { quirks } = context
  const session = context.sessions.find(id, name, ownerOf(context))
  if (session === undefined) return unknown(id)
  // Most Go programs re-encode the query, and registries bear it.
  const given = quirks.exactLocationQuery === true
    ? exchange.rawQuery.split("&").find((part) => part.startsWith("_state="))
    : `_state=${encodeURIComponent(exchange.query.get("_state") ?? "")}`
  if (given === state(session)) return Effect.succeed(session)
  return quirks.freshLocations === true
    ? refuse(404, "BLOB_UPLOAD_UNKNOWN", "this Location has been replaced by a newer one")
    : refuse(400, "BLOB_UPLOAD_INVALID", "the query of the Location must be handed back as it was given")
}

/**
 * Takes in a chunk. One that does not fit is refused with the state of the session, which stays (distribution-spec,
 * "Pushing a blob in chunks").
 */
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
    yield* store(options, exchange, upload).pipe(
      Effect.tapErrorTag("Refusal", () => drop(context, session))
    )
    const came = upload.size() - before
    session.firstLast ??= came === 0 ? undefined : upload.size() - 1
    if (quirks.chunkMinLength !== undefined && match !== undefined && came < quirks.chunkMinLength) session.short = true
    if (match !== undefined && came !== expected) {
      return yield* refuse(400, "SIZE_INVALID", `${came} bytes came, ${expected} were announced`)
    }
  })

const drop = ({ sessions }: Context, session: Session): Effect.Effect<void> =>
  Effect.suspend(() => {
    sessions.close(session)
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
  Effect.flatMap(find(context, exchange, name, id), (session) =>
    context.sessions.using(
      session,
      // Looked up again: it may have ended while this request waited.
      session.lock.run(Effect.flatMap(find(context, exchange, name, id), f))
    ))

export const patch = (context: Context, exchange: Exchange, name: string, id: string): Handled =>
  withSession(context, exchange, name, id, (session) =>
    Effect.map(
      append(context, exchange, session),
      () => empty(context.quirks.patchStatus ?? 202, progress(context, exchange, session))
    ))

export const status = (context: Context, exchange: Exchange, name: string, id: string): Handled =>
  context.quirks.uploadStatus === false
    ? unknown(id)
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
      if (context.quirks.wholePut === false && session.upload.size() === 0 && exchange.length !== 0) {
        return yield* refuse(404, "UNKNOWN", "a blob comes in PATCHes here")
      }
      yield* append(context, exchange, session)
      // It ends here, whatever comes of it: a blob that is not what was said is not worth keeping.
      context.sessions.close(session)
      return yield* Effect.onError(
        Effect.map(commit(context, exchange, name, session.upload, digest), (response) => ({
          ...response,
          status: context.quirks.putBlobStatus ?? response.status
        })),
        () => session.upload.discard
      )
    }))
