/**
 * One destination of a copy, with what is known of it. When something fails for it, it alone is over; the copy goes on
 * for the others.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { BlobResult, Destination, ManifestResult } from "../../Copy.js"
import type * as Descriptor from "../../Descriptor.js"
import type * as Digest from "../../Digest.js"
import type * as Repository from "../../Repository.js"
import type { Sided } from "./sided.js"

export interface Target {
  /** Tells it from all others, whatever they are named. */
  readonly id: number
  readonly destination: Destination
  readonly repository: Repository.Repository
  /** As references and messages name it. */
  readonly name: string
  /** It is the very repository that is copied from: every blob and every manifest is there. */
  readonly isSource: boolean
  /** Fails when the target does. */
  readonly end: Deferred.Deferred<never, Sided>
  error: Sided | undefined
  readonly blobs: Map<Digest.Digest, BlobResult>
  readonly manifests: Map<Digest.Digest, ManifestResult>
}

export const locate = ({ digest, repository, tag }: Destination): string =>
  [
    `${repository.registry}/${repository.name}`,
    tag === undefined ? "" : `:${tag}`,
    digest === undefined ? "" : `@${digest}`
  ].join("")

let last = 0

export const make = (source: Repository.Repository, destination: Destination): Target => {
  const { repository } = destination
  return {
    id: ++last,
    destination,
    repository,
    name: locate(destination),
    isSource: source.session === repository.session && source.registry === repository.registry &&
      source.name === repository.name,
    end: Deferred.unsafeMake(FiberId.none),
    error: undefined,
    blobs: new Map(),
    manifests: new Map()
  }
}

export const isAlive = (target: Target): boolean => target.error === undefined

/** Ends the target; the first error is the one that is told. */
export const fail = (target: Target, error: Sided): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (target.error !== undefined) return Effect.void
    target.error = error
    return Effect.asVoid(Deferred.fail(target.end, error))
  })

/** Runs an effect until its end or the other one, and then until it has cleared up behind itself. */
export const until = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  end: Deferred.Deferred<never, E2>
): Effect.Effect<A, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.fork(restore(effect)),
      (fiber) =>
        restore(Effect.raceFirst(Fiber.join(fiber), Deferred.await(end))).pipe(
          Effect.onExit(() => Fiber.interrupt(fiber))
        )
    )
  )

/** Runs what is for one target: a failure ends the target, and the target's end ends what runs. */
export const during = <A, R>(
  target: Target,
  effect: Effect.Effect<A, Sided, R>
): Effect.Effect<Option.Option<A>, never, R> =>
  Effect.suspend(() =>
    isAlive(target)
      ? Effect.matchEffect(until(effect, target.end), {
        onFailure: (error) => Effect.as(fail(target, error), Option.none<A>()),
        onSuccess: (value) => Effect.succeedSome(value)
      })
      : Effect.succeedNone
  )

/** What all targets wait for from the source: when it fails, so do they. */
export const forAll = <A, R>(
  targets: Iterable<Target>,
  effect: Effect.Effect<A, Sided, R>
): Effect.Effect<Option.Option<A>, never, R> =>
  Effect.matchEffect(effect, {
    onFailure: (error) =>
      Effect.as(Effect.forEach(targets, (target) => fail(target, error), { discard: true }), Option.none<A>()),
    onSuccess: (value) => Effect.succeedSome(value)
  })

/** Whether the blob is there only by what was seen of it earlier, or because the registry said so. */
export const isBelieved = ({ blobs }: Target, { digest }: Descriptor.Descriptor): boolean => {
  const outcome = blobs.get(digest)?.outcome
  return outcome === "Existed" || outcome === "Mounted"
}

export const settle = (target: Target, descriptor: Descriptor.Descriptor, outcome: BlobResult["outcome"]): void => {
  target.blobs.set(descriptor.digest, { descriptor, outcome })
}
