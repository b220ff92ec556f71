/**
 * What of an index is copied: the images of some platforms, with or without their attestations.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Descriptor from "../../Descriptor.js"
import * as Digest from "../../Digest.js"
import * as Manifest from "../../Manifest.js"
import { type ParsePlatformError, PlatformNotFound } from "../../OperationError.js"
import * as Platform from "../../Platform.js"
import { InvalidInput } from "../../RegistryError.js"
import type * as Repository from "../../Repository.js"
import { located } from "../names.js"
import * as platformPattern from "../platformPattern.js"
import * as platforms from "../platforms.js"
import { object } from "../referrer.js"

export interface Selection {
  /**
   * Patterns as in `platformPattern`, each of which has to match, or a function that is given normalised platforms.
   * Undefined: all, also what is for no platform.
   */
  readonly platforms:
    | ReadonlyArray<string | Platform.Platform>
    | ((platform: Platform.Platform) => boolean)
    | undefined
  /** `keep`: those that speak of an image that is copied. */
  readonly attestations: "keep" | "drop"
  /** `filter`: an index without what is left out, by another digest. `sparse`: the same index, lacking content. */
  readonly index: "filter" | "sparse"
}

export interface Subset {
  /** What is to be stored at the destination: the source's own bytes, or a rewritten index. */
  readonly root: Manifest.Manifest
  /** Whether the root's bytes differ from the source's. */
  readonly rewritten: boolean
  /** Nested indexes that had to be rewritten, by their new digest, the inner ones first. The source does not have them. */
  readonly rewrittenChildren: ReadonlyMap<Digest.Digest, Manifest.Manifest>
  /** Digests that are left out although an index that is kept names them: only where the index is `sparse`. */
  readonly omitted: ReadonlySet<Digest.Digest>
}

/** `resource` is how messages name the root. */
export const make = Effect.fnUntraced(function*(
  repository: Repository.Repository,
  root: Manifest.Manifest,
  selection: Selection,
  resource: string = located(`${repository.registry}/${repository.name}`, root.descriptor.digest)
): Effect.fn.Return<Subset, Repository.Failure | PlatformNotFound | ParsePlatformError> {
  const whole: Subset = { root, rewritten: false, rewrittenChildren: new Map(), omitted: new Set() }
  const wanted = yield* read(selection.platforms)
  if (wanted === undefined && selection.attestations === "keep") return whole
  if (!Manifest.isIndex(root)) {
    if (wanted !== undefined) yield* checkSingle(repository, root, wanted, resource)
    return whole
  }
  const items = yield* platforms.survey(repository, root, wanted !== undefined)
  const images = platforms.images(items)
  if (wanted !== undefined) yield* checkFound(images, wanted, resource)
  const isKept = keeping(images, wanted, selection.attestations)
  if (selection.index === "sparse") return { ...whole, omitted: omitted(items, isKept) }
  const children = new Map<Digest.Digest, Manifest.Manifest>()
  const filtered = yield* filter(root, items, isKept, children)
  return { ...whole, root: filtered, rewritten: filtered !== root, rewrittenChildren: children }
})

/** The conditions of which an image has to meet one, each as messages have it. */
type Wanted = ReadonlyArray<platformPattern.PlatformPattern>

const read = (given: Selection["platforms"]): Effect.Effect<Wanted | undefined, ParsePlatformError | InvalidInput> => {
  if (given === undefined) return Effect.succeed(undefined)
  if (Predicate.isFunction(given)) {
    const matches = (platform: Platform.Platform) => Platform.isKnown(platform) && given(Platform.normalize(platform))
    return Effect.succeed([{ text: "anything that the predicate accepts", matches }])
  }
  return given.length === 0
    ? new InvalidInput({ field: "platforms", reason: "an empty list would choose nothing; leave it out for all" })
    : Effect.forEach(given, platformPattern.make)
}

/** Whether a selection can be read at all. */
export const check = (given: Selection["platforms"]): Effect.Effect<void, ParsePlatformError | InvalidInput> =>
  Effect.asVoid(read(given))

const isWanted = (wanted: Wanted, platform: Platform.Platform): boolean =>
  wanted.some(({ matches }) => matches(platform))

const notFound = (missing: Wanted, available: ReadonlyArray<Platform.Platform>, resource: string) =>
  new PlatformNotFound({
    reference: resource,
    platform: missing.map(({ text }) => text).join(", "),
    available: [...new Set(available.map(Platform.keyWithVersion))]
  })

/** Of a single image there is nothing to choose: it is for one of the platforms, or a mistake. */
const checkSingle = Effect.fnUntraced(function*(
  repository: Repository.Repository,
  root: Manifest.Manifest,
  wanted: Wanted,
  resource: string
): Effect.fn.Return<void, Repository.Failure | PlatformNotFound> {
  const own = Manifest.isImage(root) ? yield* platforms.platformOfImage(repository, root) : Option.none()
  if (Option.isNone(own)) return yield* platforms.notAnImage(resource, root)
  if (!isWanted(wanted, own.value)) return yield* notFound(wanted, [own.value], resource)
})

const checkFound = (
  images: ReadonlyArray<platforms.Entry>,
  wanted: Wanted,
  resource: string
): Effect.Effect<void, PlatformNotFound> => {
  const all = images.map(({ platform }) => platform)
  const missing = wanted.filter(({ matches }) => !all.some(matches))
  return missing.length === 0 ? Effect.void : Effect.fail(notFound(missing, all, resource))
}

type Keeping = (item: platforms.Item) => boolean

const keeping = (
  images: ReadonlyArray<platforms.Entry>,
  wanted: Wanted | undefined,
  attestations: Selection["attestations"]
): Keeping => {
  const isImageKept = ({ platform }: Pick<platforms.Entry, "platform">) =>
    wanted === undefined || isWanted(wanted, platform)
  const subjects = new Set<string>(images.filter(isImageKept).map(({ descriptor }) => descriptor.digest))
  const isKept: Keeping = (item) => {
    switch (item._tag) {
      case "Image":
        return isImageKept(item)
      case "Index":
        // Where no platform is asked for, an index that was empty before is nobody's loss, and nobody's gain.
        return item.items.some(isKept) || (wanted === undefined && item.items.length === 0)
      case "Attestation":
        return attestations === "keep" &&
          subjects.has(item.descriptor.annotations?.["vnd.docker.reference.digest"] ?? "")
      case "Other":
        return wanted === undefined
    }
  }
  return isKept
}

const omitted = (items: ReadonlyArray<platforms.Item>, isKept: Keeping): ReadonlySet<Digest.Digest> => {
  const kept = new Set<Digest.Digest>()
  const left = new Set<Digest.Digest>()
  const walk = (items: ReadonlyArray<platforms.Item>): void => {
    for (const item of items) {
      const { digest } = item._tag === "Index" ? item.index.descriptor : item.descriptor
      const stays = isKept(item)
      const group = stays ? kept : left
      group.add(digest)
      // What is under an index that is left out is named by nothing that is kept.
      if (item._tag === "Index" && stays) walk(item.items)
    }
  }
  walk(items)
  for (const digest of kept) left.delete(digest)
  return left
}

/** The index without what is not kept; itself, where that is nothing. */
const filter = Effect.fnUntraced(function*(
  index: Manifest.Index,
  items: ReadonlyArray<platforms.Item>,
  isKept: Keeping,
  children: Map<Digest.Digest, Manifest.Manifest>
): Effect.fn.Return<Manifest.Manifest, Repository.Failure> {
  const content = object(index.raw)
  const before: ReadonlyArray<unknown> = Array.isArray(content.manifests) ? content.manifests : []
  const after: Array<unknown> = []
  for (const [position, item] of items.entries()) {
    if (!isKept(item)) continue
    let entry = before[position]
    if (item._tag === "Index") {
      const child = yield* filter(item.index, item.items, isKept, children)
      if (child !== item.index) {
        children.set(child.descriptor.digest, child)
        entry = renamed(entry, child.descriptor)
      }
    }
    after.push(entry)
  }
  if (after.length === before.length && after.every((entry, position) => entry === before[position])) return index
  const { digest, mediaType } = index.descriptor
  const algorithm = Digest.algorithm(digest)
  const raw = new TextEncoder().encode(JSON.stringify({ ...content, manifests: after }))
  const expected = Descriptor.fromBytes(raw, mediaType, Digest.isAlgorithm(algorithm) ? algorithm : undefined)
  return yield* Manifest.decode(raw, { resource: expected.digest, expected })
})

/** The entry for other content; what it held of the old content itself does not go with that. */
const renamed = (entry: unknown, { digest, size }: Descriptor.Descriptor): unknown => {
  const { data: _, ...rest } = Predicate.isRecord(entry) ? entry : {}
  return { ...rest, digest, size }
}
