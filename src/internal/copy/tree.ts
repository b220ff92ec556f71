/**
 * Reads what is to be copied from the top down, as far as any target lacks it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Descriptor from "../../Descriptor.js"
import type * as Digest from "../../Digest.js"
import * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import * as limits from "../limits.js"
import type { Inspection } from "./blobs.js"
import type { Job } from "./job.js"
import * as Shared from "./shared.js"
import * as sided from "./sided.js"
import * as Target from "./target.js"

/** A manifest that some targets lack. */
export interface Node {
  readonly manifest: Manifest.Manifest
  /** Under which it is put, beside its digest; that of the root is each destination's own. */
  readonly tag?: string | undefined
  readonly targets: ReadonlyArray<Target.Target>
  readonly blobs: ReadonlyArray<Descriptor.Descriptor>
  readonly children: ReadonlyArray<Node>
  /** The manifests that it names and that are copied, also those that the targets have. */
  readonly named: ReadonlyArray<Named>
}

/** Something that an index names, read when that is asked for: a manifest to be put, or none where it is a blob. */
export interface Named {
  readonly descriptor: Descriptor.Descriptor
  readonly node: Effect.Effect<Option.Option<Node>, sided.Sided>
}

/** What an index names: nothing where all targets have it, a manifest, or a blob. */
type Child = Option.Option<Node | "blob">

/** In what the copy differs from the source; see `subset.ts`. */
export interface Changes {
  readonly rewrittenChildren: ReadonlyMap<Digest.Digest, Manifest.Manifest>
  readonly omitted: ReadonlySet<Digest.Digest>
}

export const unchanged: Changes = { rewrittenChildren: new Map(), omitted: new Set() }

/** Manifests that are asked for at once. */
const manifestConcurrency = 16

export interface Tree {
  /**
   * A manifest of the source, or a rewritten one, read once however often it is asked for, and checked against each
   * descriptor by which it is.
   */
  readonly manifest: (expected: Manifest.Expected) => Effect.Effect<Manifest.Manifest, sided.Sided>
  /** What a manifest of the copy itself names, as far as it is copied. */
  readonly children: (manifest: Manifest.Manifest) => ReadonlyArray<Descriptor.Descriptor>
  /**
   * Everything below a manifest that the targets, which lack it, lack as well. `isPart`: of what is copied itself, from
   * which something may be left out; what refers to it comes whole.
   */
  readonly below: (
    manifest: Manifest.Manifest,
    targets: ReadonlyArray<Target.Target>,
    options: { readonly isPart: boolean; readonly tag?: string | undefined }
  ) => Effect.Effect<Node>
}

export const isManifestType = ({ mediaType }: Descriptor.Descriptor): boolean =>
  MediaType.isIndex(mediaType) || MediaType.isImageManifest(mediaType)

/** Whether a target has the manifest. One that refuses to tell is taken not to: the writes bring the answer. */
const has = (
  job: Job,
  target: Target.Target,
  digest: Digest.Digest,
  isNew: boolean
): Effect.Effect<boolean, sided.Sided> =>
  target.isSource && !isNew ? Effect.succeed(true) : target.repository.resolve(digest).pipe(
    Effect.as(true),
    Effect.catchTag("NotFound", "Denied", () => Effect.succeed(false)),
    (asked) => job.once(target.repository, `manifest ${digest}`, asked),
    sided.destination
  )

/** `need` is told of each blob below what is copied as soon as it is known. */
export const make = (job: Job, { omitted, rewrittenChildren }: Changes, need: Inspection["need"]): Tree => {
  const budget = limits.makeBudget()
  // In fibers of the job, as a target that ends may be the one that asked first.
  const readOnce = Shared.byKey<Digest.Digest, Manifest.Manifest, sided.Sided>(job.scope)
  const childOnce = Shared.byKey<string, Child, never>(job.scope)

  const children: Tree["children"] = (content) =>
    Manifest.references(content).manifests.filter(({ digest }) => !omitted.has(digest))

  const manifest: Tree["manifest"] = (expected) => {
    const { digest, mediaType, size } = expected
    const rewritten = rewrittenChildren.get(digest)
    if (rewritten !== undefined) return Effect.succeed(rewritten)
    const read = readOnce(
      digest,
      job.source.getManifest(digest, { expected }).pipe(
        Effect.tap(({ raw }) => limits.keep(budget, digest, raw.byteLength)),
        sided.source
      )
    )
    // It may have been read for another mention of it, which said something else or nothing but the digest.
    return Effect.flatMap(read, (known) => {
      const { descriptor, raw } = known
      return (size ?? descriptor.size) === descriptor.size &&
          (mediaType ?? descriptor.mediaType) === descriptor.mediaType
        ? Effect.succeed(known)
        : sided.source(Manifest.decode(raw, { resource: digest, contentType: descriptor.mediaType, expected }))
    })
  }

  /** What is under the digest of an entry: an index may name content that is no manifest. */
  const content = (descriptor: Descriptor.Descriptor): Effect.Effect<Option.Option<Manifest.Manifest>, sided.Sided> =>
    manifest(descriptor).pipe(
      Effect.asSome,
      Effect.catchIf(
        // A type we do not know can only be tried.
        ({ cause }) => cause._tag === "NotFound" && !isManifestType(descriptor),
        () => Effect.succeedNone
      )
    )

  const entries = (content: Manifest.Manifest, isPart: boolean): ReadonlyArray<Descriptor.Descriptor> =>
    isPart ? children(content) : Manifest.references(content).manifests

  /** Each digest once, however often an index names it. */
  const distinct = (descriptors: ReadonlyArray<Descriptor.Descriptor>): ReadonlyArray<Descriptor.Descriptor> => [
    ...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()
  ]

  const nodeOf = (
    manifest: Manifest.Manifest,
    targets: ReadonlyArray<Target.Target>,
    isPart: boolean
  ): Node => ({
    manifest,
    targets,
    blobs: Manifest.references(manifest).blobs,
    children: [],
    named: distinct(entries(manifest, isPart)).map((descriptor) => ({
      descriptor,
      node: Effect.map(content(descriptor), Option.map((child) => nodeOf(child, targets, isPart)))
    }))
  })

  const child = (
    descriptor: Descriptor.Descriptor,
    targets: ReadonlyArray<Target.Target>,
    depth: number,
    isPart: boolean
  ): Effect.Effect<Child> => {
    const read = Effect.gen(function*(): Effect.fn.Return<Child> {
      const lacking = yield* lackingOf(job, descriptor, targets, rewrittenChildren.has(descriptor.digest))
      if (lacking.length === 0) return Option.none()
      const found = yield* Target.forAll(lacking, content(descriptor))
      if (Option.isNone(found)) return Option.none()
      if (Option.isSome(found.value)) {
        return Option.some(yield* inside(found.value.value, lacking, depth, isPart, undefined))
      }
      yield* need(descriptor, lacking)
      return Option.some("blob")
    })
    // For whom it is asked is a part of the question.
    return childOnce([descriptor.digest, isPart, ...targets.map(({ id }) => id)].join(" "), read)
  }

  const inside = Effect.fnUntraced(function*(
    content: Manifest.Manifest,
    targets: ReadonlyArray<Target.Target>,
    depth: number,
    isPart: boolean,
    tag: string | undefined
  ): Effect.fn.Return<Node> {
    const itself = nodeOf(content, targets, isPart)
    const { blobs, named } = itself
    const mentions = blobs.length + entries(content, isPart).length
    const entered = yield* limits.enter(budget, content.descriptor.digest, depth, mentions).pipe(
      sided.source,
      (effect) => Target.forAll(targets, effect)
    )
    if (Option.isNone(entered)) return { ...itself, tag, blobs: [], named: [] }
    for (const blob of blobs) yield* need(blob, targets)
    const found = yield* Effect.forEach(
      named,
      ({ descriptor }) =>
        Effect.map(child(descriptor, targets, depth + 1, isPart), (child) => ({ entry: descriptor, child })),
      { concurrency: manifestConcurrency }
    )
    return {
      ...itself,
      tag,
      blobs: [...blobs, ...found.flatMap((each) => Option.contains(each.child, "blob") ? [each.entry] : [])],
      children: found.flatMap((each) =>
        Option.isSome(each.child) && each.child.value !== "blob" ? [each.child.value] : []
      )
    }
  })

  return {
    manifest,
    children,
    below: (content, targets, { isPart, tag }) => inside(content, targets, 1, isPart, tag)
  }
}

/** The targets that do not have the manifest; of those that have it that is noted. */
const lackingOf = (
  job: Job,
  descriptor: Descriptor.Descriptor,
  targets: ReadonlyArray<Target.Target>,
  isNew: boolean
) =>
  Effect.map(
    Effect.forEach(targets, (target) =>
      Effect.map(Target.during(target, has(job, target, descriptor.digest, isNew)), (isThere) => {
        if (Option.contains(isThere, true)) {
          target.manifests.set(descriptor.digest, { descriptor, outcome: "Existed" })
        }
        return Option.contains(isThere, false) ? [target] : []
      }), { concurrency: "unbounded" }),
    (lacking) =>
      lacking.flat()
  )
