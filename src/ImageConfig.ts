/**
 * Image configs: for which platform an image is made, how its container starts, and what its layers are unpacked
 * (image-spec, "OCI Image Configuration"; Docker's is the same with more fields).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Digest from "./Digest.js"
import { readJson } from "./internal/json.js"
import { absent, decodeWire, issues, tolerantArray } from "./internal/schema.js"
import { printable } from "./internal/text.js"
import type * as Platform from "./Platform.js"
import { ManifestInvalid } from "./RegistryError.js"

const text = Schema.optionalWith(Schema.String, absent)
const texts = Schema.optionalWith(Schema.Array(Schema.String), absent)
const keys = Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.Unknown }), absent)

/**
 * How a container of the image starts, in Docker's spelling. Of `ExposedPorts` and `Volumes` only the keys mean
 * something.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ContainerConfig = Schema.Struct({
  User: text,
  ExposedPorts: keys,
  Env: texts,
  Entrypoint: texts,
  Cmd: texts,
  Volumes: keys,
  WorkingDir: text,
  Labels: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), absent),
  StopSignal: text
})

/**
 * How a container of the image starts.
 *
 * @since 0.1.0
 * @category models
 */
export type ContainerConfig = typeof ContainerConfig.Type

/**
 * How one step of the build came to be; it made a layer unless `empty_layer` is true.
 *
 * @since 0.1.0
 * @category schemas
 */
export const History = Schema.Struct({
  created: text,
  author: text,
  created_by: text,
  comment: text,
  empty_layer: Schema.optionalWith(Schema.Boolean, absent)
})

/**
 * How one step of the build came to be.
 *
 * @since 0.1.0
 * @category models
 */
export type History = typeof History.Type

/**
 * The schema of an image config: `null` counts as absent, unknown fields are let through. Times are strings as
 * they were sent.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ImageConfig = Schema.Struct({
  architecture: Schema.String,
  os: Schema.String,
  "os.version": text,
  "os.features": texts,
  variant: text,
  created: text,
  author: text,
  config: Schema.optionalWith(ContainerConfig, absent),
  rootfs: Schema.Struct({ type: Schema.String, diff_ids: tolerantArray(Digest.Digest) }),
  history: tolerantArray(History)
})

/**
 * The view of an image config.
 *
 * @since 0.1.0
 * @category models
 */
export type ImageConfig = typeof ImageConfig.Type

const decodeConfig = decodeWire(ImageConfig)

/**
 * Reads an image config out of its bytes. `resource` is how messages name the image, a reference or a digest.
 *
 * Fails with `ManifestInvalid` when it is not JSON or not a config, or holds more than a manifest may.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = (raw: Uint8Array, resource: string): Effect.Effect<ImageConfig, ManifestInvalid> => {
  const invalid = (reason: string) =>
    new ManifestInvalid({ resource, reason: printable(`its config cannot be read: ${reason}`), errors: [] })
  return Effect.suspend(() =>
    Either.mapLeft(readJson(raw), invalid).pipe(
      Either.flatMap((json) => Either.mapLeft(decodeConfig(json), (error) => invalid(issues(error))))
    )
  )
}

/**
 * The platform the image is for, fields as given.
 *
 * @since 0.1.0
 * @category getters
 */
export const platform = (config: ImageConfig): Platform.Platform => {
  const { architecture, os, "os.features": features, "os.version": version, variant } = config
  return {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { "os.version": version }),
    ...(features === undefined ? {} : { "os.features": features })
  }
}

/**
 * The digests of the layers' **uncompressed** tar archives, lowest layer first.
 *
 * @since 0.1.0
 * @category getters
 */
export const diffIds = (config: ImageConfig): ReadonlyArray<Digest.Digest> => config.rootfs.diff_ids
