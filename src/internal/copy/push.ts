/**
 * Puts manifests where their content is, from the bottom up.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CopyEvent } from "../../CopyEvent.js"
import type * as Descriptor from "../../Descriptor.js"
import type * as Digest from "../../Digest.js"
import * as Manifest from "../../Manifest.js"
import { isSent, type Task } from "./blobs.js"
import type { Job } from "./job.js"
import { again } from "./move.js"
import * as sided from "./sided.js"
import * as Target from "./target.js"
import { together } from "./together.js"
import type { Node } from "./tree.js"

/** The manifests of a target, each once its blobs and its children are there; `first` come before the root. */
export const push = (
  job: Job,
  target: Target.Target,
  tasks: ReadonlyArray<Task>,
  root: Node | undefined,
  first: ReadonlyArray<Node>
): Effect.Effect<unknown, sided.Sided> => {
  const there = new Map<Digest.Digest, Deferred.Deferred<void>>()
  for (const task of tasks) if (task.target === target) there.set(task.descriptor.digest, task.there)
  const known = new Map<Node, Effect.Effect<void, sided.Sided>>()

  const once = (node: Node): Effect.Effect<void, sided.Sided> =>
    Effect.suspend(() => {
      const flight = known.get(node)
      if (flight !== undefined) return flight
      return Effect.flatMap(Effect.cached(whole(node)), (cached) => {
        const own = known.get(node) ?? cached
        known.set(node, own)
        return own
      })
    })

  const each = (nodes: ReadonlyArray<Node>) => together(nodes.filter(({ targets }) => targets.includes(target)), once)

  const whole = (node: Node): Effect.Effect<void, sided.Sided> =>
    each(node.children).pipe(
      Effect.zipRight(Effect.forEach(node.blobs, ({ digest }) => {
        const one = there.get(digest)
        return one === undefined ? Effect.void : Deferred.await(one)
      }, { discard: true })),
      Effect.zipRight(put(job, target, node))
    )

  const ours = root !== undefined && root.targets.includes(target) ? root : undefined
  const before = each([...first, ...ours?.children ?? []])
  return ours === undefined ? before : Effect.zipRight(before, once({ ...ours, tag: target.destination.tag }))
}

/**
 * A manifest that the destination refuses may name content that has been collected since it was seen, or that a mount
 * never brought: it is put once more when all that was only believed to be there has been put.
 */
const put = (job: Job, target: Target.Target, node: Node, isAgain = false): Effect.Effect<void, sided.Sided> => {
  const { manifest, tag } = node
  const { descriptor } = manifest
  const { repository } = target
  const once = sided.destination(job.once(
    repository,
    `put ${descriptor.digest} as ${tag ?? ""}${isAgain ? " again" : ""}`,
    repository.putManifest(manifest, { tag })
  ))
  return once.pipe(
    Effect.catchIf(({ cause }) => cause._tag === "ManifestInvalid", (error) => {
      const doubted = doubts(job, target, node, error)
      return doubted.length === 0
        ? Effect.fail(error)
        : Effect.zipRight(Effect.forEach(doubted, (one) => one, { concurrency: job.concurrency, discard: true }), once)
    }),
    Effect.tap(() =>
      Effect.sync(() => {
        target.manifests.set(descriptor.digest, { descriptor, outcome: "Pushed" })
        job.emit(CopyEvent.ManifestPushed({ destination: target.name, descriptor, tag }))
      })
    )
  )
}

/** Codes by which registries say that something is missing which a manifest names (distribution-spec, "Error Codes"). */
const unknown = /^(?:MANIFEST_UNKNOWN|MANIFEST_BLOB_UNKNOWN)$/

/** What has to be put before a refused manifest is put again. */
const doubts = (
  job: Job,
  target: Target.Target,
  { manifest, named }: Node,
  { cause }: sided.Sided
): ReadonlyArray<Effect.Effect<void, sided.Sided>> => {
  if (target.isSource) return []
  const references = Manifest.references(manifest)
  const blobs = references.blobs.filter((blob) => isSent(job, blob) && Target.isBelieved(target, blob))
  const isUnknown = "errors" in cause && cause.errors.some(({ code }) => unknown.test(code))
  // A sparse index names images that were left out. It is refused for these, and no push of the others changes that.
  const isNamed = new Set(named.map(({ descriptor }) => descriptor.digest))
  const isSparse = references.manifests.some(({ digest }) => !isNamed.has(digest))
  const children = isUnknown && !isSparse ? named : []
  return [
    ...blobs.map((blob) => bring(job, target, blob)),
    ...children.map(({ descriptor, node }) =>
      Effect.flatMap(
        node,
        Option.match({
          onNone: () => bring(job, target, descriptor),
          // Its own content has gone with it where it has gone.
          onSome: (child) => put(job, target, child, true)
        })
      )
    )
  ]
}

/** Sends a blob unless it turns out to be there. */
const bring = (job: Job, target: Target.Target, blob: Descriptor.Descriptor): Effect.Effect<void, sided.Sided> =>
  Effect.map(again(job, target, blob), ({ outcome }) => {
    if (outcome === "Uploaded") Target.settle(target, blob, outcome)
  })
