/**
 * Lists that a registry cuts into pages (distribution-spec, "Listing Tags", "Listing Referrers").
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as RegistryConfig from "../../RegistryConfig.js"
import { type RegistryError, TransportError } from "../../RegistryError.js"
import type { Response, Transport } from "../http/transport.js"
import { defaultListTime, defaultPages } from "../limits.js"
import * as Link from "./link.js"
import { resolveOwn, sameOrigin } from "./location.js"
import { protocol } from "./remote.js"

/** What is asked for at once. ECR refuses more. */
export const pageSize = 1000

/** Largest page read, in bytes: a registry without pagination sends all it has. */
const maxPage = 32 * 1024 * 1024

/** Pages without anything in them, one after another, before the registry is taken for a trap. */
const maxEmpty = 10

/** Of pages with fewer entries than this on average there may be so many times fewer. */
const fewEntries = 10

/** But never fewer than this for that reason: an average of a few pages tells nothing. */
const leastPages = 100

const pagesOf = (count: number): string => `${count} ${count === 1 ? "page" : "pages"}`

export interface Page<A> {
  readonly items: ReadonlyArray<A>
  /** Where to go on when the registry gives no `Link`, if anywhere. */
  readonly after?: string | undefined
}

export interface List<A, E> {
  readonly transport: Transport
  readonly config: Pick<RegistryConfig.Options, "maxListTime" | "maxPages">
  readonly registry: string
  readonly scopes: ReadonlyArray<string>
  readonly first: string
  /** Asked in place of `first` when the registry finds its page size too large. */
  readonly unsized?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly limit?: number | undefined
  /** How many entries the whole list may have. */
  readonly most?: number | undefined
  /** Whether a redirect to another origin is an answer of its own; see `Request.stay`. */
  readonly stay?: boolean | undefined
  /** What an answer lists, of which no more than `limit` bytes are read. */
  readonly page: (response: Response, limit: number) => Effect.Effect<Page<A>, E>
}

/** All items, page after page, in the order of the registry. */
export const pages = <A, E>(list: List<A, E>): Stream.Stream<A, RegistryError | E> =>
  Stream.suspend(() => {
    const visited = new Set<string>()
    const limit = list.limit ?? maxPage
    let linked = false
    let empty = 0
    let count = 0
    let entries = 0
    const { maxListTime = defaultListTime, maxPages = defaultPages } = list.config
    let left = Duration.decode(maxListTime)
    /** The page before, when this one was asked for without a link to it. */
    let guessedFrom: ReadonlyArray<A> | undefined

    const get = (url: string): Effect.Effect<Response, RegistryError> =>
      list.transport.call({
        method: "GET",
        registry: list.registry,
        url,
        scopes: list.scopes,
        headers: list.headers,
        accept: [200],
        replay: true,
        buffer: limit,
        stay: list.stay
      })

    const tooLarge = (error: RegistryError) =>
      error._tag === "UnexpectedStatus" && error.status === 400 &&
      error.errors.some(({ code }) => code === "PAGINATION_NUMBER_INVALID")

    const tooLong = (): string | undefined =>
      count >= maxPages
        ? `the list does not end within ${pagesOf(maxPages)}`
        : count >= Math.max(maxPages / fewEntries, leastPages) && entries < count * fewEntries
        ? `the list does not end within ${pagesOf(count)}, which hold ${entries} entries`
        : entries > (list.most ?? Infinity)
        ? `the list has more than ${list.most} entries`
        : undefined

    const read = Effect.fnUntraced(function*(url: string) {
      const response = yield* url === list.first && list.unsized !== undefined
        ? Effect.catchIf(get(url), tooLarge, () => get(list.unsized ?? url))
        : get(url)
      const { after, items } = yield* list.page(response, limit)
      count++
      entries += items.length
      // distribution 2.8 sends its whole list whatever `last` says, and a page never begins like the one before it.
      if (guessedFrom !== undefined && items.length > 0 && items[0] === guessedFrom[0]) {
        return [Chunk.empty<A>(), Option.none<string>()] as const
      }
      // The same page may be spelled in different ways, the first one without its host.
      for (const address of [url, response.url]) if (URL.canParse(address)) visited.add(new URL(address).href)
      const link = yield* linkOf(response)
      linked = linked || Option.isSome(link)
      const following = linked ? link : Option.fromNullable(after)
      guessedFrom = linked ? undefined : items
      empty = items.length === 0 ? empty + 1 : 0
      if (Option.isSome(following)) {
        if (Option.isSome(link) && visited.has(new URL(link.value).href)) {
          return yield* protocol("GET", response, "the Link to the next page leads to one that has been read already")
        }
        if (empty > maxEmpty) {
          return yield* protocol("GET", response, `${empty} empty pages came one after another`)
        }
        const reason = tooLong()
        if (reason !== undefined) return yield* protocol("GET", response, reason)
      }
      return [Chunk.unsafeFromArray(items as Array<A>), following] as const
    })

    /** What the consumer does between two pages takes nothing from the time of the list. */
    const inTime = (url: string) =>
      Effect.timed(read(url)).pipe(
        Effect.timeoutFail({
          duration: left,
          onTimeout: () =>
            new TransportError({
              method: "GET",
              url: list.transport.shown(list.registry, url),
              reason: "Timeout",
              description: `the list does not end within ${Duration.format(maxListTime)}, after ${pagesOf(count)}`
            })
        }),
        Effect.map(([took, page]) => {
          left = Duration.subtract(left, took)
          return page
        })
      )

    return Stream.paginateChunkEffect(list.first, (url) => Effect.suspend(() => inTime(url)))
  })

/** The next page's address, if there is one. It is opaque, but it does not lead elsewhere. */
const linkOf = (response: Response): Effect.Effect<Option.Option<string>, TransportError> => {
  const header = response.headers["link"]
  if (header === undefined) return Effect.succeedNone
  const link = Link.next(header)
  // To go on without it would leave out the rest of the list.
  if (link === undefined) return protocol("GET", response, "the Link to the next page cannot be read")
  if (Option.isNone(link)) return Effect.succeedNone
  const url = resolveOwn(link.value, response.url)
  if (url === undefined) return protocol("GET", response, "the Link to the next page is not an address")
  return sameOrigin(url, response.url)
    ? Effect.succeedSome(url)
    : protocol("GET", response, "the Link to the next page leads to another host")
}
