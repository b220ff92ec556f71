/** What every kind of repository must do: run for each of them. */
import { assert, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Digest from "../../src/Digest.js"
import * as Repository from "../../src/Repository.js"
import { image, index, sample, utf8 } from "./samples.js"

const bytesOf = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Buffer.concat(Chunk.toReadonlyArray(chunks)))
export const listOf = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

const { config, layers: [layer], manifest } = image(["one"])

/** `make` gives a new, empty repository each time. */
export const repositoryContract = <E>(make: Effect.Effect<Repository.Repository, E, Scope.Scope>) => {
  it.scoped("stores blobs and gives them back, whole and in part", () =>
    Effect.gen(function*() {
      const repository = yield* make
      assert.isTrue(Repository.isRepository(repository))
      const blob = sample("x".repeat(200_000), "text/plain")
      const { digest, size } = blob.descriptor
      assert.isFalse(yield* repository.hasBlob(digest))
      const parts = Stream.make(blob.raw.subarray(0, 7), blob.raw.subarray(7))
      assert.strictEqual(yield* repository.putBlob(blob.descriptor, parts), "Uploaded")
      assert.isTrue(yield* repository.hasBlob(digest))
      assert.isTrue(yield* repository.hasBlob(digest, { size }))
      assert.isFalse(yield* repository.hasBlob(digest, { size: size - 1 }))
      assert.strictEqual((yield* Effect.flip(repository.hasBlob(digest, { size: -1 })))._tag, "InvalidInput")
      assert.deepEqual(yield* bytesOf(repository.getBlob({ digest, size })), Buffer.from(blob.raw))
      assert.strictEqual((yield* bytesOf(repository.getBlob({ digest }, { offset: 199_990 }))).length, 10)
      assert.strictEqual((yield* bytesOf(repository.getBlob({ digest }, { offset: 3, length: 4 }))).length, 4)
      assert.strictEqual((yield* Effect.flip(bytesOf(repository.getBlob({ digest, size: 1 }))))._tag, "SizeMismatch")
      const beyond = yield* Effect.flip(bytesOf(repository.getBlob({ digest }, { offset: 200_001 })))
      assert.strictEqual(beyond._tag, "InvalidInput")
      yield* repository.deleteBlob!(digest)
      assert.strictEqual((yield* Effect.flip(repository.deleteBlob!(digest)))._tag, "NotFound")
      assert.strictEqual((yield* Effect.flip(bytesOf(repository.getBlob({ digest }))))._tag, "NotFound")
    }))

  it.scoped("takes a blob's bytes behind the gate, and none of them before it opens", () =>
    Effect.gen(function*() {
      const repository = yield* make
      const { descriptor, raw } = sample("gated", "text/plain")
      const log: Array<string> = []
      const note = (what: string) => Effect.sync(() => log.push(what))
      const content = Stream.tap(Stream.make(raw), () => note("bytes"))
      yield* repository.putBlob(descriptor, content, {
        gate: (send) => note("opens").pipe(Effect.zipRight(send), Effect.zipLeft(note("closes")))
      })
      assert.deepStrictEqual(log, ["opens", "bytes", "closes"])
      assert.isTrue(yield* repository.hasBlob(descriptor.digest))
    }))

  it.scoped("lets no wrong content in", () =>
    Effect.gen(function*() {
      const repository = yield* make
      const put = (bytes: Uint8Array) => Effect.flip(repository.putBlob(layer!.descriptor, Stream.make(bytes)))
      assert.strictEqual((yield* put(utf8("two")))._tag, "DigestMismatch")
      assert.strictEqual((yield* put(utf8("one, and more")))._tag, "SizeMismatch")
      assert.strictEqual((yield* put(utf8("on")))._tag, "SizeMismatch")
      assert.isFalse(yield* repository.hasBlob(layer!.descriptor.digest))
      const wrong = { descriptor: manifest.descriptor, raw: utf8("{}") }
      assert.include(["DigestMismatch", "SizeMismatch"], (yield* Effect.flip(repository.putManifest(wrong)))._tag)
      const evil = "sha256:../../../etc/passwd" as Digest.Digest
      assert.strictEqual((yield* Effect.flip(repository.hasBlob(evil)))._tag, "InvalidInput")
    }))

  it.scoped("names manifests by tag and digest, and forgets them", () =>
    Effect.gen(function*() {
      const repository = yield* make
      const { digest } = manifest.descriptor
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(repository.tags)))._tag, "NotFound")
      assert.strictEqual(yield* repository.putManifest(manifest, { tag: "v1" }), digest)
      yield* repository.putManifest(manifest, { tag: "latest" })
      assert.deepStrictEqual(yield* repository.resolve("v1"), manifest.descriptor)
      assert.deepEqual((yield* repository.getManifest(digest)).raw, manifest.raw)
      assert.deepStrictEqual(yield* listOf(repository.tags), ["latest", "v1"])
      const expected = { ...manifest.descriptor, size: manifest.descriptor.size + 1 }
      assert.strictEqual((yield* Effect.flip(repository.getManifest("v1", { expected })))._tag, "SizeMismatch")
      const known = yield* repository.getManifest("v1", { expected: { digest } })
      assert.deepStrictEqual(known.descriptor, manifest.descriptor)
      const other = layer!.descriptor.digest
      const mistaken = yield* Effect.flip(repository.getManifest("v1", { expected: { digest: other } }))
      assert.strictEqual(mistaken._tag, "DigestMismatch")
      for (const bad of ["", "-v1", "a/b", "sha256:abc", "x".repeat(129)]) {
        assert.strictEqual((yield* Effect.flip(repository.resolve(bad)))._tag, "InvalidInput", bad)
      }
      assert.strictEqual((yield* Effect.flip(repository.putManifest(manifest, { tag: "a b" })))._tag, "InvalidInput")
      yield* repository.deleteManifest!("latest")
      assert.deepStrictEqual(yield* listOf(repository.tags), ["v1"])
      yield* repository.deleteManifest!(digest)
      assert.deepStrictEqual(yield* listOf(repository.tags), [])
      const gone = yield* Effect.flip(repository.resolve("v1"))
      assert.strictEqual(gone._tag, "NotFound")
      assert.include(gone.message, "v1")
    }))

  it.scoped("lists referrers by artifact type", () =>
    Effect.gen(function*() {
      const repository = yield* make
      const subject = manifest.descriptor
      const signature = image(["sig"], { subject, artifactType: "application/x.sig", annotations: { a: "b" } }).manifest
      const plain = image(["sbom"], { subject }).manifest
      const list = index([], { subject })
      yield* Effect.forEach([manifest, signature, plain, list], (m) => repository.putManifest(m))
      const all = yield* listOf(repository.referrers!(subject.digest))
      assert.deepStrictEqual(all, [
        { ...signature.descriptor, artifactType: "application/x.sig", annotations: { a: "b" } },
        { ...plain.descriptor, artifactType: config.descriptor.mediaType },
        list.descriptor
      ])
      const some = yield* listOf(repository.referrers!(subject.digest, { artifactType: "application/x.sig" }))
      assert.deepStrictEqual(some.map((d) => d.digest), [signature.descriptor.digest])
      yield* repository.deleteManifest!(signature.descriptor.digest)
      assert.strictEqual((yield* listOf(repository.referrers!(subject.digest))).length, 2)
    }))
}
