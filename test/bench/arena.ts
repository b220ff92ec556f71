/** The registries of one run of one contender, what it is to do between them, and what they saw. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Registry from "../real/registry.js"
import type { Case } from "./cases.js"
import type { Copy } from "./contenders.js"
import * as Proxy from "./proxy.js"
import * as Requests from "./requests.js"

export class BenchError extends Data.TaggedError("BenchError")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

/** The source registry of a case, with its images; each is copied to all destinations of an arena. */
export interface Source {
  readonly registry: Registry.Registry
  readonly images: ReadonlyArray<{ readonly repository: string; readonly digest: string }>
}

/** What the requests of a run were. */
export interface Traffic {
  readonly source: Requests.Kinds
  /** Nothing where the source is the destination as well. */
  readonly destination: Requests.Kinds
  /** Seconds from the first request to the end of the last; only proxies see them. */
  readonly span?: number
  /** Every request, of both sides, in the order in which they arrived; only proxies see them. */
  readonly log?: ReadonlyArray<Proxy.Request & { readonly host: string }>
}

export interface Arena {
  /** Every image to every destination. */
  readonly copies: ReadonlyArray<Copy>
  /** What there was since the arena was made; complete once the contender has ended. */
  readonly traffic: Effect.Effect<Traffic>
  /** Fails when what is at a destination is not the source's. */
  readonly check: Effect.Effect<void, BenchError>
}

export const source = Effect.fnUntraced(function*(it: Case) {
  const registry = yield* Registry.start({ relativeUrls: true })
  const images = yield* Effect.forEach(
    it.images,
    ({ repository, write }) => Effect.map(write(registry.storage), (digest) => ({ repository, digest }))
  )
  const made: Source = { registry, images }
  return made
})

const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"

const digestOf = (reference: string): Effect.Effect<string> => {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? []
  return Effect.promise(() =>
    fetch(`http://${host}/v2/${repository}/manifests/${tag}`, { method: "HEAD", headers: { accept } })
  ).pipe(Effect.map((answer) => answer.headers.get("docker-content-digest") ?? String(answer.status)))
}

let runs = 0

/** In a case that goes to the source's registry the repository or tag is one that no run has had. */
const destinationOf = (it: Case, repository: string, run: number): string => {
  switch (it.destination) {
    case "repository":
      return `bench/copy-${run}:1`
    case "tag":
      return `${repository}:copy-${run}`
    case "empty":
    case "filled":
      return `${repository}:1`
  }
}

const kindsOf = (requests: ReadonlyArray<Registry.LoggedRequest>): Requests.Kinds =>
  Requests.count(requests.map(({ method, url }) => ({ kind: Requests.kind(method, url) })))

/** A proxied arena's log ends with the last answer, which may be behind the end of the program that asked. */
const settled = (proxies: ReadonlyArray<Proxy.Proxy>) =>
  Effect.sync(() => proxies.every(({ requests }) => requests.every(({ end }) => !Number.isNaN(end)))).pipe(
    Effect.zipLeft(Effect.sleep("5 millis")),
    Effect.repeat({ until: (done) => done, times: 200 })
  )

export const make = Effect.fnUntraced(function*(it: Case, { images, registry }: Source, delay: number | undefined) {
  const run = runs++
  const same = it.destination === "repository" || it.destination === "tag"
  const destinations = same ? [] : yield* Effect.replicateEffect(
    Registry.start({ relativeUrls: true }),
    it.does === "fanOut" ? 3 : 1
  )
  if (it.destination === "filled") {
    for (const { storage } of destinations) yield* Effect.forEach(it.images, ({ write }) => write(storage))
  }
  const through = ({ host }: Registry.Registry) => delay === undefined ? undefined : Proxy.start(host, { delay })
  const front = yield* through(registry) ?? Effect.succeed(undefined)
  const fronts = yield* Effect.forEach(destinations, (each) => through(each) ?? Effect.succeed(undefined))
  const before = (yield* registry.requests).length

  const pairs = images.flatMap(({ digest, repository }) =>
    (same ? [{ direct: registry, front }] : destinations.map((direct, index) => ({ direct, front: fronts[index] })))
      .map(({ direct, front: proxy }) => {
        const place = destinationOf(it, repository, run)
        return {
          copy: {
            source: `${(front ?? registry).host}/${repository}:${it.does === "missing" ? "absent" : "1"}`,
            destination: `${(proxy ?? direct).host}/${place}`
          },
          direct: `${direct.host}/${place}`,
          digest
        }
      })
  )

  const seen = Effect.gen(function*() {
    const asked = (yield* registry.requests).slice(before)
    const others = yield* Effect.forEach(destinations, ({ requests }) => requests)
    const traffic: Traffic = { source: kindsOf(asked), destination: kindsOf(others.flat()) }
    return traffic
  })
  const proxies = [front, ...fronts].filter((proxy) => proxy !== undefined)
  const counted = Effect.map(settled(proxies), (): Traffic => {
    const log = proxies.flatMap(({ host, requests }) => requests.map((request) => ({ host, ...request })))
      .toSorted((one, other) => one.start - other.start)
    const span = Math.max(...log.map(({ end }) => end)) - Math.min(...log.map(({ start }) => start))
    return {
      source: Requests.count(front?.requests ?? []),
      destination: Requests.count(fronts.flatMap((proxy) => proxy?.requests ?? [])),
      span: span / 1e3,
      log
    }
  })

  const arena: Arena = {
    copies: pairs.map(({ copy }) => copy),
    traffic: proxies.length > 0 ? counted : seen,
    check: Effect.forEach(pairs, ({ digest, direct }) =>
      Effect.flatMap(digestOf(direct), (found) =>
        found === digest
          ? Effect.void
          : new BenchError({ reason: `at the destination ${found} instead of ${digest}` })), { discard: true })
  }
  return arena
})
