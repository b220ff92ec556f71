/**
 * The blobs of a copy: which target needs which, what is there already, and the moving of what is not.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type { BlobResult } from "../../Copy.js"
import { CopyEvent } from "../../CopyEvent.js"
import type * as Descriptor from "../../Descriptor.js"
import type * as Digest from "../../Digest.js"
import * as MediaType from "../../MediaType.js"
import * as RegistryMetrics from "../../RegistryMetrics.js"
import type { Job } from "./job.js"
import { moveTogether } from "./move.js"
import * as sided from "./sided.js"
import * as Target from "./target.js"

/** A blob that some targets may lack. */
export interface Need {
  readonly descriptor: Descriptor.Descriptor
  readonly targets: Set<Target.Target>
}

export type Needs = Map<Digest.Digest, Need>

/** What is to be done with a blob for one target. `Ask` is done by way of a mount that tells whether it is there. */
export type Action =
  | { readonly _tag: "NotDistributable" }
  | { readonly _tag: "Exists" }
  | { readonly _tag: "Mount"; readonly from: string }
  | { readonly _tag: "Ask" }
  | { readonly _tag: "Upload" }

export interface Task {
  readonly target: Target.Target
  readonly descriptor: Descriptor.Descriptor
  readonly action: Action
  /** Done when the blob is at the target; its failure is the target's. */
  readonly there: Deferred.Deferred<void>
}

/** How many blobs, for each that moves, may be on their way to it: being mounted, or with a session open. */
const ahead = 4

/** A repository of the target's registry that may have the blob. */
const mountSource = ({ mountFrom, source }: Job, { repository }: Target.Target, digest: Digest.Digest) => {
  if (repository.mountBlob === undefined) return undefined
  if (source.registry === repository.registry && source.name !== repository.name) return source.name
  const candidates = [...repository.session.repositoriesWith(repository.registry, digest), ...mountFrom]
  return candidates.find((name) => name !== repository.name)
}

/** Decides what is to be done, by one question to the registry where nothing else tells. */
const decide = (
  job: Job,
  target: Target.Target,
  blob: Descriptor.Descriptor,
  dryRun: boolean
): Effect.Effect<Action, sided.Sided> => {
  const { repository } = target
  if (MediaType.isNonDistributable(blob.mediaType)) return Effect.succeed({ _tag: "NotDistributable" })
  if (target.isSource) return Effect.succeed({ _tag: "Exists" })
  if (repository.session.hasSeen(repository.registry, repository.name, blob.digest)) {
    return Effect.succeed({ _tag: "Exists" })
  }
  const from = mountSource(job, target, blob.digest)
  const otherwise: Action = from === undefined ? { _tag: "Upload" } : { _tag: "Mount", from }
  if (!dryRun && from !== undefined) return Effect.succeed(otherwise)
  if (!dryRun && repository.mountTells === true) return Effect.succeed({ _tag: "Ask" })
  return Effect.map(
    sided.destination(job.once(repository, `blob ${blob.digest}`, repository.hasBlob(blob.digest))),
    (isThere) => isThere ? { _tag: "Exists" } : otherwise
  )
}

/** What is to be done with each blob for each target that is still alive. */
export const inspect = (job: Job, needs: Needs, dryRun: boolean): Effect.Effect<ReadonlyArray<Task>> =>
  Effect.map(
    Effect.forEach(
      [...needs.values()].flatMap(({ descriptor, targets }) => [...targets].map((target) => ({ descriptor, target }))),
      ({ descriptor, target }) =>
        Effect.flatMap(
          Target.during(target, decide(job, target, descriptor, dryRun)),
          Option.match({
            onNone: () => Effect.succeed([]),
            onSome: (action) =>
              Effect.map(Deferred.make<void>(), (there): ReadonlyArray<Task> => [{ target, descriptor, action, there }])
          })
        ),
      { concurrency: 64 }
    ),
    (tasks) => tasks.flat()
  )

/** Carries out what `inspect` found, the largest blobs first. */
export const move = Effect.fnUntraced(function*(job: Job, tasks: ReadonlyArray<Task>): Effect.fn.Return<void> {
  const groups = new Map<Digest.Digest, { readonly descriptor: Descriptor.Descriptor; readonly tasks: Array<Task> }>()
  for (const task of tasks) {
    const { action, descriptor } = task
    if (action._tag === "NotDistributable" || action._tag === "Exists") {
      yield* done(job, task, action._tag === "Exists" ? "Existed" : "NotDistributable")
    } else {
      const group = groups.get(descriptor.digest)
      if (group === undefined) groups.set(descriptor.digest, { descriptor, tasks: [task] })
      else group.tasks.push(task)
    }
  }
  const waiting = yield* Effect.makeSemaphore(job.concurrency * ahead)
  yield* Effect.forEach(
    [...groups.values()].sort((a, b) => b.descriptor.size - a.descriptor.size),
    ({ descriptor, tasks }) =>
      waiting.withPermits(1)(
        moveTogether(job, descriptor, tasks, (task, { from, outcome }) => done(job, task, outcome, from))
      ),
    { concurrency: "unbounded", discard: true }
  )
})

const done = (job: Job, task: Task, outcome: BlobResult["outcome"], from?: string) =>
  Effect.suspend(() => {
    const { descriptor, target, there } = task
    const about = { destination: target.name, descriptor }
    Target.settle(target, descriptor, outcome)
    if (outcome === "Existed") job.emit(CopyEvent.BlobExisted(about))
    if (outcome === "Mounted") job.emit(CopyEvent.BlobMounted({ ...about, from: from ?? "" }))
    if (outcome === "Uploaded") job.emit(CopyEvent.BlobUploaded(about))
    return Effect.zipRight(
      Metric.update(RegistryMetrics.blobs.pipe(Metric.tagged("outcome", outcome)), 1),
      Deferred.succeed(there, undefined)
    )
  })
