/**
 * Lists: tags, repositories, referrers (distribution-spec, "Content Discovery").
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as MediaType from "../../MediaType.js"
import type { Quirks } from "../../RegistryServer.js"
import { notFound } from "../memoryRepository.js"
import * as Names from "../names.js"
import { type Exchange, type Handled, json, type Refusal, refuse, type Response } from "./exchange.js"
import type { Context } from "./uploads.js"

interface Page {
  readonly entries: ReadonlyArray<string>
  readonly headers: Readonly<Record<string, string>>
}

/** The part of a sorted list that `n` and `last` ask for. A page that was cut short says where the next one is. */
const page = (
  all: ReadonlyArray<string>,
  quirks: Quirks,
  exchange: Exchange,
  path: string
): Effect.Effect<Page, Refusal> => {
  const n = exchange.query.get("n")
  const last = exchange.query.get("last")
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    return refuse(400, "PAGINATION_NUMBER_INVALID", "n is the largest number of entries on a page")
  }
  const behind = last === null ? all : all.filter((entry) => entry > last)
  const size = Math.min(n === null ? Number.POSITIVE_INFINITY : Number(n), quirks.pageSize ?? Number.POSITIVE_INFINITY)
  const entries = behind.slice(0, size)
  const final = entries.at(-1)
  if (final === undefined || entries.length === behind.length) return Effect.succeed({ entries, headers: {} })
  const query = `last=${encodeURIComponent(final)}&n=${size}`
  return Effect.succeed({ entries, headers: { link: `<${path}?${query}>; rel="next"` } })
}

export const tags = ({ quirks, storage }: Context, exchange: Exchange, name: string): Handled =>
  Effect.gen(function*() {
    yield* Names.checkName(name)
    if (!(yield* storage.has(name))) return yield* notFound("repository", name)
    const repository = yield* storage.repository(name)
    const all = Array.from(yield* Stream.runCollect(repository.tags)).sort()
    const { entries, headers } = yield* page(all, quirks, exchange, `/v2/${name}/tags/list`)
    const list = quirks.nullTags === true && all.length === 0 ? null : entries
    return json(200, { name, tags: list }, headers)
  })

export const catalog = ({ quirks, storage }: Context, exchange: Exchange): Handled =>
  Effect.gen(function*() {
    const { entries, headers } = yield* page(yield* storage.names, quirks, exchange, "/v2/_catalog")
    return json(200, { repositories: entries }, headers)
  })

export const referrers = (context: Context, exchange: Exchange, name: string, reference: string): Handled =>
  Effect.gen(function*() {
    const { quirks, storage } = context
    if (quirks.referrers === false) return yield* refuse(404, "UNSUPPORTED", "this registry has no referrers API")
    const digest = yield* Names.checkDigest(reference)
    const repository = yield* storage.repository(name)
    const asked = exchange.query.get("artifactType") ?? undefined
    const artifactType = quirks.artifactTypeFilter === false ? undefined : asked
    const all = repository.referrers === undefined
      ? []
      : Chunk.toReadonlyArray(yield* Stream.runCollect(repository.referrers(digest, { artifactType })))
    const from = Number(/^\d{1,9}$/.exec(exchange.query.get("from") ?? "0")?.[0] ?? "0")
    const to = from + (quirks.pageSize ?? all.length)
    const headers: Record<string, string> = artifactType === undefined ? {} : { "oci-filters-applied": "artifactType" }
    if (to < all.length) {
      const filter = artifactType === undefined ? "" : `artifactType=${encodeURIComponent(artifactType)}&`
      headers.link = `</v2/${name}/referrers/${digest}?${filter}from=${to}>; rel="next"`
    }
    return index(all.slice(from, to), headers)
  })

const index = (manifests: ReadonlyArray<unknown>, headers: Readonly<Record<string, string>>): Response =>
  json(200, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }, headers, MediaType.ociIndex)
