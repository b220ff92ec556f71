/**
 * Manifests: GET, HEAD, PUT, DELETE (distribution-spec, "Pulling manifests", "Pushing Manifests", "Deleting
 * Manifests").
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import type { NotFound } from "../../OperationError.js"
import { InvalidInput } from "../../RegistryError.js"
import type { Storage } from "../../RegistryServer.js"
import type { Failure, Repository } from "../../Repository.js"
import { defaultManifestSize } from "../limits.js"
import { notFound } from "../memoryRepository.js"
import * as Names from "../names.js"
import * as Pool from "../pool.js"
import { subjectOf } from "../referrer.js"
import { deletesOff } from "./blobs.js"
import {
  bytes,
  digestHeader,
  empty,
  type Exchange,
  type Handled,
  headersOnly,
  readBody,
  Refusal,
  refuse
} from "./exchange.js"
import { absolute, type Context } from "./uploads.js"

/** A reference that is no reference names nothing. */
const unknownIfInvalid = <A>(
  effect: Effect.Effect<A, Failure>,
  name: string,
  reference: string
): Effect.Effect<A, Failure> =>
  Effect.catchAll(
    effect,
    (error): Effect.Effect<never, Failure> =>
      error instanceof InvalidInput ? notFound("manifest", `${name}:${reference}`) : Effect.fail(error)
  )

export const read = (context: Context, exchange: Exchange, name: string, reference: string): Handled =>
  Effect.gen(function*() {
    const { quirks, storage } = context
    if (exchange.method === "HEAD" && quirks.headManifest === false) {
      return yield* notFound("manifest", `${name}:${reference}`)
    }
    const repository = yield* storage.repository(name)
    const { descriptor, raw } = yield* unknownIfInvalid(repository.getManifest(reference), name, reference)
    const contentType = quirks.manifestContentType ?? descriptor.mediaType
    const headers = {
      etag: `"${descriptor.digest}"`,
      ...digestHeader(descriptor.digest, quirks.digestHeader)
    }
    return exchange.method === "HEAD"
      ? headersOnly(200, { ...headers, "content-type": contentType, "content-length": String(raw.byteLength) })
      : bytes(200, raw, contentType, headers)
  })

export const put = (context: Context, exchange: Exchange, name: string, reference: string): Handled =>
  Effect.gen(function*() {
    const { options, quirks, storage } = context
    const repository = yield* storage.repository(name)
    const target = yield* Names.checkTarget(reference)
    const more = exchange.query.getAll("tag")
    yield* Effect.forEach(more, Names.checkTag)
    if (target._tag === "Tag" && more.length > 0) {
      return yield* refuse(400, "MANIFEST_INVALID", "tags in the query go with a digest in the path")
    }
    const limit = options.maxManifestSize ?? defaultManifestSize
    const raw = yield* readBody(exchange, limit)
    if (raw === undefined) {
      return yield* refuse(413, "SIZE_INVALID", `manifests may have ${limit} bytes at most`)
    }
    const manifest = yield* Manifest.decode(raw, {
      resource: `${name}:${reference}`,
      contentType: exchange.headers["content-type"],
      expected: target._tag === "Digest" ? { digest: target.digest } : undefined
    })
    if (options.strict === true) yield* checkReferences(repository, manifest)
    if (target._tag === "Tag") {
      const store = repository.putManifest(manifest, { tag: target.tag })
      // One at a time: between the look at what the tag names and the change nothing else may change it.
      yield* lockOf(storage).run(
        quirks.conditionalPut === false
          ? store
          : Effect.zipRight(checkConditions(exchange, repository, target.tag), store)
      )
    } else if (more.length === 0) yield* repository.putManifest(manifest)
    yield* Effect.forEach(more, (tag) => repository.putManifest(manifest, { tag }))
    const { digest } = manifest.descriptor
    const subject = subjectOf(manifest.raw)
    return empty(quirks.putManifestStatus ?? 201, {
      location: absolute(quirks, exchange, `/v2/${name}/manifests/${digest}`),
      ...digestHeader(digest, quirks.digestHeader),
      ...(more.length === 0 ? {} : { "oci-tag": more.join(", ") }),
      ...(subject === undefined || quirks.referrers === false ? {} : { "oci-subject": subject })
    })
  })

const locks = new WeakMap<Storage, Pool.Pool>()

const lockOf = (storage: Storage): Pool.Pool => {
  let lock = locks.get(storage)
  if (lock === undefined) locks.set(storage, lock = Pool.make(1))
  return lock
}

/** Whether the tag names what the client thinks it does, by the ETag of a GET (RFC 9110, 13.1.1 and 13.1.2). */
const checkConditions = (
  { headers }: Exchange,
  repository: Repository,
  tag: string
): Effect.Effect<void, Failure | Refusal> => {
  const match = headers["if-match"]
  const noneMatch = headers["if-none-match"]
  if (match === undefined && noneMatch === undefined) return Effect.void
  const current = repository.resolve(tag).pipe(
    Effect.map(({ digest }) => ["*", `"${digest}"`]),
    Effect.catchTag("NotFound", () => Effect.succeed([]))
  )
  return Effect.flatMap(current, (names: ReadonlyArray<string>) => {
    const holds = (header: string) => header.split(",").some((one) => names.includes(one.trim()))
    return (match === undefined || holds(match)) && (noneMatch === undefined || !holds(noneMatch))
      ? Effect.void
      : refuse(412, "DENIED", "the tag names another manifest than the request supposes")
  })
}

/** All that is missing is named; a subject and what is not distributable may be absent. */
const checkReferences = (
  repository: Repository,
  manifest: Manifest.Manifest
): Effect.Effect<void, Failure | Refusal> =>
  Effect.gen(function*() {
    const { blobs, manifests } = Manifest.references(manifest)
    const lacking = yield* Effect.filter(
      blobs.filter(({ mediaType }) => !MediaType.isNonDistributable(mediaType)),
      ({ digest }) => repository.hasBlob(digest),
      { negate: true }
    )
    const childless = yield* Effect.filter(
      manifests,
      ({ digest }) =>
        repository.resolve(digest).pipe(
          Effect.as(true),
          Effect.catchTag("NotFound", (_: NotFound) => Effect.succeed(false))
        ),
      { negate: true }
    )
    const missing = [...lacking, ...childless]
    if (missing.length === 0) return
    return yield* new Refusal({
      status: 400,
      errors: missing.map(({ digest }) => ({
        code: "MANIFEST_BLOB_UNKNOWN",
        message: "the manifest names content that is not in the repository",
        detail: { digest }
      }))
    })
  })

export const remove = ({ quirks, storage }: Context, name: string, reference: string): Handled =>
  Effect.gen(function*() {
    const repository = yield* storage.repository(name)
    if (quirks.deletes === false || repository.deleteManifest === undefined) return yield* deletesOff
    yield* unknownIfInvalid(repository.deleteManifest(reference), name, reference)
    return empty(202)
  })
