/**
 * One destination of a copy, with what is known of it. When something fails for it, it alone is over; the copy goes on
 * for the others.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
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
  /** When the operation began, in the session's moments: what was seen of blobs before that does not count. */
  readonly since: number
  error: Sided | undefined
  /** What runs for it, and stops when it ends. */
  readonly running: Set<Fiber.RuntimeFiber<unknown, unknown>>
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

/** `since`: when an operation began that this copy is only a part of. */
export const make = (
  source: Repository.Repository,
  destination: Destination,
  since = destination.repository.session.moment()
): Target => {
  const { repository } = destination
  return {
    id: ++last,
    destination,
    repository,
    name: locate(destination),
    isSource: source.session === repository.session && source.registry === repository.registry &&
      source.name === repository.name,
    since,
    error: undefined,
    running: new Set(),
    blobs: new Map(),
    manifests: new Map()
  }
}

export const isAlive = (target: Target): boolean => target.error === undefined

/** Ends the target, with all that runs for it; the first error is the one that is told. */
export const fail = (target: Target, error: Sided): Effect.Effect<void> =>
  Effect.sync(() => {
    if (target.error !== undefined) return
    target.error = error
    for (const fiber of target.running) fiber.unsafeInterruptAsFork(FiberId.none)
  })

/** Runs what is for one target: a failure ends the target, and the target's end ends what runs. */
export const during = <A, R>(
  target: Target,
  effect: Effect.Effect<A, Sided, R>
): Effect.Effect<Option.Option<A>, never, R> =>
  Effect.uninterruptibleMask((restore) => {
    if (!isAlive(target)) return Effect.succeedNone
    // As an exit, or Effect would log each failure as that of a fiber.
    return Effect.flatMap(Effect.fork(restore(Effect.exit(effect))), (fiber) => {
      target.running.add(fiber)
      // It may have ended since it was looked at.
      if (!isAlive(target)) fiber.unsafeInterruptAsFork(FiberId.none)
      const over = Effect.sync(() => target.running.delete(fiber))
      return restore(Fiber.await(fiber)).pipe(
        Effect.onInterrupt(() => Effect.zipRight(Fiber.interrupt(fiber), over)),
        Effect.flatMap((exit) => Effect.zipRight(over, concluded(target, Exit.flatten(exit))))
      )
    })
  })

const concluded = <A>(target: Target, exit: Exit.Exit<A, Sided>): Effect.Effect<Option.Option<A>> => {
  if (Exit.isSuccess(exit)) return Effect.succeedSome(exit.value)
  const error = Cause.failureOrCause(exit.cause)
  if (Either.isLeft(error)) return Effect.as(fail(target, error.left), Option.none())
  return !isAlive(target) && Cause.isInterruptedOnly(error.right)
    ? Effect.succeedNone
    : Effect.failCause(error.right)
}

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

/** Whether this copy has not sent the blob itself: the registry said that it was there, or nobody has looked. */
export const isBelieved = ({ blobs }: Target, { digest }: Descriptor.Descriptor): boolean =>
  blobs.get(digest)?.outcome !== "Uploaded"

export const settle = (target: Target, descriptor: Descriptor.Descriptor, outcome: BlobResult["outcome"]): void => {
  target.blobs.set(descriptor.digest, { descriptor, outcome })
}
