/**
 * A registry's content in a directory: one OCI image layout for each repository.
 *
 * @internal
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import * as Digest from "../../Digest.js"
import { DigestMismatch, InvalidInput, StorageError } from "../../RegistryError.js"
import type { Storage, Upload } from "../../RegistryServer.js"
import type { Repository } from "../../Repository.js"
import { writeInPieces } from "../coalesce.js"
import * as Layout from "../layout.js"
import * as LayoutFiles from "../layoutFiles.js"
import { checkName } from "../names.js"
import * as Session from "../session.js"
import * as DirectoryLock from "./directoryLock.js"

/** Parts of a name that would lie inside the layout of the repository before them. */
const reserved = new Set(["blobs", "index.json", "oci-layout"])

const checkPlace = (name: string): Effect.Effect<string, InvalidInput> =>
  Effect.flatMap(checkName(name), (checked) =>
    checked.split("/").some((part) => reserved.has(part))
      ? new InvalidInput({ field: "name", reason: `a part of ${checked} is reserved for the layout on disk` })
      : Effect.succeed(checked))

/** An upload whose bytes go to `draft`, which is there from the first byte on and open only while some come. */
const makeUpload = (
  fs: FileSystem.FileSystem,
  draft: string,
  target: LayoutFiles.LayoutFiles
): Upload => {
  const failed = Effect.mapError(LayoutFiles.storageError(draft))
  const hashers = [Digest.makeHasher("sha256"), Digest.makeHasher("sha512")]
  let size = 0
  let broken = false
  const discard = Effect.ignore(fs.remove(draft, { force: true }))

  // Size and hashes follow what is on disk. A write that failed may have left a part: nothing goes on after that.
  const write = (file: FileSystem.File, bytes: Uint8Array): Effect.Effect<void, StorageError> =>
    failed(file.writeAll(bytes)).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) {
            broken = true
            return
          }
          for (const hasher of hashers) hasher.update(bytes)
          size += bytes.byteLength
        })
      ),
      Effect.uninterruptible
    )
  const usable = Effect.suspend(() =>
    broken ? new StorageError({ path: draft, reason: "an earlier write failed" }) : Effect.void
  )

  return {
    size: () => size,
    append: (content) =>
      Effect.zipRight(
        usable,
        Effect.scopedWith((scope) => {
          let file: FileSystem.File | undefined
          const opened = Effect.suspend(() =>
            file !== undefined
              ? Effect.succeed(file)
              : Effect.map(failed(Scope.extend(fs.open(draft, { flag: "a" }), scope)), (made) => file = made)
          )
          return writeInPieces(content, (bytes) => Effect.flatMap(opened, (each) => write(each, bytes)))
        })
      ),
    commit: (digest) =>
      Effect.gen(function*() {
        yield* usable
        const actual = hashers.map((hasher) => hasher.digest())
        if (!actual.includes(digest)) {
          const same = actual.find((other) => Digest.algorithm(other) === Digest.algorithm(digest))
          return yield* new DigestMismatch({
            resource: "the uploaded blob",
            expected: digest,
            actual: same ?? actual[0] ?? ""
          })
        }
        if (size === 0) yield* failed(fs.writeFile(draft, new Uint8Array()))
        yield* target.adopt(draft, target.blobPath(digest))
        // It can be had by either digest.
        yield* Effect.forEach(
          actual.filter((other) => other !== digest),
          (other) => target.link(target.blobPath(digest), target.blobPath(other)),
          { discard: true }
        )
      }).pipe(Effect.ensuring(discard)),
    discard
  }
}

export const make = (
  directory: string
): Effect.Effect<Storage, StorageError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const session = yield* Session.make
    const root = path.resolve(directory)
    const uploads = path.join(root, ".uploads")
    yield* Effect.mapError(fs.makeDirectory(root, { recursive: true }), (error) =>
      LayoutFiles.isSystemError(error, "BadResource") || LayoutFiles.isSystemError(error, "AlreadyExists")
        ? new StorageError({ path: root, reason: "a directory is needed here, and this is a file or lies below one" })
        : LayoutFiles.storageError(root)(error))
    yield* DirectoryLock.hold(fs, root, path.join(root, ".lock"))
    // What an earlier run left behind is nobody's any more.
    yield* Effect.ignore(fs.remove(uploads, { recursive: true, force: true }))
    yield* Effect.mapError(fs.makeDirectory(uploads), LayoutFiles.storageError(uploads))
    yield* Effect.addFinalizer(() =>
      Effect.ignore(fs.remove(uploads, { recursive: true, force: true }))
    )

    const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
    const filesOf = (name: string) =>
      Effect.flatMap(checkPlace(name), (checked) =>
        Effect.provide(LayoutFiles.make(path.join(root, ...checked.split("/")), root), context))

    /** The files of a repository that is to be written to. What is reached by a link is not there, and stays so. */
    const writable = (name: string): Effect.Effect<LayoutFiles.LayoutFiles, InvalidInput | StorageError> =>
      Effect.flatMap(filesOf(name), (files) =>
        Effect.flatMap(files.isInPlace, (inPlace) =>
          inPlace
            ? Effect.succeed(files)
            : new InvalidInput({ field: "name", reason: `a part of ${name} is a symbolic link on disk` })))

    const makeRepository = (name: string, files: LayoutFiles.LayoutFiles): Repository => {
      const made = Layout.make(files, {
        registry: `file:${root}`,
        name,
        session,
        sibling: filesOf,
        maxManifestSize: 64 * 1024 * 1024
      })
      const { mountBlob } = made
      return {
        ...made,
        putManifest: (...args) =>
          Effect.zipRight(writable(name), made.putManifest(...args)),
        putBlob: (...args) =>
          Effect.zipRight(writable(name), made.putBlob(...args)),
        ...(mountBlob === undefined ? {} : {
          mountBlob: (...args) => Effect.zipRight(writable(name), mountBlob(...args))
        })
      }
    }

    const has = (name: string): Effect.Effect<boolean, StorageError> =>
      Effect.flatMap(filesOf(name), (files) =>
        Effect.zipWith(
          files.has(files.join("index.json")),
          files.has(files.join("blobs")),
          (index, blobs) => index || blobs
        )).pipe(Effect.catchTag("InvalidInput", () => Effect.succeed(false)))

    // Kept, for what they have read of their manifests; but only those that are there, as anything can be asked for.
    const repositories = new Map<string, Repository>()
    const repository: Storage["repository"] = (name) =>
      Effect.gen(function*() {
        const known = repositories.get(name)
        if (known !== undefined) return known
        const made = makeRepository(name, yield* filesOf(name))
        if (!(yield* has(name))) return made
        // Another request may have been faster.
        const kept = repositories.get(name) ?? made
        repositories.set(name, kept)
        return kept
      })

    const list = (prefix: string): Effect.Effect<ReadonlyArray<string>, StorageError> =>
      Effect.gen(function*() {
        const here = path.join(root, prefix)
        const failed = Effect.mapError(LayoutFiles.storageError(here))
        const entries = yield* failed(fs.readDirectory(here))
        const folders = yield* Effect.filter(
          entries.filter((entry) => !entry.startsWith(".") && !reserved.has(entry)),
          (entry) =>
            // A link is left alone: it may lead anywhere, and round in circles.
            Effect.isSuccess(fs.readLink(path.join(here, entry))).pipe(
              Effect.flatMap((isLink) =>
                isLink
                  ? Effect.succeed(false)
                  : failed(Effect.map(fs.stat(path.join(here, entry)), ({ type }) => type === "Directory"))
              )
            )
        )
        const names = yield* Effect.forEach(folders, (entry) => list(prefix === "" ? entry : `${prefix}/${entry}`))
        return prefix !== "" && (yield* has(prefix)) ? [prefix, ...names.flat()] : names.flat()
      })
    const names = Effect.map(list(""), (all) => Array.from(all).sort())

    const blobSize: Storage["blobSize"] = (name, digest) =>
      Effect.flatMap(filesOf(name), (files) => files.sizeOf(files.blobPath(digest)))

    return {
      repository,
      has,
      names,
      blobSize,
      find: (digest, where = () => true) =>
        names.pipe(
          Effect.map((all) => Stream.fromIterable(all.filter(where))),
          Stream.unwrap,
          Stream.filterEffect((name) =>
            blobSize(name, digest).pipe(
              Effect.map((size) => size !== undefined),
              Effect.catchAll(() => Effect.succeed(false))
            )
          ),
          Stream.take(1),
          Stream.runCollect,
          Effect.map((found) => Chunk.toReadonlyArray(found)[0])
        ),
      upload: (name) => Effect.map(writable(name), (files) => makeUpload(fs, path.join(uploads, randomUUID()), files))
    }
  })
