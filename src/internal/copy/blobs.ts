/**
 * The blobs of a copy: which target needs which, what is there already, and the moving of what is not.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
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

/**
 * Whether a blob is sent at all. Only the media type says that a layer is not to be distributed; its `urls` say that it can
 * be had from elsewhere (image-spec, "Non-Distributable Layers"). One without them would be nowhere.
 */
export const isSent = (
  { nonDistributable }: Pick<Job, "nonDistributable">,
  { mediaType, urls = [] }: Descriptor.Descriptor
): boolean =>
  nonDistributable === "copy" || !MediaType.isNonDistributable(mediaType) ||
  (nonDistributable === "auto" && urls.length === 0)

/** What is to be done, where nothing need be asked to know it. */
const known = (
  job: Job,
  { mountSource, target }: { readonly mountSource: string | undefined; readonly target: Target.Target },
  blob: Descriptor.Descriptor,
  dryRun: boolean
): Action | undefined => {
  const { repository } = target
  if (!isSent(job, blob)) return { _tag: "NotDistributable" }
  const { name, registry, session } = repository
  // The destination lacks what names the blob, or it would not be looked at: it may have been deleted together with that,
  // and what was seen of it earlier proves nothing.
  if (target.isSource || session.hasSeen(registry, name, blob.digest, target.since)) {
    return { _tag: "Exists" }
  }
  if (dryRun) return undefined
  if (mountSource !== undefined) return { _tag: "Mount", from: mountSource }
  return repository.mountTells === true ? { _tag: "Ask" } : undefined
}

/** Decides what is to be done, by one question to the registry where nothing else tells; the question is on its way. */
const decide = (
  job: Job,
  target: Target.Target,
  blob: Descriptor.Descriptor,
  dryRun: boolean
): Effect.Effect<Effect.Effect<Option.Option<Action>>> =>
  Effect.suspend(() => {
    const from = mountSource(job, target, blob.digest)
    const action = known(job, { mountSource: from, target }, blob, dryRun)
    if (action !== undefined) return Effect.succeed(Effect.succeedSome(action))
    const { repository } = target
    const { digest, size } = blob
    const asked = Effect.map(
      sided.destination(job.once(repository, `blob ${digest} of ${size}`, repository.hasBlob(digest, { size }))),
      (isThere): Action =>
        isThere ? { _tag: "Exists" } : from === undefined ? { _tag: "Upload" } : { _tag: "Mount", from }
    )
    return Effect.map(Effect.forkIn(Target.during(target, asked), job.scope), Fiber.join)
  })

/** Finds out what is to be done with blobs while more of them become known. */
export interface Inspection {
  /** These targets may lack the blob. */
  readonly need: (descriptor: Descriptor.Descriptor, targets: Iterable<Target.Target>) => Effect.Effect<void>
  /** What is to be done with each blob for each target that is still alive. */
  readonly tasks: Effect.Effect<ReadonlyArray<Task>>
}

interface Need {
  readonly descriptor: Descriptor.Descriptor
  readonly actions: Map<Target.Target, Effect.Effect<Option.Option<Action>>>
}

export const inspection = (job: Job, dryRun: boolean): Inspection => {
  const needs = new Map<Digest.Digest, Need>()

  const need: Inspection["need"] = (descriptor, targets) =>
    Effect.suspend(() => {
      let it = needs.get(descriptor.digest)
      const all = new Set(targets)
      // What is left out for one manifest another may need, and then it must come along.
      if (it === undefined || (isSent(job, descriptor) && !isSent(job, it.descriptor))) {
        for (const target of it?.actions.keys() ?? []) all.add(target)
        needs.set(descriptor.digest, it = { descriptor, actions: new Map() })
      }
      const { actions, descriptor: named } = it
      return Effect.forEach(
        [...all].filter((target) => !actions.has(target)),
        (target) => Effect.map(decide(job, target, named, dryRun), (action) => actions.set(target, action)),
        { discard: true }
      )
    })

  const tasks = Effect.suspend(() =>
    Effect.forEach(
      [...needs.values()].flatMap(({ actions, descriptor }) =>
        Array.from(actions, ([target, action]) => ({ target, descriptor, action }))
      ),
      ({ action, descriptor, target }) =>
        Effect.map(
          action,
          Option.map((action): Task => {
            return { target, descriptor, action, there: Deferred.unsafeMake(FiberId.none) }
          })
        )
    )
  )
  return { need, tasks: Effect.map(tasks, (all) => all.flatMap(Option.toArray)) }
}

/** Carries out what was found, the largest blobs first. */
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
  yield* Effect.forEach(
    [...groups.values()].sort((a, b) => b.descriptor.size - a.descriptor.size),
    ({ descriptor, tasks }) =>
      moveTogether(job, descriptor, tasks, (task, { from, outcome }) => done(job, task, outcome, from)),
    { concurrency: job.concurrency * ahead, discard: true }
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
