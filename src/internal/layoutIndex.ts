/**
 * `index.json` of an OCI image layout: read as it is, changed in its entries only, replaced as a whole. Fields and
 * entries that are not understood stay.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as Descriptor from "../Descriptor.js"
import type * as Digest from "../Digest.js"
import * as MediaType from "../MediaType.js"
import { StorageError } from "../RegistryError.js"
import { excessOf, layoutBounds, readJson } from "./json.js"
import type { LayoutFiles } from "./layoutFiles.js"
import { isTag } from "./names.js"
import { decodeWire } from "./schema.js"

export const refName = "org.opencontainers.image.ref.name"

/** An entry as it stands in the file, and as far as it can be understood. */
export interface Entry {
  readonly raw: Readonly<Record<string, unknown>>
  readonly descriptor: Descriptor.Descriptor | undefined
  readonly tag: string | undefined
}

export interface Index {
  readonly raw: Readonly<Record<string, unknown>>
  readonly entries: ReadonlyArray<Entry>
}

const limit = 64 * 1024 * 1024
const tooLarge = `it is larger than ${limit} bytes`
const decodeDescriptor = decodeWire(Descriptor.Descriptor)

const entryOf = (raw: unknown): Entry => {
  const record = Predicate.isRecord(raw) ? raw : {}
  const decoded = decodeDescriptor(record)
  const annotations = Predicate.isRecord(record.annotations) ? record.annotations : {}
  const name = annotations[refName]
  return {
    raw: record,
    descriptor: Either.getOrUndefined(decoded),
    tag: Predicate.isString(name) && isTag(name) ? name : undefined
  }
}

const readFile = (files: LayoutFiles, path: string): Effect.Effect<unknown, StorageError> =>
  Effect.gen(function*() {
    const size = yield* files.sizeOf(path)
    if (size === undefined) return undefined
    if (size > limit) return yield* new StorageError({ path, reason: tooLarge })
    const content = yield* Effect.mapError(
      files.fs.readFile(path),
      (error) => new StorageError({ path, reason: error.message })
    )
    return yield* Either.mapLeft(readJson(content, layoutBounds), (reason) => new StorageError({ path, reason }))
  })

/** The index, or `undefined` where there is no layout. A layout of another version is not touched. */
export const read = (files: LayoutFiles): Effect.Effect<Index | undefined, StorageError> =>
  Effect.gen(function*() {
    const versionPath = files.join("oci-layout")
    const version = yield* readFile(files, versionPath)
    if (version !== undefined && (!Predicate.isRecord(version) || version.imageLayoutVersion !== "1.0.0")) {
      return yield* new StorageError({ path: versionPath, reason: "only image layouts of version 1.0.0 are supported" })
    }
    const path = files.join("index.json")
    const raw = yield* readFile(files, path)
    if (raw === undefined) return undefined
    if (!Predicate.isRecord(raw)) return yield* new StorageError({ path, reason: "it is not an image index" })
    const manifests = raw.manifests ?? []
    if (!Array.isArray(manifests)) return yield* new StorageError({ path, reason: "its manifests are not a list" })
    return { raw, entries: manifests.map(entryOf) }
  })

const utf8 = (content: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(content))

/** What is new is in its place before the index names it, and the index is replaced in one step. */
export const write = (
  files: LayoutFiles,
  index: Index | undefined,
  entries: ReadonlyArray<Entry>
): Effect.Effect<void, StorageError> =>
  Effect.gen(function*() {
    const version = files.join("oci-layout")
    if ((yield* files.sizeOf(version)) === undefined) {
      yield* files.write(version, Stream.make(utf8({ imageLayoutVersion: "1.0.0" })))
    }
    const raw = index?.raw ?? { schemaVersion: 2, mediaType: MediaType.ociIndex }
    const path = files.join("index.json")
    const content = utf8({ ...raw, manifests: entries.map((entry) => entry.raw) })
    // What could not be read again is not written: the layout would be lost.
    const excess = content.byteLength > limit ? tooLarge : excessOf(content, layoutBounds)
    if (excess !== undefined) return yield* new StorageError({ path, reason: `with this change ${excess}` })
    yield* files.write(path, Stream.make(content))
  })

/** The entry for a manifest, under a tag or none. */
export const newEntry = (descriptor: Descriptor.Descriptor, tag: string | undefined): Entry => {
  const { digest, mediaType, size } = descriptor
  return entryOf({ mediaType, digest, size, ...(tag === undefined ? {} : { annotations: { [refName]: tag } }) })
}

/** The entry without its tag; its other annotations stay. */
export const untagged = (entry: Entry): Entry => {
  if (!Predicate.isRecord(entry.raw.annotations)) return entry
  const { [refName]: _, ...rest } = entry.raw.annotations
  const { annotations: __, ...raw } = entry.raw
  return entryOf(Object.keys(rest).length === 0 ? raw : { ...raw, annotations: rest })
}

/** One entry for each manifest and tag; an entry without a tag says nothing where there is one with. */
export const tidy = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> => {
  const tagged = new Set<Digest.Digest>()
  for (const { descriptor, tag } of entries) {
    if (descriptor !== undefined && tag !== undefined) tagged.add(descriptor.digest)
  }
  const seen = new Set<string>()
  return entries.filter(({ descriptor, raw, tag }) => {
    if (descriptor === undefined) return true
    const named = Predicate.isRecord(raw.annotations) && refName in raw.annotations
    if (!named && tagged.has(descriptor.digest)) return false
    const key = named ? undefined : `${descriptor.digest} ${tag ?? ""}`
    if (key === undefined) return true
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
