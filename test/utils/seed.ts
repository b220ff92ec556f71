/** Puts samples into a repository. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Repository } from "../../src/Repository.js"
import type { image, Sample } from "./samples.js"

export const putBlob = (repository: Repository, blob: Sample) =>
  repository.putBlob(blob.descriptor, Stream.make(blob.raw))

export const putManifest = (repository: Repository, manifest: Sample, tag?: string) =>
  repository.putManifest(manifest, { tag })

/** An image with its blobs, tagged when a tag is given. */
export const putImage = (repository: Repository, sample: ReturnType<typeof image>, tag?: string) =>
  Effect.forEach([sample.config, ...sample.layers], (blob) => putBlob(repository, blob), { discard: true }).pipe(
    Effect.andThen(putManifest(repository, sample.manifest, tag))
  )
