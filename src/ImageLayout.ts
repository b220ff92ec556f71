/**
 * An OCI image layout on disk (image-spec, "OCI Image Layout Specification") as a `Repository`: what `skopeo` calls
 * `oci:DIR`, and what `docker save` writes today.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as layout from "./internal/layout.js"
import * as layoutFiles from "./internal/layoutFiles.js"
import { defaultManifestSize } from "./internal/limits.js"
import * as session from "./internal/session.js"
import { InvalidInput } from "./RegistryError.js"
import type { Repository, Session } from "./Repository.js"

/**
 * - `name`: what messages call it; the directory as it was given by default
 * - `session`: shared with the repositories of a client; one of its own by default
 * - `maxManifestSize`: bytes, 8 MiB by default; larger files are not read as manifests
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly name?: string | undefined
  readonly session?: Session | undefined
  readonly maxManifestSize?: number | undefined
}

/**
 * The layout in a directory, which is made by the first write when it is not there.
 *
 * Tags are the `org.opencontainers.image.ref.name` annotations of `index.json`; a manifest without one can be had by its
 * digest. A blob is written to another file first and moved into its place when its digest is right, and `index.json`
 * is replaced as a whole. Within one process changes of the index follow each other; two processes that change the
 * same layout at once may undo each other's tags. Files that are reached through a symbolic link inside of the layout
 * are taken as absent. Blobs cannot be mounted, there being one repository.
 *
 * Fails with `InvalidInput` when the directory is the empty string. Its methods fail with `StorageError` when the disk
 * does, or when there is a layout of another version.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import * as NodeContext from "@effect/platform-node/NodeContext"
 * import * as ImageLayout from "effect-oci/ImageLayout"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const layout = yield* ImageLayout.make("./images")
 *   const { content } = yield* layout.getManifest("v1")
 *   return content
 * }).pipe(Effect.provide(NodeContext.layer))
 * ```
 */
export const make: (
  directory: string,
  options?: Options
) => Effect.Effect<Repository, InvalidInput, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function*(directory, options) {
    if (directory === "") return yield* new InvalidInput({ field: "directory", reason: "it is empty" })
    const files = yield* layoutFiles.make(directory)
    return layout.make(files, {
      registry: `file:${files.directory}`,
      name: options?.name ?? directory,
      session: options?.session ?? (yield* session.make),
      maxManifestSize: options?.maxManifestSize ?? defaultManifestSize
    })
  }
)
