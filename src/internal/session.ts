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

export const make: Effect.Effect<Session> = Effect.sync(() => {
  // Keyed by registry, then digest; a Set keeps the order of the sightings.
  const sightings = new Map<string, Map<Digest.Digest, Set<string>>>()
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
      const repositories = digests.get(digest)
      if (repositories === undefined) digests.set(digest, new Set([repository]))
      else repositories.add(repository)
    },
    forgetBlob(registry, repository, digest) {
      const digests = sightings.get(registry)
      const repositories = digests?.get(digest)
      repositories?.delete(repository)
      if (repositories?.size === 0) digests?.delete(digest)
    },
    repositoriesWith: (registry, digest) => Array.from(sightings.get(registry)?.get(digest) ?? []),
    single,
    transfer: (_registry, effect) => effect
  }
})
