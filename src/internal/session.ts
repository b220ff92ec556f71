/**
 * What the repositories of one client share: where blobs have been seen, and which transfers are in flight.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Digest from "../Digest.js"
import type { Session } from "../Repository.js"

/** A blob in a repository, at the time when it was last seen there. */
interface Sighting {
  readonly registry: string
  readonly repository: string
  readonly digest: Digest.Digest
  at: number
  moment: number
}

/** More would fill the memory of a client that lives long; those not seen for the longest time go first. */
const maxSightings = 100_000

/** How long a blob that has been seen is there without a question, in milliseconds. */
const freshFor = 15 * 60_000

/** A session, with what limits the transfers of a registry. */
export const makeWith = (transfer: Session["transfer"]): Effect.Effect<Session> =>
  Effect.map(Effect.clock, (clock) => {
    // Keyed by registry, digest and repository, in the order of the first sightings.
    const sightings = new Map<string, Map<Digest.Digest, Map<string, Sighting>>>()
    // In the order of the last ones.
    const recent = new Set<Sighting>()
    let moment = 0

    const find = (registry: string, repository: string, digest: Digest.Digest): Sighting | undefined =>
      sightings.get(registry)?.get(digest)?.get(repository)

    const forget = (sighting: Sighting): void => {
      const digests = sightings.get(sighting.registry)
      const repositories = digests?.get(sighting.digest)
      recent.delete(sighting)
      repositories?.delete(sighting.repository)
      if (repositories?.size === 0) digests?.delete(sighting.digest)
    }

    // What a flight hands to those who wait for it: its success, or none when they must fly themselves.
    const flights = new Map<string, Deferred.Deferred<Option.Option<unknown>>>()

    const single = <A, E, R>(key: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.uninterruptibleMask((restore) => {
        const underWay = flights.get(key)
        if (underWay !== undefined) {
          return Effect.flatMap(
            restore(Deferred.await(underWay)),
            Option.match({
              // The key stands for one kind of work, so its results are of one type.
              onSome: (value) => Effect.succeed(value as A),
              // The first to wake takes off, the others find its flight and wait again: one at a time.
              onNone: () => restore(single(key, effect))
            })
          )
        }
        const flight = Deferred.unsafeMake<Option.Option<unknown>>(FiberId.none)
        flights.set(key, flight)
        return Effect.onExit(restore(effect), (exit) =>
          Effect.sync(() => {
            flights.delete(key)
            Deferred.unsafeDone(flight, Effect.succeed(Exit.isSuccess(exit) ? Option.some(exit.value) : Option.none()))
          }))
      })

    return {
      markBlob(registry, repository, digest) {
        let digests = sightings.get(registry)
        if (digests === undefined) sightings.set(registry, digests = new Map())
        let repositories = digests.get(digest)
        if (repositories === undefined) digests.set(digest, repositories = new Map())
        let sighting = repositories.get(repository)
        if (sighting === undefined) {
          repositories.set(repository, sighting = { registry, repository, digest, at: 0, moment })
        }
        sighting.at = clock.unsafeCurrentTimeMillis()
        sighting.moment = moment++
        recent.delete(sighting)
        recent.add(sighting)
        const [oldest] = recent
        if (oldest !== undefined && recent.size > maxSightings) {
          forget(oldest)
        }
      },
      forgetBlob(registry, repository, digest) {
        const sighting = find(registry, repository, digest)
        if (sighting !== undefined) forget(sighting)
      },
      hasSeen(registry, repository, digest, since = 0) {
        const sighting = find(registry, repository, digest)
        return sighting !== undefined && sighting.moment >= since &&
          clock.unsafeCurrentTimeMillis() - sighting.at < freshFor
      },
      moment: () => moment,
      repositoriesWith: (registry, digest) => Array.from(sightings.get(registry)?.get(digest)?.keys() ?? []),
      single,
      transfer
    }
  })

/** A session that limits nothing. */
export const make: Effect.Effect<Session> = makeWith((_registry, effect) => effect)
