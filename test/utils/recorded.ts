/** A repository that writes down what is asked of it, in order. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Repository } from "../../src/Repository.js"

export interface Recorded {
  readonly repository: Repository
  readonly calls: Array<string>
  /** The calls that change something. */
  readonly writes: () => ReadonlyArray<string>
}

export const recorded = (repository: Repository): Recorded => {
  const calls: Array<string> = []
  const note = (call: string) =>
    Effect.sync(() => {
      calls.push(call)
    })
  return {
    calls,
    writes: () => calls.filter((call) => call.startsWith("put") || call.startsWith("mounted")),
    repository: {
      ...repository,
      resolve: (reference) => Effect.zipRight(note(`resolve ${reference}`), repository.resolve(reference)),
      getManifest: (reference, options) =>
        Effect.zipRight(note(`getManifest ${reference}`), repository.getManifest(reference, options)),
      putManifest: (manifest, options) =>
        Effect.zipRight(
          note(`putManifest ${options?.tag ?? manifest.descriptor.digest}`),
          repository.putManifest(manifest, options)
        ),
      hasBlob: (digest, options) => Effect.zipRight(note(`hasBlob ${digest}`), repository.hasBlob(digest, options)),
      getBlob: (blob, range) =>
        Stream.concat(Stream.execute(note(`getBlob ${blob.digest}`)), repository.getBlob(blob, range)),
      putBlob: (blob, content, options) =>
        repository.putBlob(blob, content, options).pipe(
          Effect.tap((outcome) => note(`${outcome === "Mounted" ? "mounted" : "putBlob"} ${blob.digest}`))
        )
    }
  }
}
