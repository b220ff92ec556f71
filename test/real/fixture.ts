/**
 * A real multi-platform image: for each architecture a layer with the files of Debian's busybox package and a second
 * layer, the same for all, with accounts and `/bin/sh`; config, manifests and an index of OCI or a manifest list of
 * Docker over them. The same packages give the same bytes.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Descriptor from "../../src/Descriptor.js"
import * as Digest from "../../src/Digest.js"
import type * as Manifest from "../../src/Manifest.js"
import * as MediaType from "../../src/MediaType.js"
import type * as Repository from "../../src/Repository.js"
import { type Architecture, architectures, type Packages } from "./busybox.js"
import { run } from "./run.js"

export type Format = "oci" | "docker"

export interface Blob {
  readonly descriptor: Descriptor.Descriptor
  readonly bytes: Uint8Array
}

export type RawManifest = Pick<Manifest.Manifest, "descriptor" | "raw">

export interface PlatformImage {
  /** `os/arch` or `os/arch/variant`, as the index has it. */
  readonly platform: string
  readonly config: Blob
  readonly layers: ReadonlyArray<Blob>
  readonly manifest: RawManifest
}

export interface MultiPlatformImage {
  readonly format: Format
  readonly images: ReadonlyArray<PlatformImage>
  readonly index: RawManifest
  /** Each blob once. */
  readonly blobs: ReadonlyArray<Blob>
}

const types = {
  oci: {
    index: MediaType.ociIndex,
    manifest: MediaType.ociManifest,
    config: MediaType.ociConfig,
    layer: MediaType.ociLayerGzip
  },
  docker: {
    index: MediaType.dockerManifestList,
    manifest: MediaType.dockerManifest,
    config: MediaType.dockerConfig,
    layer: MediaType.dockerLayerGzip
  }
} as const

const created = "2026-01-01T00:00:00Z"

const gzip = (tar: Uint8Array): Uint8Array => {
  const bytes = gzipSync(tar)
  // RFC 1952 names the operating system in byte 9; 255 is "unknown", the same everywhere. The time is 0 already.
  bytes[9] = 255
  return bytes
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

const blob = (bytes: Uint8Array, mediaType: string): Blob => ({
  descriptor: Descriptor.fromBytes(bytes, mediaType),
  bytes
})

const manifest = (
  value: { readonly mediaType: string; readonly [field: string]: unknown },
  indent?: number
): RawManifest => {
  const raw = new TextEncoder().encode(JSON.stringify(value, undefined, indent))
  return { descriptor: Descriptor.fromBytes(raw, value.mediaType), raw }
}

/** `etc/passwd`, `etc/group` and `bin/sh`, as a tar that depends on nothing but these lines. */
const accounts = Effect.fnUntraced(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-layer-" })
  yield* fs.makeDirectory(join(folder, "etc"))
  yield* fs.makeDirectory(join(folder, "bin"))
  yield* fs.writeFileString(join(folder, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")
  yield* fs.writeFileString(join(folder, "etc/group"), "root:x:0:\n")
  yield* fs.symlink("busybox", join(folder, "bin/sh"))
  const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=go-w"]
  const output = yield* run("tar", ["--create", "--format=ustar", ...reproducible, "--directory", folder, "bin", "etc"])
  return output.stdout
}, Effect.scoped)

const platformImage = (
  architecture: Architecture,
  tars: ReadonlyArray<Uint8Array>,
  format: Format
): PlatformImage => {
  const platform = architectures[architecture]
  const config = blob(
    encode({
      created,
      ...platform,
      config: { Env: ["PATH=/bin"], Cmd: ["/bin/sh"] },
      rootfs: { type: "layers", diff_ids: tars.map((tar) => Digest.fromBytes(tar)) },
      history: [
        { created, created_by: `busybox-static:${architecture}` },
        ...tars.slice(2).map(() => ({ created, created_by: "noise" })),
        { created, created_by: "accounts and /bin/sh" }
      ]
    }),
    types[format].config
  )
  const layers = tars.map((tar) => blob(gzip(tar), types[format].layer))
  return {
    platform: [platform.os, platform.architecture, ...("variant" in platform ? [platform.variant] : [])].join("/"),
    config,
    layers,
    manifest: manifest(
      {
        schemaVersion: 2,
        mediaType: types[format].manifest,
        config: config.descriptor,
        layers: layers.map((layer) => layer.descriptor),
        ...(format === "oci" ? { annotations: { "org.opencontainers.image.title": "busybox <static> & small" } } : {})
      },
      // Docker writes its manifests with an indent of three; whoever decodes and encodes them again loses it.
      format === "docker" ? 3 : undefined
    )
  }
}

/** Needs the packages to be there. `more` are tars of further layers, in front of the shared one. */
export const build = Effect.fnUntraced(function*(
  packages: Packages,
  format: Format,
  more: (architecture: Architecture) => ReadonlyArray<Uint8Array> = () => []
) {
  const shared = yield* accounts()
  const images = yield* Effect.forEach(
    Object.entries(packages.files) as Array<[Architecture, string]>,
    ([architecture, file]) =>
      Effect.map(
        run("dpkg-deb", ["--fsys-tarfile", file]),
        (output) => platformImage(architecture, [output.stdout, ...more(architecture), shared], format)
      )
  )
  const index = manifest(
    {
      schemaVersion: 2,
      mediaType: types[format].index,
      ...{
        manifests: images.map(({ manifest, platform }) => {
          const [os, architecture, variant] = platform.split("/")
          return {
            ...manifest.descriptor,
            platform: { architecture, os, ...(variant === undefined ? {} : { variant }) }
          }
        })
      }
    },
    format === "docker" ? 3 : undefined
  )
  const blobs = new Map(
    images.flatMap(({ config, layers }) => [config, ...layers]).map((each) => [each.descriptor.digest, each])
  )
  const result: MultiPlatformImage = { format, images, index, blobs: Array.from(blobs.values()) }
  return result
})

/** Pushes it with the low-level calls alone, the index under the tag. */
export const push = Effect.fnUntraced(function*(
  image: MultiPlatformImage,
  repository: Repository.Repository,
  tag: string
) {
  yield* Effect.forEach(
    image.blobs,
    ({ bytes, descriptor }) => repository.putBlob(descriptor, Stream.make(bytes)),
    { concurrency: 4, discard: true }
  )
  yield* Effect.forEach(image.images, ({ manifest }) => repository.putManifest(manifest), { discard: true })
  return yield* repository.putManifest(image.index, { tag })
})
