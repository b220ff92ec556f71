/**
 * What refers to the manifests of a copy: signatures, attestations and the like, by the referrers API or its fallback
 * (distribution-spec, "Listing Referrers"), and under the tags that cosign made of digests before there was an API.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Options } from "../../Copy.js"
import type * as Descriptor from "../../Descriptor.js"
import * as Digest from "../../Digest.js"
import type * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import type * as Repository from "../../Repository.js"
import * as limits from "../limits.js"
import { isTag } from "../names.js"
import type { Job } from "./job.js"
import * as sided from "./sided.js"
import * as Target from "./target.js"
import { isManifestType, type Node, type Tree } from "./tree.js"

/** Lists that are read at once. */
const concurrency = 8

export const isWanted = ({ digestTags, referrers = "none" }: Options): boolean =>
  referrers !== "none" || digestTags === true

/** What is to be put for the sake of the copied manifests, before them. */
export const gather = Effect.fnUntraced(function*(
  job: Job,
  tree: Tree,
  root: Manifest.Manifest,
  targets: ReadonlyArray<Target.Target>,
  options: Options
): Effect.fn.Return<ReadonlyArray<Node>, sided.Sided> {
  const { digestTags, referrers = "none" } = options
  const subjects = yield* subjectsOf(tree, root)
  const seen = new Set<Digest.Digest>(subjects)
  const budget = limits.makeBudget()
  const nodes: Array<Node> = []

  const round = (digests: ReadonlyArray<Digest.Digest>): Effect.Effect<void, sided.Sided> =>
    Effect.flatMap(
      Effect.forEach(digests, (digest) => referring(job, tree, digest, targets, budget), { concurrency }),
      (found) => {
        nodes.push(...found.flatMap((each) => each.nodes))
        const next = found.flatMap((each) => each.digests).filter((digest) => !seen.has(digest))
        for (const digest of next) seen.add(digest)
        return referrers === "recursive" && next.length > 0 && targets.some(Target.isAlive) ? round(next) : Effect.void
      }
    )
  if (referrers !== "none") yield* round(subjects)
  if (digestTags ?? referrers !== "none") {
    const tags = subjects.flatMap((digest) => ["sig", "att", "sbom"].map((kind) => cosignTag(digest, kind)))
      // Of a sha512 digest it would be too long for a tag.
      .filter(isTag)
    const tagged = yield* Effect.forEach(tags, (tag) => underTag(job, tree, tag, targets, options), { concurrency })
    nodes.push(...tagged.flat())
  }
  return nodes
})

const cosignTag = (digest: Digest.Digest, kind: string): string =>
  `${Digest.algorithm(digest)}-${Digest.encoded(digest)}.${kind}`

/** The root and all manifests below it, nested ones too. */
const subjectsOf = (
  tree: Tree,
  root: Manifest.Manifest
): Effect.Effect<ReadonlyArray<Digest.Digest>, sided.Sided> => {
  const found = new Set<Digest.Digest>([root.descriptor.digest])
  const walk = (manifest: Manifest.Manifest): Effect.Effect<void, sided.Sided> =>
    Effect.forEach(
      tree.children(manifest),
      (child) => {
        if (!isManifestType(child) || found.has(child.digest)) return Effect.void
        found.add(child.digest)
        if (!MediaType.isIndex(child.mediaType)) return Effect.void
        return Effect.flatMap(tree.manifest(child), walk)
      },
      { concurrency, discard: true }
    )
  return Effect.map(walk(root), () => [...found])
}

const listOf = (
  repository: Repository.Repository,
  digest: Digest.Digest,
  budget: limits.Budget
): Effect.Effect<ReadonlyArray<Descriptor.Descriptor>, Repository.Failure> =>
  repository.referrers === undefined ? Effect.succeed([]) : Effect.map(
    // One more than may be: what is too long need not be read to its end.
    Stream.runCollect(Stream.take(repository.referrers(digest), budget.remaining + 1)),
    (list) => [...list]
  ).pipe(Effect.tap((list) => limits.enter(budget, `referrers of ${digest}`, 1, list.length)))

/** What refers to a manifest in the source, and what of it has to be put. */
const referring = Effect.fnUntraced(function*(
  job: Job,
  tree: Tree,
  subject: Digest.Digest,
  targets: ReadonlyArray<Target.Target>,
  budget: limits.Budget
) {
  const list = yield* sided.source(listOf(job.source, subject, budget))
  if (list.length === 0) return { digests: [], nodes: [] }
  const lists = yield* Effect.forEach(targets.filter(({ isSource }) => !isSource), (target) =>
    Effect.map(
      Target.during(target, sided.destination(listOf(target.repository, subject, limits.makeBudget()))),
      Option.map((there) => ({ target, digests: new Set(there.map(({ digest }) => digest)) }))
    ), { concurrency: "unbounded" })
  const nodes = yield* Effect.forEach(list, (descriptor) => {
    const lacking = lists.flatMap((there) =>
      Option.isSome(there) && !there.value.digests.has(descriptor.digest) ? [there.value.target] : []
    )
    return nodeOf(tree, descriptor, lacking)
  }, { concurrency })
  return { digests: list.map(({ digest }) => digest), nodes: nodes.flat() }
})

const nodeOf = (
  tree: Tree,
  expected: Manifest.Expected,
  lacking: ReadonlyArray<Target.Target>,
  tag?: string
): Effect.Effect<ReadonlyArray<Node>> =>
  lacking.length === 0 ? Effect.succeed([]) : Effect.flatMap(
    Target.forAll(lacking, tree.manifest(expected)),
    Option.match({
      onNone: () => Effect.succeed([]),
      onSome: (manifest) => Effect.map(tree.below(manifest, lacking, { isPart: false, tag }), (node) => [node])
    })
  )

/**
 * What lies under a tag of the source, for the targets that have nothing or, unless it is to be kept, something else.
 */
const underTag = Effect.fnUntraced(function*(
  job: Job,
  tree: Tree,
  tag: string,
  targets: ReadonlyArray<Target.Target>,
  { onExisting = "overwrite" }: Options
): Effect.fn.Return<ReadonlyArray<Node>, sided.Sided> {
  const found = yield* resolved(job.source, tag).pipe(sided.source)
  if (Option.isNone(found)) return []
  const lacking = yield* Effect.forEach(
    targets.filter(({ isSource }) => !isSource),
    (target) =>
      Effect.map(Target.during(target, sided.destination(resolved(target.repository, tag))), (there) => {
        if (Option.isNone(there)) return []
        if (Option.isNone(there.value)) return [target]
        return onExisting === "overwrite" && there.value.value !== found.value ? [target] : []
      }),
    { concurrency: "unbounded" }
  )
  return yield* nodeOf(tree, { digest: found.value }, lacking.flat(), tag)
})

/** The digest alone: what else a HEAD tells is a hint. */
const resolved = (
  repository: Repository.Repository,
  tag: string
): Effect.Effect<Option.Option<Digest.Digest>, Repository.Failure> =>
  repository.resolve(tag).pipe(
    Effect.map(({ digest }) => Option.some(digest)),
    Effect.catchTag("NotFound", () => Effect.succeedNone)
  )
