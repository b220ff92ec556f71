/** What is measured: which image goes from where to where, through what, and how often. */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { writeLargeImage } from "../real/large.js"
import * as Images from "./images.js"
import type { CaseName, Options } from "./options.js"

/** Where a copy goes. */
export type Destination =
  /** A registry that holds nothing. */
  | "empty"
  /** A registry that has the image already, under the same tag. */
  | "filled"
  /** Another repository of the source's registry. */
  | "repository"
  /** The source's repository, another tag. */
  | "tag"

export interface Case {
  readonly name: CaseName
  readonly title: string
  readonly does: "copy" | "digest" | "missing" | "copies" | "fanOut"
  readonly destination: Destination
  /** Through proxies that demand tokens and wait that many milliseconds a request; else straight to the registries. */
  readonly delay?: number
  readonly rounds: number
  /** Whether a first round is thrown away. */
  readonly warmUp: boolean
  /** What the tools are compared by, of less the better. */
  readonly figure: "requests" | "span" | "wall"
  /** The images, each one's repository and what puts it into a registry's storage under the tag `1`. */
  readonly images: ReadonlyArray<{
    readonly repository: string
    readonly write: (storage: string) => Effect.Effect<string, PlatformError, FileSystem.FileSystem>
  }>
}

const once = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

const sixLayers = once(Images.sixLayers)
const seventeenBlobs = once(Images.seventeenBlobs)
const shipped = once(Images.shipped)

const one = (repository: string, image: () => Images.Image): Case["images"][number] => ({
  repository,
  write: (storage) => Effect.suspend(() => Images.write(storage, repository, "1", image()))
})

const large = (size: number, count: number): Case["images"] => [{
  repository: "bench/large",
  write: (storage) =>
    Effect.map(writeLargeImage(storage, "bench/large", "1", size, count), ({ manifest }) => manifest.digest)
}]

const MiB = 1024 * 1024

/** A name for one case, and for large as many as there are sizes. */
export const make = (name: CaseName, options: Options): ReadonlyArray<Case> => {
  const counted = { name, delay: 0, rounds: 1, warmUp: false, figure: "requests", destination: "empty" } as const
  const slow = { name, delay: options.delay, rounds: options.rounds, warmUp: true, figure: "span" } as const
  const straight = { name, destination: "empty", warmUp: true, figure: "wall" } as const
  const image = [one("bench/image", sixLayers)]
  const index = [one("bench/index", seventeenBlobs)]
  const added = `${options.delay} ms added to every request`
  switch (name) {
    case "image":
      return [{ ...counted, title: "Image, 6 layers and config, to an empty registry", does: "copy", images: image }]
    case "index":
      return [{
        ...counted,
        title: "Index of 4 platforms, 17 blobs, to an empty registry",
        does: "copy",
        images: index
      }]
    case "again":
      return [{
        ...counted,
        title: "The same index, nothing changed",
        does: "copy",
        destination: "filled",
        images: index
      }]
    case "mount":
      return [{
        ...counted,
        title: "Image to another repository of the same registry",
        does: "copy",
        destination: "repository",
        images: image
      }]
    case "retag":
      return [{
        ...counted,
        title: "Index to another tag of its own repository",
        does: "copy",
        destination: "tag",
        images: index
      }]
    case "digest":
      return [{ ...counted, title: "Digest of the index's tag", does: "digest", images: index }]
    case "missing":
      return [{ ...counted, title: "Copy of a tag that is not there", does: "missing", images: image }]
    case "slow-index":
      return [{
        ...slow,
        title: `Index of 4 platforms, 17 blobs, to an empty registry, ${added}`,
        does: "copy",
        destination: "empty",
        images: index
      }]
    case "slow-again":
      return [{
        ...slow,
        title: `The same index, nothing changed, ${added}`,
        does: "copy",
        destination: "filled",
        images: index
      }]
    case "small":
      return [{
        ...straight,
        title: "Index of 4 platforms, 17 blobs, 1.8 MB",
        does: "copy",
        rounds: options.rounds,
        images: index
      }]
    case "shipped":
      return [{
        ...straight,
        title: "Index of 4 platforms, 13 blobs, 121 MiB",
        does: "copy",
        rounds: options.rounds,
        images: [one("bench/shipped", shipped)]
      }]
    case "large":
      return options.largeSizes.map((size) => ({
        ...straight,
        title: `Image with one layer of ${size / MiB} MiB`,
        does: "copy",
        rounds: options.largeRounds,
        images: large(size, 1)
      }))
    case "layers": {
      const { count, size } = options.layers
      return [{
        ...straight,
        title: `Image with ${count} layers of ${size / MiB} MiB`,
        does: "copy",
        rounds: options.largeRounds,
        images: large(size, count)
      }]
    }
    case "many":
      return [{
        ...straight,
        warmUp: false,
        title: `${options.images} images of one layer of 10 kB, each to a repository of its own`,
        does: "copies",
        rounds: options.largeRounds,
        images: Array.from(
          { length: options.images },
          (_, number) => one(`bench/many-${number}`, () => Images.single(`many ${number}`, [10_000]))
        )
      }]
    case "three":
      return [{
        ...straight,
        title: "Index of 4 platforms, 13 blobs, 121 MiB, to 3 empty registries",
        does: "fanOut",
        rounds: options.largeRounds,
        images: [one("bench/shipped", shipped)]
      }]
  }
}
