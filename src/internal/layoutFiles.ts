/**
 * The files of an OCI image layout: blobs by digest, and small files that are replaced as a whole. Every path is made
 * of the layout's own directory and parts that were checked; what a symbolic link leads to is not the layout's. The
 * layout's directory itself may be reached by links as far as `base`, which is that directory unless the layout belongs
 * to a store of many.
 *
 * @internal
 */
import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import * as Digest from "../Digest.js"
import { StorageError } from "../RegistryError.js"
import { writeInPieces } from "./coalesce.js"

export interface LayoutFiles {
  readonly directory: string
  readonly fs: FileSystem.FileSystem
  /** Whether the directory is where its name says, or can be made there. */
  readonly isInPlace: Effect.Effect<boolean, StorageError>
  /** Whether there is something of the layout's own: a file or a directory. */
  readonly has: (path: string) => Effect.Effect<boolean, StorageError>
  readonly blobPath: (digest: Digest.Digest) => string
  /** Size in bytes, or `undefined` when there is no such regular file in the layout. */
  readonly sizeOf: (path: string) => Effect.Effect<number | undefined, StorageError>
  /** A file written in another place and moved into it, with its directories. */
  readonly write: <E, R>(
    path: string,
    content: Stream.Stream<Uint8Array, E, R>
  ) => Effect.Effect<void, E | StorageError, R>
  /** Moves a file of the same file system into the layout. */
  readonly adopt: (from: string, path: string) => Effect.Effect<void, StorageError>
  /** The same file under another name, or a copy of it where that cannot be. */
  readonly link: (from: string, path: string) => Effect.Effect<void, StorageError>
  readonly remove: (path: string) => Effect.Effect<void, StorageError>
  /** Digests by another algorithm of the very same file. */
  readonly twins: (digest: Digest.Digest) => Effect.Effect<ReadonlyArray<Digest.Digest>, StorageError>
  readonly join: (...parts: ReadonlyArray<string>) => string
}

export const isSystemError = (error: PlatformError.PlatformError, reason: PlatformError.SystemErrorReason): boolean =>
  error._tag === "SystemError" && error.reason === reason

export const storageError = (path: string) => (error: PlatformError.PlatformError): StorageError =>
  new StorageError({ path, reason: error.description ?? error.message })

export const make = (
  directory: string,
  base: string = directory
): Effect.Effect<LayoutFiles, never, FileSystem.FileSystem | Path.Path> =>
  Effect.map(Effect.all([FileSystem.FileSystem, Path.Path]), ([fs, path]) => {
    const root = path.resolve(directory)
    const top = path.resolve(base)

    /** Whether the file lies where its name says: no part of the way from the base is a link. */
    const isOwn = (file: string): Effect.Effect<boolean, PlatformError.PlatformError> =>
      Effect.zipWith(
        fs.realPath(top),
        fs.realPath(file),
        (real, found) => path.join(real, path.relative(top, file)) === found
      )

    /** The same of a directory that may have to be made yet: it is for the part of the way that is there. */
    const canBeOwn = (folder: string): Effect.Effect<boolean, PlatformError.PlatformError> =>
      Effect.catchIf(
        isOwn(folder),
        (error) => isSystemError(error, "NotFound"),
        () => folder === top ? Effect.succeed(true) : canBeOwn(path.dirname(folder))
      )

    const sizeOf: LayoutFiles["sizeOf"] = (file) =>
      Effect.flatMap(isOwn(file), (own) =>
        own
          ? Effect.map(fs.stat(file), (info) => info.type === "File" ? Number(info.size) : undefined)
          : Effect.succeed(undefined)).pipe(
          Effect.catchAll((error) =>
            isSystemError(error, "NotFound") ? Effect.succeed(undefined) : Effect.fail(storageError(file)(error))
          )
        )

    const isThere = (file: string): Effect.Effect<boolean, PlatformError.PlatformError> =>
      Effect.catchIf(isOwn(file), (error) => isSystemError(error, "NotFound"), () => Effect.succeed(false))

    /** Makes the directory of a file, if it can be the layout's own. */
    const prepare = (file: string): Effect.Effect<void, StorageError> => {
      const parent = path.dirname(file)
      return isOwn(parent).pipe(
        Effect.catchIf((error) => isSystemError(error, "NotFound"), () =>
          // Not made before that is known: it would be made where a link leads to.
          Effect.flatMap(canBeOwn(parent), (can) =>
            can
              ? Effect.zipRight(fs.makeDirectory(parent, { recursive: true }), isOwn(parent))
              : Effect.succeed(false))),
        Effect.mapError(storageError(parent)),
        Effect.flatMap((own) =>
          own ? Effect.void : new StorageError({ path: parent, reason: "it is reached through a symbolic link" })
        )
      )
    }

    const temporary = () => path.join(root, `.tmp-${randomUUID()}`)
    const discard = (file: string) => Effect.ignore(fs.remove(file, { force: true }))

    const write: LayoutFiles["write"] = (file, content) => {
      const draft = temporary()
      const failed = Effect.mapError(storageError(draft))
      return Effect.zipRight(
        prepare(file),
        Effect.scoped(
          Effect.flatMap(
            failed(fs.open(draft, { flag: "wx" })),
            (handle) => writeInPieces(content, (bytes) => failed(handle.writeAll(bytes)))
          )
        ).pipe(
          Effect.andThen(Effect.mapError(fs.rename(draft, file), storageError(file))),
          Effect.onExit((exit) => exit._tag === "Success" ? Effect.void : discard(draft))
        )
      )
    }

    const link: LayoutFiles["link"] = (from, file) => {
      const draft = temporary()
      return Effect.andThen(
        prepare(file),
        Effect.orElse(fs.link(from, draft), () => fs.copyFile(from, draft)).pipe(
          Effect.andThen(fs.rename(draft, file)),
          Effect.mapError(storageError(file)),
          // The rename of a link onto another name of the same file does nothing, and leaves the draft.
          Effect.ensuring(discard(draft))
        )
      )
    }

    const twins: LayoutFiles["twins"] = (digest) => {
      const other = Digest.algorithm(digest) === "sha256" ? "sha512" : "sha256"
      const folder = path.join(root, "blobs", other)
      return Effect.gen(function*() {
        const info = yield* fs.stat(blobPath(digest))
        if (Option.getOrElse(info.nlink, () => 1) < 2 || !(yield* isThere(folder))) return []
        const names = (yield* fs.readDirectory(folder)).map((name) => `${other}:${name}`).filter(Digest.isDigest)
        return yield* Effect.filter(
          names,
          (name) =>
            Effect.map(fs.stat(blobPath(name)), (candidate) =>
              candidate.dev === info.dev &&
              Option.getOrElse(Option.zipWith(candidate.ino, info.ino, (a, b) => a === b), () => false))
        )
      }).pipe(Effect.mapError(storageError(folder)))
    }

    const blobPath = (digest: Digest.Digest) =>
      path.join(root, "blobs", Digest.algorithm(digest), Digest.encoded(digest))

    return {
      directory: root,
      fs,
      isInPlace: Effect.mapError(canBeOwn(root), storageError(root)),
      has: (file) => Effect.mapError(isThere(file), storageError(file)),
      blobPath,
      sizeOf,
      write,
      adopt: (from, file) => Effect.andThen(prepare(file), Effect.mapError(fs.rename(from, file), storageError(file))),
      link,
      remove: (file) => Effect.mapError(fs.remove(file), storageError(file)),
      twins,
      join: (...parts) => path.join(root, ...parts)
    }
  })
