/**
 * The moving of one blob to all targets that lack it, in one read of the source.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Descriptor from "../../Descriptor.js"
import type { Task } from "./blobs.js"
import type { Job } from "./job.js"
import * as large from "./large.js"
import * as sided from "./sided.js"
import * as slots from "./slots.js"
import * as small from "./small.js"
import * as Target from "./target.js"
import { together } from "./together.js"
import type { Member, Moved } from "./transfer.js"

/** Up to this size, in bytes, a blob's requests cost more than its bytes do: it is held in memory. */
const smallSize = 1024 * 1024

/** How one member of a group gets the blob; `leave` says that it does not wait for it any more. */
export interface Way {
  readonly move: Effect.Effect<Moved, sided.Sided>
  readonly leave: Effect.Effect<void>
}

/** A way for each member, of one read for all of them. */
const ways = (
  job: Job,
  descriptor: Descriptor.Descriptor,
  members: ReadonlyArray<Member>
): Effect.Effect<ReadonlyArray<Way>, never, Scope.Scope> =>
  descriptor.size <= smallSize ? small.ways(job, descriptor, members) : large.ways(job, descriptor, members)

/** By itself, with a read of its own. */
const alone = (job: Job, member: Member): Effect.Effect<Moved, sided.Sided> =>
  Effect.scoped(Effect.flatMap(
    ways(job, member.descriptor, [{ ...member, action: { _tag: "Upload" } }]),
    ([only]) => only === undefined ? Effect.dieMessage("a transfer without a target") : only.move
  ))

/** Moves the blob of the tasks, which are one for each target; `onMoved` is told of each target when it has the blob. */
export const moveTogether = (
  job: Job,
  descriptor: Descriptor.Descriptor,
  group: ReadonlyArray<Task>,
  onMoved: (task: Task, moved: Moved) => Effect.Effect<unknown>
): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    // Of targets in one repository the first gets the blob, and with it the others.
    const leaders = new Map<string, Task>()
    const followers: Array<Task> = []
    for (const task of group) {
      const key = keyOf(task.target, descriptor)
      if (leaders.has(key)) followers.push(task)
      else leaders.set(key, task)
    }
    const bring = (task: Task, move: Effect.Effect<Moved, sided.Sided>) =>
      Target.during(task.target, Effect.flatMap(once(task, move), (moved) => onMoved(task, moved)))
    const first = [...leaders.values()]
    return Effect.scoped(Effect.flatMap(ways(job, descriptor, first), (all) =>
      together([...first, ...followers], (task, index) => {
        const way = all[index]
        return way === undefined ? bring(task, alone(job, task)) : Effect.ensuring(bring(task, way.move), way.leave)
      })))
  })

/** Sends what is not there although it was taken to be. */
export const again = (job: Job, target: Target.Target, blob: Descriptor.Descriptor) => {
  const { repository } = target
  return repository.session.single(
    `${keyOf(target, blob)} again`,
    Effect.flatMap(
      sided.destination(repository.hasBlob(blob.digest, { size: blob.size })),
      (isThere): Effect.Effect<Moved, sided.Sided> =>
        isThere
          ? Effect.succeed({ outcome: "Existed" })
          : alone(job, { target, descriptor: blob, action: { _tag: "Upload" } })
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
