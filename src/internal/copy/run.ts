/**
 * A copy from end to end: what the source names, what each destination has, what is to be done, and the doing.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CopyFailure, CopyResult, Destination, Endpoint, Options, Outcome, Plan, Selection } from "../../Copy.js"
import { CopyEvent } from "../../CopyEvent.js"
import { CopyError, NotFound, type ParsePlatformError, type PlatformNotFound } from "../../OperationError.js"
import { checkDigest, checkName, checkTag, located } from "../names.js"
import * as blobs from "./blobs.js"
import * as existing from "./existing.js"
import * as job from "./job.js"
import { planOf } from "./plan.js"
import { push } from "./push.js"
import * as referrers from "./referrers.js"
import * as roots from "./root.js"
import * as sided from "./sided.js"
import * as Target from "./target.js"
import { together } from "./together.js"
import * as tree from "./tree.js"

/** All that is known before anything is written. */
interface Prepared {
  readonly root: roots.Root
  readonly targets: ReadonlyMap<Target.Target, existing.Verdict>
  readonly main: tree.Node | undefined
  readonly first: ReadonlyArray<tree.Node>
  readonly tasks: ReadonlyArray<blobs.Task>
}

const conclude = (source: Endpoint, names: ReadonlyArray<string>, { cause, isRoot, side }: sided.Sided) =>
  isRoot && cause._tag === "NotFound"
    ? new NotFound({ resource: cause.resource, reference: cause.reference, errors: cause.errors, side })
    : new CopyError({
      source: located(`${source.repository.registry}/${source.repository.name}`, source.reference),
      destination: names.join(", "),
      side,
      cause
    })

const prepare = Effect.fnUntraced(function*(
  self: job.Job,
  source: Endpoint,
  all: ReadonlyArray<Target.Target>,
  options: Options & Selection,
  dryRun: boolean
): Effect.fn.Return<Prepared, sided.Sided | PlatformNotFound | ParsePlatformError> {
  const [root, found] = yield* Effect.all([
    roots.find(source, options),
    together(all, (target) => Target.during(target, existing.find(target)))
  ], { concurrency: 2 })
  const { expected } = root
  yield* Effect.annotateCurrentSpan("digest", expected.digest)
  const targets = new Map<Target.Target, existing.Verdict>()
  for (const [index, target] of all.entries()) {
    const there = found[index]
    if (there === undefined || Option.isNone(there)) continue
    const verdict = yield* Target.during(
      target,
      existing.judge(target, there.value, expected.digest, options, root.changes.omitted.size > 0)
    )
    if (Option.isSome(verdict)) targets.set(target, verdict.value)
  }
  const having = (...tags: ReadonlyArray<existing.Verdict["_tag"]>) =>
    [...targets].flatMap(([target, { _tag }]) => tags.includes(_tag) ? [target] : [])
  const writers = having("Absent")
  const concerned = referrers.isWanted(options) ? having("Absent", "There") : writers
  if (concerned.length === 0) return { root, targets, main: undefined, first: [], tasks: [] }

  const inspection = blobs.inspection(self, dryRun)
  const whole = tree.make(self, root.changes, inspection.need)
  const manifest = root.manifest ?? (yield* whole.manifest(expected))
  // The HEAD answered with a type; the manifest itself has the last word.
  yield* roots.checkKind(source, manifest, options)
  const below = writers.length === 0 ? undefined : whole.below(manifest, writers, { isPart: true })
  const [main, first] = referrers.isWanted(options)
    ? yield* Effect.all(
      [below ?? Effect.succeed(undefined), referrers.gather(self, whole, manifest, concerned, options)],
      { concurrency: 2 }
    )
    : [below === undefined ? undefined : yield* below, []]
  const tasks = yield* inspection.tasks
  return { root, targets, main, first, tasks }
})

const resultOf = (
  { tally }: job.Job,
  { root }: Prepared,
  target: Target.Target,
  verdict: existing.Verdict
): CopyResult => {
  const all = [...target.blobs.values()]
  const manifests = [...target.manifests.values()]
  return {
    digest: verdict._tag === "Kept" ? verdict.digest : root.expected.digest,
    sourceDigest: root.sourceDigest,
    outcome: manifests.some(({ outcome }) => outcome === "Pushed") ? "Copied" : "Skipped",
    blobs: all,
    manifests,
    bytes: all.reduce((sum, blob) => blob.outcome === "Uploaded" ? sum + blob.descriptor.size : sum, 0),
    requests: tally.requests,
    retries: tally.retries
  }
}

const announce = (self: job.Job, prepared: Prepared) =>
  Effect.sync(() => {
    for (const [target, verdict] of prepared.targets) {
      self.emit(CopyEvent.Planned({ destination: target.name, plan: planOf(prepared, target, verdict) }))
    }
  })

/** Does what was prepared; gives back the results of those that have it all. */
const carryOut = (
  self: job.Job,
  prepared: Prepared
): Effect.Effect<ReadonlyMap<Target.Target, CopyResult>> => {
  const { first, main, targets, tasks } = prepared
  const results = new Map<Target.Target, CopyResult>()
  const each = together([...targets], ([target, verdict]) =>
    Effect.map(
      Target.during(target, push(self, target, tasks, main, first)),
      Option.map(() => {
        const result = resultOf(self, prepared, target, verdict)
        results.set(target, result)
        self.emit(CopyEvent.Completed({ destination: target.name, result }))
      })
    ))
  // What waits for a blob that is moved ends with the moving, should that die.
  return Effect.as(Effect.all([each, blobs.move(self, tasks)], { concurrency: 2, discard: true }), results)
}

/** What each write checks as well; here before anything is asked of anybody. */
const check = ({ digest, tag }: Destination, { mountFrom = [] }: Options) =>
  Effect.all([
    tag === undefined ? Effect.void : checkTag(tag),
    digest === undefined ? Effect.void : checkDigest(digest),
    ...mountFrom.map(checkName)
  ], { discard: true })

/** Copies to all destinations, each with an end of its own. */
export const copyAll = (
  source: Endpoint,
  destinations: ReadonlyArray<Destination>,
  options: Options & Selection,
  emit: job.Emit | undefined,
  since?: number
): Effect.Effect<ReadonlyArray<Outcome>, CopyFailure> =>
  // For each run anew: an effect may be run again.
  Effect.suspend(() => {
    const targets = destinations.map((destination) => Target.make(source.repository, destination, since))
    const names = targets.map(({ name }) => name)
    return job.run(source.repository, options, emit, (self) =>
      Effect.gen(function*() {
        yield* sided.destination(Effect.forEach(destinations, (each) => check(each, options), { discard: true }))
        const prepared = yield* prepare(self, source, targets, options, false)
        yield* announce(self, prepared)
        const results = yield* carryOut(self, prepared)
        yield* Effect.annotateCurrentSpan({ requests: self.tally.requests, retries: self.tally.retries })
        return yield* Effect.forEach(targets, (target) => {
          const result = results.get(target)
          const { error, name: destination } = target
          if (result !== undefined) return Effect.succeed<Outcome>({ _tag: "Success", destination, result })
          if (error === undefined) return Effect.dieMessage("a destination that neither failed nor has all")
          const failure: Outcome = { _tag: "Failure", destination, error: conclude(source, [destination], error) }
          self.emit(CopyEvent.Failed({ destination, error: failure.error }))
          return Effect.succeed(failure)
        })
      })).pipe(Effect.mapError((error) => error._tag === "Sided" ? conclude(source, names, error) : error))
  })

const withoutFailed = (emit: job.Emit): job.Emit => (event) => event._tag === "Failed" ? undefined : emit(event)

/**
 * A copy to one destination, whose failure is its own. As a part of something larger it counts on what has been seen of
 * blobs at the destination `since` that began.
 */
export const copyOne = (
  source: Endpoint,
  destination: Destination,
  options: Options & Selection,
  emit: job.Emit | undefined,
  since?: number
): Effect.Effect<CopyResult, CopyFailure> =>
  // A failure is told by failing.
  Effect.flatMap(
    copyAll(source, [destination], options, emit === undefined ? undefined : withoutFailed(emit), since),
    ([outcome]) => {
      if (outcome === undefined) return Effect.dieMessage("a copy without an outcome")
      return outcome._tag === "Success" ? Effect.succeed(outcome.result) : Effect.fail(outcome.error)
    }
  )

/** What a copy would do; nothing is written. */
export const plan = (
  source: Endpoint,
  destination: Destination,
  options: Options & Selection
): Effect.Effect<Plan, CopyFailure> =>
  Effect.suspend(() => {
    const target = Target.make(source.repository, destination)
    return job.run(source.repository, options, undefined, (self) =>
      Effect.gen(function*() {
        yield* sided.destination(check(destination, options))
        const prepared = yield* prepare(self, source, [target], options, true)
        const verdict = prepared.targets.get(target)
        if (target.error !== undefined) return yield* target.error
        return verdict === undefined
          ? yield* Effect.dieMessage("a target without a verdict")
          : planOf(prepared, target, verdict)
      })).pipe(Effect.mapError((error) => error._tag === "Sided" ? conclude(source, [target.name], error) : error))
  })
