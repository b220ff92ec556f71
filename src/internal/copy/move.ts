/**
 * The moving of one blob to all targets that lack it, in one read of the source.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BlobResult } from "../../Copy.js"
import { CopyEvent } from "../../CopyEvent.js"
import * as Descriptor from "../../Descriptor.js"
import * as RegistryMetrics from "../../RegistryMetrics.js"
import type { Task } from "./blobs.js"
import * as Feed from "./feed.js"
import type { Job } from "./job.js"
import * as sided from "./sided.js"
import * as slots from "./slots.js"
import * as Target from "./target.js"

export interface Moved {
  readonly outcome: BlobResult["outcome"]
  /** Where it was mounted from. */
  readonly from?: string | undefined
}

/** Up to this size, in bytes, a blob's requests cost more than its bytes do. */
const small = 1024 * 1024

/** How often a blob is read again whose bytes were wrong when they came from the source. */
const rereads = 2

/** Moves the blob of the tasks, which are one for each target; `onMoved` is told of each target when it has the blob. */
export const moveTogether = (
  job: Job,
  group: ReadonlyArray<Task>,
  onMoved: (task: Task, moved: Moved) => Effect.Effect<unknown>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // Of targets in one repository the first gets the blob, and with it the others.
    const leaders = new Map<string, Task>()
    for (const task of group) {
      const key = keyOf(task.target, task.descriptor)
      if (!leaders.has(key)) leaders.set(key, task)
    }
    const followers = group.filter((task) => leaders.get(keyOf(task.target, task.descriptor)) !== task)
    const bring = (task: Task, moved: Effect.Effect<Moved, sided.Sided>) =>
      Target.during(task.target, Effect.flatMap(moved, (how) => onMoved(task, how)))
    return Effect.scoped(Effect.flatMap(seats(job, [...leaders.values()]), (all) =>
      Effect.all([
        ...all.map(([task, seat]) =>
          bring(task, Effect.ensuring(once(task, orAlone(job, task, 0, put(job, task, seat))), seat.leave))
        ),
        ...followers.map((task) => bring(task, once(task, alone(job, task, 0))))
      ], { concurrency: "unbounded", discard: true })))
  })

/** Sends what is not there although it was taken to be. */
export const again = (job: Job, target: Target.Target, blob: Descriptor.Descriptor) => {
  const { repository } = target
  return repository.session.single(
    `${keyOf(target, blob)} again`,
    Effect.flatMap(
      sided.destination(repository.hasBlob(blob.digest)),
      (isThere): Effect.Effect<Moved, sided.Sided> =>
        isThere
          ? Effect.succeed({ outcome: "Existed" })
          : alone(job, { target, descriptor: blob, action: { _tag: "Upload" } }, 0)
    )
  )
}

const keyOf = ({ repository }: Target.Target, { digest }: Descriptor.Descriptor): string =>
  `${slots.rankOf(repository.session)} ${repository.registry}/${repository.name}@${digest}`

/** Another copy of the same client may be moving this blob: then it is there when that one is done. */
const once = (
  { descriptor, target }: Member,
  own: Effect.Effect<Moved, sided.Sided>
): Effect.Effect<Moved, sided.Sided> =>
  Effect.suspend(() => {
    let moved: Moved = { outcome: "Existed" }
    const noted = Effect.map(own, (is) => {
      moved = is
    })
    return Effect.map(target.repository.session.single(keyOf(target, descriptor), noted), () => moved)
  })

type Member = Pick<Task, "action" | "descriptor" | "target">

const put = (job: Job, task: Member, seat: Feed.Seat): Effect.Effect<Moved, sided.Sided | Feed.LeftBehind> => {
  const { action, descriptor, target } = task
  const { repository } = target
  const mountFrom = action._tag === "Mount" ? action.from : action._tag === "Ask" ? repository.name : undefined
  // What holds no bytes is verified as it is put, as nothing was read for it.
  const isVerified = descriptor.size > 0
  const enter = Effect.zipRight(
    seat.enter,
    Effect.sync(() => job.emit(CopyEvent.BlobStarted({ destination: target.name, descriptor })))
  )
  const content = job.meter(target, descriptor, seat.content)
  const stored = mountFrom === undefined
    ? Effect.zipRight(enter, sided.destination(repository.putBlob(descriptor, content, { isVerified })))
    : Effect.suspend(() => {
      let left: Feed.LeftBehind | undefined
      // The gate's own failure cannot pass through the repository: it ends the part behind it.
      const gate = <A, E, R>(send: Effect.Effect<A, E, R>) =>
        Effect.matchEffect(enter, {
          onFailure: (error) => {
            left = error
            return Effect.interrupt
          },
          onSuccess: () => send
        })
      return sided.destination(repository.putBlob(descriptor, content, { isVerified, mountFrom, gate })).pipe(
        Effect.catchAllCause((cause): Effect.Effect<never, sided.Sided | Feed.LeftBehind> =>
          left === undefined ? Effect.failCause(cause) : Effect.fail(left)
        )
      )
    })
  return seat.take(stored).pipe(
    Effect.map((how): Moved =>
      how === "Mounted"
        ? action._tag === "Mount" ? { outcome: "Mounted", from: action.from } : { outcome: "Existed" }
        : { outcome: "Uploaded" }
    ),
    Effect.tap(({ outcome }) =>
      Effect.zipRight(
        outcome === "Uploaded" ? count(repository.registry, "upload", descriptor.size) : Effect.void,
        Effect.annotateCurrentSpan({ outcome, bytes: outcome === "Uploaded" ? descriptor.size : 0 })
      )
    ),
    Effect.withSpan("Copy.blob", {
      captureStackTrace: false,
      attributes: { digest: descriptor.digest, size: descriptor.size, destination: target.name }
    })
  )
}

/** By itself, with a read of its own. */
const alone = (job: Job, { descriptor, target }: Member, reads: number): Effect.Effect<Moved, sided.Sided> =>
  Effect.scoped(Effect.flatMap(
    seats<Member>(job, [{ target, descriptor, action: { _tag: "Upload" } }]),
    ([only]) =>
      only === undefined
        ? Effect.dieMessage("a transfer without a target")
        : orAlone(job, only[0], reads, put(job, only[0], only[1]))
  ))

/** What was left behind goes on alone, and so does what got wrong bytes from the source, a few times. */
const orAlone = (
  job: Job,
  member: Member,
  reads: number,
  effect: Effect.Effect<Moved, sided.Sided | Feed.LeftBehind>
): Effect.Effect<Moved, sided.Sided> =>
  Effect.catchAll(effect, (error) => {
    if (error._tag === "LeftBehind") return alone(job, member, reads)
    const { cause, side } = error
    const isWrong = side === "source" && (cause._tag === "DigestMismatch" || cause._tag === "SizeMismatch")
    return isWrong && reads < rereads
      ? Effect.zipRight(
        Effect.logWarning(`the source gave wrong bytes, they are read again: ${cause.message}`),
        alone(job, member, reads + 1)
      )
      : Effect.fail(error)
  })

/** A feed of the blob with a seat for each. */
const seats = <T extends Member>(
  job: Job,
  members: ReadonlyArray<T>
): Effect.Effect<ReadonlyArray<readonly [T, Feed.Seat]>, never, Scope.Scope> => {
  const [first] = members
  if (first === undefined) return Effect.succeed([])
  const { descriptor } = first
  const isSmall = descriptor.size <= small
  const ends = [job.source, ...members.map(({ target }) => target.repository)]
  return Effect.map(
    Feed.make({
      members: members.length,
      source: contentOf(job, descriptor),
      // Small ones take no place of a host's: those are for what keeps a connection busy.
      slots: (effect) => isSmall ? job.small.withPermits(1)(effect) : job.large.withPermits(1)(slots.hold(ends, effect))
    }),
    (all) =>
      members.flatMap((member, index) => {
        const seat = all[index]
        return seat === undefined ? [] : [[member, seat] as const]
      })
  )
}

/** The bytes: those that the descriptor itself carries, if it does, else the source's. */
const contentOf = (job: Job, blob: Descriptor.Descriptor): Stream.Stream<Uint8Array, sided.Sided> => {
  if (blob.size === 0) return Stream.empty
  const data = Descriptor.embedded(blob)
  if (Option.isSome(data)) return Stream.make(data.value)
  return Stream.mapError(job.source.getBlob(blob), (cause) => sided.make("source", cause)).pipe(
    job.observed,
    Stream.onEnd(count(job.source.registry, "download", blob.size))
  )
}

const count = (registry: string, direction: "download" | "upload", bytes: number): Effect.Effect<void> =>
  Metric.update(
    RegistryMetrics.bytes.pipe(Metric.tagged("registry", registry), Metric.tagged("direction", direction)),
    bytes
  )
