/**
 * A registry's content in memory.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Digest from "../../Digest.js"
import { DigestMismatch } from "../../RegistryError.js"
import type { Storage, Upload } from "../../RegistryServer.js"
import { concat } from "../bytes.js"
import { type MemoryRegistry, registryOf } from "../memoryRepository.js"
import { checkName } from "../names.js"
import * as Session from "../session.js"

const upload = (store: MemoryRegistry, name: string): Upload => {
  const parts: Array<Uint8Array> = []
  const hashers = [Digest.makeHasher("sha256"), Digest.makeHasher("sha512")]
  let size = 0
  return {
    size: () => size,
    append: (content) =>
      Stream.runForEachChunk(content, (chunk) =>
        Effect.sync(() => {
          for (const part of chunk) {
            // A copy: what a connection hands over may be a view of a buffer that it uses again.
            parts.push(Uint8Array.from(part))
            for (const hasher of hashers) hasher.update(part)
            size += part.byteLength
          }
        })),
    commit: (digest) =>
      Effect.suspend(() => {
        const actual = hashers.map((hasher) => hasher.digest())
        if (!actual.includes(digest)) {
          const same = actual.find((other) => Digest.algorithm(other) === Digest.algorithm(digest))
          return new DigestMismatch({
            resource: "the uploaded blob",
            expected: digest,
            actual: same ?? actual[0] ?? ""
          })
        }
        const bytes = concat(parts.splice(0))
        // It can be had by either digest.
        store.adopt(name, actual, bytes)
        return Effect.void
      }),
    discard: Effect.sync(() => {
      parts.length = 0
    })
  }
}

export const make = (registry = "memory"): Effect.Effect<Storage> =>
  Effect.map(Session.make, (session) => {
    const store = registryOf(registry, session)
    return {
      repository: store.repository,
      has: (name) => Effect.sync(() => store.has(name)),
      names: Effect.sync(store.names),
      blobSize: (name, digest) => Effect.sync(() => store.size(name, digest)),
      find: (digest, where = () => true) => Effect.sync(() => store.find(digest, where)),
      upload: (name) => Effect.map(checkName(name), (checked) => upload(store, checked))
    }
  })
