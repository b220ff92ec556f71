/**
 * Repositories in memory, and the registry that holds them: the store of tests and of the embedded registry.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import * as Digest from "../Digest.js"
import * as Manifest from "../Manifest.js"
import { NotFound } from "../OperationError.js"
import { InvalidInput, type RegistryError, SizeMismatch } from "../RegistryError.js"
import type { CompleteRepository, Range, Session, TypeId } from "../Repository.js"
import { collect, streamOf } from "./bytes.js"
import { checkDigest, checkName, checkSize, checkTag, checkTarget, located, type Target } from "./names.js"
import { entryOf, matches, subjectOf } from "./referrer.js"

/** `TypeId` of Repository.ts, which imports this module: taken from the global registry to keep the import one way. */
const typeId: TypeId = Symbol.for("effect-oci/Repository") as TypeId

interface StoredManifest {
  readonly manifest: Manifest.Manifest
  readonly subject: Digest.Digest | undefined
}

interface Content {
  readonly blobs: Map<Digest.Digest, Uint8Array>
  readonly manifests: Map<Digest.Digest, StoredManifest>
  readonly tags: Map<string, Digest.Digest>
}

export interface MemoryRegistry {
  readonly repository: (name: string) => Effect.Effect<CompleteRepository, InvalidInput>
  /** Names of the repositories that have had content, sorted by code unit. */
  readonly names: () => ReadonlyArray<string>
  readonly has: (name: string) => boolean
  /** The first repository that holds the blob, among those for which `where` holds. */
  readonly find: (digest: Digest.Digest, where: (name: string) => boolean) => string | undefined
  readonly size: (name: string, digest: Digest.Digest) => number | undefined
  /** Takes in a blob whose digests are known to be right. */
  readonly adopt: (name: string, digests: ReadonlyArray<Digest.Digest>, bytes: Uint8Array) => void
}

export const notFound = (resource: "manifest" | "blob" | "repository" | "upload", reference: string) =>
  new NotFound({ resource, reference, side: "none", errors: [] })

/** Bounds of a range within content of `size` bytes; what reaches past the end is cut. */
export const checkRange = (
  range: Range,
  size: number
): Effect.Effect<{ readonly offset: number; readonly length: number }, InvalidInput> => {
  const length = range.length ?? Math.max(0, size - range.offset)
  const whole = Number.isSafeInteger(range.offset) && range.offset >= 0 && Number.isSafeInteger(length) && length >= 0
  return whole && range.offset <= size
    ? Effect.succeed({ offset: range.offset, length: Math.min(length, size - range.offset) })
    : new InvalidInput({
      field: "range",
      reason: `${range.offset}+${range.length ?? "…"} is not a part of ${size} bytes`
    })
}

/** The pieces of memory that a stream hands out at once: small enough for a consumer's back-pressure to mean something. */
const pieceSize = 64 * 1024

const pieces = function*(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceSize) yield bytes.subarray(at, at + pieceSize)
}

export const makeRegistry = (registry: string, session: Session): MemoryRegistry => {
  const contents = new Map<string, Content>()

  const contentOf = (name: string): Content => {
    let content = contents.get(name)
    if (content === undefined) contents.set(name, content = { blobs: new Map(), manifests: new Map(), tags: new Map() })
    return content
  }

  const adopt: MemoryRegistry["adopt"] = (name, digests, bytes) => {
    const { blobs } = contentOf(name)
    for (const digest of digests) {
      blobs.set(digest, bytes)
      session.markBlob(registry, name, digest)
    }
  }

  /** All digests under which a repository holds these very bytes. */
  const aliases = (content: Content | undefined, bytes: Uint8Array): ReadonlyArray<Digest.Digest> =>
    Array.from(content?.blobs ?? []).flatMap(([digest, held]) => held === bytes ? [digest] : [])

  const find: MemoryRegistry["find"] = (digest, where) => {
    for (const [name, { blobs }] of contents) if (blobs.has(digest) && where(name)) return name
    return undefined
  }

  const make = (name: string): CompleteRepository => {
    const here = () => contents.get(name)
    const blobOf = (digest: Digest.Digest) => here()?.blobs.get(digest)
    const named = (reference: string) => located(name, reference)

    const lookUp = (target: Target): StoredManifest | undefined => {
      const content = here()
      const digest = target._tag === "Digest" ? target.digest : content?.tags.get(target.tag)
      return digest === undefined ? undefined : content?.manifests.get(digest)
    }
    const stored = (reference: string): Effect.Effect<StoredManifest, RegistryError | NotFound> =>
      Effect.flatMap(checkTarget(reference), (target) => {
        const found = lookUp(target)
        return found === undefined ? notFound("manifest", named(reference)) : Effect.succeed(found)
      })

    const mount = (digest: Digest.Digest, from: string): boolean => {
      const bytes = contents.get(from)?.blobs.get(digest)
      if (bytes === undefined) return false
      adopt(name, aliases(contents.get(from), bytes), bytes)
      return true
    }

    return {
      [typeId]: typeId,
      registry,
      name,
      session,

      resolve: (reference) => Effect.map(stored(reference), ({ manifest }) => manifest.descriptor),

      getManifest: Effect.fnUntraced(function*(reference, options) {
        const { manifest } = yield* stored(reference)
        if (options?.expected === undefined) return manifest
        return yield* Manifest.decode(manifest.raw, {
          resource: named(reference),
          contentType: manifest.descriptor.mediaType,
          expected: options.expected
        })
      }),

      putManifest: Effect.fnUntraced(function*({ descriptor, raw }, options) {
        const digest = yield* checkDigest(descriptor.digest)
        if (options?.tag !== undefined) yield* checkTag(options.tag)
        // A copy of its own, so that the caller's buffer may be used again.
        const manifest = yield* Manifest.decode(Uint8Array.from(raw), {
          resource: named(options?.tag ?? digest),
          contentType: descriptor.mediaType,
          expected: descriptor
        })
        const content = contentOf(name)
        content.manifests.set(digest, { manifest, subject: subjectOf(manifest.raw) })
        if (options?.tag !== undefined) content.tags.set(options.tag, digest)
        return digest
      }),

      hasBlob: Effect.fnUntraced(function*(digest, { size } = {}) {
        const bytes = blobOf(yield* checkDigest(digest))
        if (size !== undefined) yield* checkSize(size)
        return bytes !== undefined && (size === undefined || bytes.byteLength === size)
      }),

      getBlob: ({ digest, size }, range) =>
        Stream.unwrap(Effect.gen(function*() {
          const bytes = blobOf(yield* checkDigest(digest))
          if (bytes === undefined) return yield* notFound("blob", `${name}@${digest}`)
          if (range !== undefined) {
            const { length, offset } = yield* checkRange(range, bytes.byteLength)
            return Stream.fromIterable(pieces(bytes.subarray(offset, offset + length)))
          }
          if (size !== undefined && size !== bytes.byteLength) {
            return yield* new SizeMismatch({ resource: `blob ${digest}`, expected: size, actual: bytes.byteLength })
          }
          return Stream.fromIterable(pieces(bytes))
        })),

      putBlob: Effect.fnUntraced(function*(blob, content, options) {
        const digest = yield* checkDigest(blob.digest)
        if (options?.mountFrom !== undefined) {
          yield* checkName(options.mountFrom)
          if (mount(digest, options.mountFrom)) return "Mounted"
        }
        const { gate = identity } = options ?? {}
        const bytes = yield* gate(collect(Digest.verify(streamOf(content), blob, `blob ${digest}`)))
        adopt(name, [digest], bytes)
        return "Uploaded"
      }),

      uploadBlob: (content, options) =>
        Effect.map(collect(content), (bytes) => {
          const digest = Digest.fromBytes(bytes, options?.algorithm)
          contentOf(name).blobs.set(digest, bytes)
          session.markBlob(registry, name, digest)
          return { digest, size: bytes.byteLength }
        }),

      mountBlob: Effect.fnUntraced(function*(blob, from) {
        const digest = yield* checkDigest(blob.digest)
        return mount(digest, yield* checkName(from))
      }),

      tags: Stream.suspend(() => {
        const content = here()
        return content === undefined
          ? Stream.fail(notFound("repository", name))
          : Stream.fromIterable(Array.from(content.tags.keys()).sort())
      }),

      referrers: (digest, options) =>
        Stream.unwrap(Effect.map(checkDigest(digest), (subject) =>
          Stream.fromIterable(
            Array.from(here()?.manifests.values() ?? [])
              .filter((entry) => entry.subject === subject)
              .map(({ manifest }) => entryOf(manifest))
              .filter((entry) => matches(entry, options?.artifactType))
          ))),

      deleteManifest: (reference) =>
        Effect.flatMap(checkTarget(reference), (target) =>
          Effect.suspend(() => {
            const content = here()
            if (content === undefined || lookUp(target) === undefined) return notFound("manifest", named(reference))
            if (target._tag === "Tag") {
              content.tags.delete(target.tag)
              return Effect.void
            }
            content.manifests.delete(target.digest)
            for (const [tag, digest] of content.tags) if (digest === target.digest) content.tags.delete(tag)
            return Effect.void
          })),

      deleteBlob: (digest) =>
        Effect.flatMap(checkDigest(digest), (checked) =>
          Effect.suspend(() => {
            const bytes = blobOf(checked)
            if (bytes === undefined) return notFound("blob", `${name}@${checked}`)
            for (const alias of aliases(here(), bytes)) {
              here()?.blobs.delete(alias)
              session.forgetBlob(registry, name, alias)
            }
            return Effect.void
          }))
    }
  }

  return {
    repository: (name) => Effect.map(checkName(name), make),
    names: () => Array.from(contents.keys()).sort(),
    has: (name) => contents.has(name),
    find,
    size: (name, digest) => contents.get(name)?.blobs.get(digest)?.byteLength,
    adopt
  }
}

/** The registries in memory that belong to a session, by name: repositories of one of them can mount from each other. */
const registries = new WeakMap<Session, Map<string, MemoryRegistry>>()

export const registryOf = (registry: string, session: Session): MemoryRegistry => {
  let all = registries.get(session)
  if (all === undefined) registries.set(session, all = new Map())
  let found = all.get(registry)
  if (found === undefined) all.set(registry, found = makeRegistry(registry, session))
  return found
}
