/**
 * An OCI image layout as a `Repository`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Descriptor from "../Descriptor.js"
import * as Digest from "../Digest.js"
import * as Manifest from "../Manifest.js"
import { ManifestInvalid, type RegistryError, SizeMismatch, type StorageError } from "../RegistryError.js"
import { type Failure, type Repository, type Session, TypeId } from "../Repository.js"
import { streamOf } from "./bytes.js"
import { type LayoutFiles, storageError } from "./layoutFiles.js"
import * as Index from "./layoutIndex.js"
import { checkRange, notFound } from "./memoryRepository.js"
import { checkDigest, checkName, checkSize, checkTag, checkTarget, located } from "./names.js"
import * as Pool from "./pool.js"
import { entryOf, matches, subjectOf } from "./referrer.js"

export interface Options {
  readonly registry: string
  readonly name: string
  readonly session: Session
  /** The layout of another repository of the same registry, when there can be any. */
  readonly sibling?: ((name: string) => Effect.Effect<LayoutFiles, RegistryError>) | undefined
  readonly maxManifestSize: number
}

/** Changes of one index.json follow each other, whichever `Repository` of this process makes them. */
const locks = new Map<string, Pool.Pool>()

const lockOf = (directory: string): Pool.Pool => {
  let lock = locks.get(directory)
  if (lock === undefined) locks.set(directory, lock = Pool.make(1))
  return lock
}

const pieceSize = 1024 * 1024

/** How deep indexes in indexes are followed when the layout is searched. */
const maxDepth = 8

export const make = (files: LayoutFiles, options: Options): Repository => {
  const { maxManifestSize, name, registry, session, sibling } = options
  const named = (reference: string) => located(name, reference)

  // Content of a digest never changes, so what has been decoded once holds as long as its file is there.
  const decoded = new Map<Digest.Digest, Manifest.Manifest>()

  const load = (
    digest: Digest.Digest,
    resource: string,
    mediaType: string | undefined
  ): Effect.Effect<Manifest.Manifest, Failure> =>
    Effect.gen(function*() {
      const path = files.blobPath(digest)
      const size = yield* files.sizeOf(path)
      if (size === undefined) {
        decoded.delete(digest)
        return yield* notFound("manifest", resource)
      }
      const known = decoded.get(digest)
      if (known !== undefined && (mediaType === undefined || known.descriptor.mediaType === mediaType)) return known
      if (size > maxManifestSize) {
        return yield* new ManifestInvalid({
          resource,
          reason: `it is larger than ${maxManifestSize} bytes`,
          errors: []
        })
      }
      const raw = yield* Effect.mapError(files.fs.readFile(path), storageError(path))
      const manifest = yield* Manifest.decode(raw, { resource, contentType: mediaType, expected: { digest } })
      decoded.set(digest, manifest)
      return manifest
    })

  /** All manifests that the entries lead to, entries first, each once; what cannot be read is passed over. */
  const walk = (
    entries: ReadonlyArray<Index.Entry>
  ): Effect.Effect<ReadonlyMap<Digest.Digest, { readonly mediaType: string; readonly child: boolean }>> =>
    Effect.gen(function*() {
      const found = new Map<Digest.Digest, { mediaType: string; child: boolean }>()
      let level: ReadonlyArray<Descriptor.Descriptor> = entries.flatMap(({ descriptor }) => descriptor ?? [])
      for (const { digest, mediaType } of level) found.set(digest, { mediaType, child: false })
      for (let depth = 0; depth < maxDepth && level.length > 0; depth++) {
        const manifests = yield* Effect.forEach(
          level,
          ({ digest, mediaType }) => Effect.option(load(digest, digest, mediaType))
        )
        level = manifests.flatMap((manifest) =>
          Option.isNone(manifest) ?
            [] :
            Manifest.references(manifest.value).manifests.filter(({ digest, mediaType }) => {
              const seen = found.get(digest)
              if (seen !== undefined) seen.child = true
              else found.set(digest, { mediaType, child: true })
              return seen === undefined
            })
        )
      }
      return found
    })

  const find = (
    reference: string
  ): Effect.Effect<{ readonly digest: Digest.Digest; readonly mediaType: string | undefined }, Failure> =>
    Effect.gen(function*() {
      const target = yield* checkTarget(reference)
      const index = yield* Index.read(files)
      const entries = index?.entries ?? []
      if (target._tag === "Tag") {
        const descriptor = entries.find(({ tag }) => tag === target.tag)?.descriptor
        return descriptor ?? (yield* notFound("manifest", named(reference)))
      }
      const { digest } = target
      const listed = entries.find(({ descriptor }) => descriptor?.digest === digest)?.descriptor
      if (listed !== undefined) return listed
      return { digest, mediaType: (yield* walk(entries)).get(digest)?.mediaType }
    })

  const get = (reference: string): Effect.Effect<Manifest.Manifest, Failure> =>
    Effect.flatMap(find(reference), ({ digest, mediaType }) => {
      const found = load(digest, named(reference), mediaType)
      // Any file may be asked for by its digest: one that no manifest leads to and that is none is not there.
      return mediaType === undefined
        ? Effect.catchTags(found, {
          ManifestInvalid: () => notFound("manifest", named(reference)),
          UnsupportedMediaType: () => notFound("manifest", named(reference))
        })
        : found
    })

  const change = <A, E>(
    f: (entries: ReadonlyArray<Index.Entry>) => Effect.Effect<readonly [ReadonlyArray<Index.Entry>, A], E>
  ): Effect.Effect<A, E | StorageError> =>
    lockOf(files.directory).run(Effect.uninterruptible(Effect.gen(function*() {
      const index = yield* Index.read(files)
      const [entries, result] = yield* f(index?.entries ?? [])
      yield* Index.write(files, index, Index.tidy(entries))
      return result
    })))

  const put = (manifest: Manifest.Manifest, tag: string | undefined) =>
    change((entries) =>
      Effect.gen(function*() {
        const { digest } = manifest.descriptor
        const others = tag === undefined
          ? entries
          : entries.map((entry) =>
            entry.tag === tag && entry.descriptor?.digest !== digest ? Index.untagged(entry) : entry
          )
        const reached = tag === undefined ? yield* walk(entries) : undefined
        const isThere = reached?.has(digest) === true ||
          (tag !== undefined && others.some((entry) => entry.tag === tag && entry.descriptor?.digest === digest))
        const all = isThere ? others : [...others, Index.newEntry(manifest.descriptor, tag)]
        // The index leads to its children now: entries of their own would make readers take them for images apart.
        const children = new Set(Manifest.references(manifest).manifests.map((child) => child.digest))
        return [
          all.filter((entry) =>
            entry.descriptor === undefined || !isPlain(entry) || !children.has(entry.descriptor.digest)
          ),
          undefined
        ] as const
      })
    )

  /** An entry that only keeps a manifest within reach: nobody gave it a name or a note. */
  const isPlain = (entry: Index.Entry): boolean => entry.raw.annotations === undefined

  const removeManifest = (digest: Digest.Digest) =>
    change((entries) =>
      Effect.gen(function*() {
        const manifest = yield* Effect.option(load(digest, digest, undefined))
        const kept = entries.filter(({ descriptor }) => descriptor?.digest !== digest)
        const reached = yield* walk(kept)
        // What only this one led to stays in the layout, so it gets an entry of its own.
        const children = Option.isNone(manifest) ? [] : Manifest.references(manifest.value).manifests
        const orphans = yield* Effect.filter(
          children.filter((child) => !reached.has(child.digest)),
          (child) => Effect.map(files.sizeOf(files.blobPath(child.digest)), (size) => size !== undefined)
        )
        return [[...kept, ...orphans.map((child) => Index.newEntry(child, undefined))], undefined] as const
      })
    )

  const link = (digest: Digest.Digest, from: string): Effect.Effect<boolean, RegistryError> =>
    Effect.gen(function*() {
      yield* checkName(from)
      if (sibling === undefined) return false
      const other = yield* sibling(from)
      const source = other.blobPath(digest)
      if ((yield* other.sizeOf(source)) === undefined) return false
      yield* files.link(source, files.blobPath(digest))
      session.markBlob(registry, name, digest)
      return true
    })

  return {
    [TypeId]: TypeId,
    registry,
    name,
    session,

    resolve: (reference) => Effect.map(get(reference), ({ descriptor }) => descriptor),

    getManifest: (reference, getOptions) =>
      Effect.flatMap(get(reference), (manifest) => {
        const expected = getOptions?.expected
        return expected === undefined ? Effect.succeed(manifest) : Manifest.decode(manifest.raw, {
          resource: named(reference),
          contentType: manifest.descriptor.mediaType,
          expected
        })
      }),

    putManifest: Effect.fnUntraced(function*({ descriptor, raw }, putOptions) {
      const digest = yield* checkDigest(descriptor.digest)
      const tag = putOptions?.tag
      if (tag !== undefined) yield* checkTag(tag)
      const manifest = yield* Manifest.decode(raw, {
        resource: named(tag ?? digest),
        contentType: descriptor.mediaType,
        expected: descriptor
      })
      yield* files.write(files.blobPath(digest), Stream.make(raw))
      decoded.delete(digest)
      yield* put(manifest, tag)
      return digest
    }),

    hasBlob: Effect.fnUntraced(function*(digest, { size } = {}) {
      const path = files.blobPath(yield* checkDigest(digest))
      if (size !== undefined) yield* checkSize(size)
      const found = yield* files.sizeOf(path)
      return found !== undefined && (size === undefined || found === size)
    }),

    getBlob: (blob, range) =>
      Stream.unwrap(Effect.gen(function*() {
        const digest = yield* checkDigest(blob.digest)
        const path = files.blobPath(digest)
        const size = yield* files.sizeOf(path)
        if (size === undefined) return yield* notFound("blob", `${name}@${digest}`)
        const read = (offset: number, length: number) =>
          Stream.mapError(
            files.fs.stream(path, { chunkSize: pieceSize, offset, bytesToRead: length }),
            storageError(path)
          )
        if (range !== undefined) {
          const { length, offset } = yield* checkRange(range, size)
          return length === 0 ? Stream.empty : read(offset, length)
        }
        if (blob.size !== undefined && blob.size !== size) {
          return yield* new SizeMismatch({ resource: `blob ${digest}`, expected: blob.size, actual: size })
        }
        return Digest.verify(size === 0 ? Stream.empty : read(0, size), { digest, size }, `blob ${digest}`)
      })),

    putBlob: Effect.fnUntraced(function*(blob, content, putOptions) {
      const digest = yield* checkDigest(blob.digest)
      if (putOptions?.mountFrom !== undefined && (yield* link(digest, putOptions.mountFrom))) return "Mounted"
      const { gate = identity } = putOptions ?? {}
      yield* gate(files.write(files.blobPath(digest), Digest.verify(streamOf(content), blob, `blob ${digest}`)))
      session.markBlob(registry, name, digest)
      return "Uploaded"
    }),

    ...(sibling === undefined ? {} : {
      mountBlob: (blob, from) => Effect.flatMap(checkDigest(blob.digest), (digest) => link(digest, from))
    }),

    tags: Stream.unwrap(Effect.flatMap(Index.read(files), (index) =>
      index === undefined
        ? notFound("repository", name)
        : Effect.succeed(Stream.fromIterable(
          Array.from(new Set(index.entries.flatMap(({ tag }) => tag ?? []))).sort()
        )))),

    referrers: (subject, referrersOptions) =>
      Stream.unwrap(Effect.gen(function*() {
        const digest = yield* checkDigest(subject)
        const index = yield* Index.read(files)
        const found = yield* walk(index?.entries ?? [])
        const manifests = yield* Effect.forEach(found, ([each, { mediaType }]) =>
          Effect.option(load(each, each, mediaType)))
        return Stream.fromIterable(
          Array.from(manifests).flatMap(Option.toArray)
            .filter(({ raw }) =>
              subjectOf(raw) === digest
            )
            .map(entryOf)
            .filter((entry) => matches(entry, referrersOptions?.artifactType))
        )
      })),

    deleteManifest: (reference) =>
      Effect.gen(function*() {
        const target = yield* checkTarget(reference)
        const { descriptor } = yield* get(reference)
        if (target._tag === "Tag") {
          return yield* change((entries) =>
            Effect.succeed(
              [entries.map((entry) => entry.tag === target.tag ? Index.untagged(entry) : entry), undefined] as const
            )
          )
        }
        yield* removeManifest(descriptor.digest)
        decoded.delete(descriptor.digest)
        yield* files.remove(files.blobPath(descriptor.digest))
      }),

    deleteBlob: (blob) =>
      Effect.gen(function*() {
        const digest = yield* checkDigest(blob)
        session.forgetBlob(registry, name, digest)
        if ((yield* files.sizeOf(files.blobPath(digest))) === undefined) {
          return yield* notFound("blob", `${name}@${digest}`)
        }
        const twins = yield* files.twins(digest)
        yield* Effect.forEach([digest, ...twins], (each) => files.remove(files.blobPath(each)), { discard: true })
      })
  }
}
