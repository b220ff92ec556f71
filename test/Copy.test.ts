import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Copy from "../src/Copy.js"
import type * as Descriptor from "../src/Descriptor.js"
import * as Manifest from "../src/Manifest.js"
import * as MediaType from "../src/MediaType.js"
import { Denied, ErrorEntry, ManifestInvalid } from "../src/RegistryError.js"
import * as Repository from "../src/Repository.js"
import { recorded } from "./utils/recorded.js"
import { image, index, sample } from "./utils/samples.js"
import * as seed from "./utils/seed.js"

const amd64 = { os: "linux", architecture: "amd64" }
const arm64 = { os: "linux", architecture: "arm64", variant: "v8" }

/** Two repositories of two registries, and two images that share a layer. */
const setting = Effect.gen(function*() {
  const source = recorded(yield* Repository.makeMemory({ registry: "one.test", name: "app" }))
  const destination = recorded(yield* Repository.makeMemory({ registry: "two.test", name: "copy/app" }))
  const first = image(["shared", "first"])
  const second = image(["shared", "second"], { annotations: { which: "second" } })
  const both = index([
    { ...first.manifest.descriptor, platform: amd64 },
    { ...second.manifest.descriptor, platform: arm64 }
  ])
  yield* seed.putImage(source.repository, first, "first")
  yield* seed.putImage(source.repository, second)
  yield* seed.putManifest(source.repository, both, "both")
  source.calls.length = 0
  const from = (reference: string): Copy.Endpoint => ({ repository: source.repository, reference })
  const to = (tag: string): Copy.Destination => ({ repository: destination.repository, tag })
  return { source, destination, first, second, both, from, to }
})

describe("Copy", () => {
  it.effect("copies an image: blobs, then the manifest by its tag", () =>
    Effect.gen(function*() {
      const { destination, first, from, to } = yield* setting
      const result = yield* Copy.run(from("first"), to("v1"))
      assert.strictEqual(result.digest, first.manifest.descriptor.digest)
      assert.strictEqual(result.outcome, "Copied")
      assert.deepStrictEqual(result.blobs.map((blob) => blob.outcome), ["Uploaded", "Uploaded", "Uploaded"])
      assert.strictEqual(
        result.bytes,
        [first.config, ...first.layers].reduce((sum, blob) => sum + blob.descriptor.size, 0)
      )
      assert.strictEqual(destination.writes().at(-1), "putManifest v1")
      assert.strictEqual(destination.writes().length, 4)
      const copied = yield* destination.repository.getManifest("v1")
      assert.deepStrictEqual(copied.raw, first.manifest.raw)
    }))

  it.effect("copies an index bottom up, each shared blob once, with the exact bytes", () =>
    Effect.gen(function*() {
      const { both, destination, first, from, second, source, to } = yield* setting
      const result = yield* Copy.run(from("both"), to("v1"), { kind: "index" })
      assert.strictEqual(result.digest, both.descriptor.digest)
      const writes = destination.writes()
      assert.strictEqual(writes.at(-1), "putManifest v1")
      for (const { config, layers, manifest } of [first, second]) {
        const at = writes.indexOf(`putManifest ${manifest.descriptor.digest}`)
        assert.isAbove(at, -1)
        for (const blob of [config, ...layers]) {
          assert.isBelow(writes.indexOf(`putBlob ${blob.descriptor.digest}`), at)
        }
      }
      assert.strictEqual(new Set(writes).size, writes.length)
      assert.strictEqual(source.calls.filter((call) => call.startsWith("getBlob")).length, 5)
      for (const reference of ["v1", first.manifest.descriptor.digest, second.manifest.descriptor.digest]) {
        const there = yield* destination.repository.getManifest(reference)
        const here = yield* source.repository.getManifest(there.descriptor.digest)
        assert.deepStrictEqual(there.raw, here.raw)
      }
    }))

  it.effect("writes nothing when the tag has that digest already: one question to each side", () =>
    Effect.gen(function*() {
      const { destination, from, source, to } = yield* setting
      yield* Copy.run(from("both"), to("v1"))
      source.calls.length = destination.calls.length = 0
      const result = yield* Copy.run(from("both"), to("v1"))
      assert.strictEqual(result.outcome, "Skipped")
      assert.deepStrictEqual(source.calls, ["resolve both"])
      assert.deepStrictEqual(destination.calls, ["resolve v1"])
    }))

  it.effect("does not look below a child that is there", () =>
    Effect.gen(function*() {
      const { destination, first, from, source, to } = yield* setting
      yield* Copy.run(from(first.manifest.descriptor.digest), { repository: destination.repository })
      source.calls.length = destination.calls.length = 0
      yield* Copy.run(from("both"), to("v1"))
      assert.notInclude(source.calls, `getManifest ${first.manifest.descriptor.digest}`)
      assert.notInclude(destination.calls, `hasBlob ${first.config.descriptor.digest}`)
    }))

  it.effect("shares transfers between copies of one client", () =>
    Effect.gen(function*() {
      const { destination, from, source, to } = yield* setting
      const results = yield* Effect.all([Copy.run(from("both"), to("v1")), Copy.run(from("both"), to("v2"))], {
        concurrency: 2
      })
      assert.strictEqual(source.calls.filter((call) => call.startsWith("getBlob")).length, 5)
      assert.strictEqual(destination.writes().filter((call) => call.startsWith("putBlob")).length, 5)
      assert.strictEqual(
        results.flatMap((result) => result.blobs).filter((blob) => blob.outcome === "Uploaded").length,
        5
      )
    }))

  it.effect("mounts inside one registry", () =>
    Effect.gen(function*() {
      const session = yield* Repository.makeSession
      const source = yield* Repository.makeMemory({ name: "staging/app", session })
      const destination = recorded(yield* Repository.makeMemory({ name: "production/app", session }))
      yield* seed.putImage(source, image(["a", "b"]), "v1")
      const result = yield* Copy.run({ repository: source, reference: "v1" }, {
        repository: destination.repository,
        tag: "v1"
      })
      assert.deepStrictEqual(result.blobs.map((blob) => blob.outcome), ["Mounted", "Mounted", "Mounted"])
      assert.strictEqual(result.bytes, 0)
      assert.notInclude(destination.calls.join(), "hasBlob")
    }))

  it.effect("mounts from a repository where the blob has been seen before", () =>
    Effect.gen(function*() {
      const { destination, from } = yield* setting
      const other = yield* Repository.makeMemory({
        registry: "two.test",
        name: "other",
        session: destination.repository.session
      })
      yield* Copy.run(from("first"), { repository: destination.repository, tag: "v1" })
      const result = yield* Copy.run(from("first"), { repository: other, tag: "v1" })
      assert.deepStrictEqual(result.blobs.map((blob) => blob.outcome), ["Mounted", "Mounted", "Mounted"])
    }))

  it.effect("tags in one repository without touching blobs", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const result = yield* Copy.run(from("first"), { repository: source.repository, tag: "again" })
      assert.deepStrictEqual(result.blobs.map((blob) => blob.outcome), ["Existed", "Existed", "Existed"])
      assert.deepStrictEqual(source.writes(), ["putManifest again"])
    }))

  it.effect("picks one platform's image", () =>
    Effect.gen(function*() {
      const { destination, from, second, to } = yield* setting
      const result = yield* Copy.run(from("both"), to("arm"), { kind: "image", platform: arm64 })
      assert.strictEqual(result.digest, second.manifest.descriptor.digest)
      assert.strictEqual((yield* destination.repository.resolve("arm")).digest, second.manifest.descriptor.digest)
    }))

  it.effect("says which platforms there are", () =>
    Effect.gen(function*() {
      const { destination, from, to } = yield* setting
      const wanted = { os: "linux", architecture: "s390x" }
      const error = yield* Effect.flip(Copy.run(from("both"), to("v1"), { platform: wanted }))
      assert.strictEqual(error._tag, "PlatformNotFound")
      assert.deepInclude(error, { platform: "linux/s390x", available: ["linux/amd64", "linux/arm64"] })
      assert.deepStrictEqual(destination.writes(), [])
      const single = yield* Effect.flip(Copy.run(from("first"), to("v1"), { platform: wanted }))
      assert.deepInclude(single, { _tag: "PlatformNotFound", available: ["linux/amd64"] })
    }))

  it.effect("tells an image from an index", () =>
    Effect.gen(function*() {
      const { destination, from, to } = yield* setting
      const notImage = yield* Effect.flip(Copy.run(from("both"), to("v1"), { kind: "image" }))
      assert.strictEqual(notImage._tag, "CopyError")
      assert.include(notImage.message, "copyIndex")
      const notIndex = yield* Effect.flip(Copy.run(from("first"), to("v1"), { kind: "index" }))
      assert.strictEqual(notIndex._tag, "CopyError")
      assert.include(notIndex.message, "copyImage")
      assert.deepStrictEqual(destination.writes(), [])
    }))

  it.effect("tells a source that is not there from one that is broken", () =>
    Effect.gen(function*() {
      const { destination, first, from, source, to } = yield* setting
      const absent = yield* Effect.flip(Copy.run(from("absent"), to("v1")))
      assert.deepInclude(absent, { _tag: "NotFound", side: "source", resource: "manifest" })
      yield* source.repository.deleteBlob?.(first.config.descriptor.digest) ?? Effect.die("no deletion")
      const broken = yield* Effect.flip(Copy.run(from("first"), to("v1")))
      assert.strictEqual(broken._tag, "CopyError")
      assert.deepInclude(broken, { side: "source" })
      assert.notInclude(destination.writes(), "putManifest v1")
    }))

  it.effect("holds a destination's digest against what would be written", () =>
    Effect.gen(function*() {
      const { both, destination, first, from } = yield* setting
      const wrong = { repository: destination.repository, tag: "v1", digest: first.manifest.descriptor.digest }
      const error = yield* Effect.flip(Copy.run(from("both"), wrong))
      assert.deepInclude(error, { _tag: "CopyError", side: "destination" })
      assert.include(error.message, "two.test/copy/app:v1@sha256:")
      assert.deepStrictEqual(destination.writes(), [])
      yield* Copy.run(from("both"), { ...wrong, digest: both.descriptor.digest })
      assert.strictEqual((yield* destination.repository.resolve("v1")).digest, both.descriptor.digest)
    }))

  it.effect("copies nested indexes, and content of unknown types in an index", () =>
    Effect.gen(function*() {
      const { both, destination, first, source, to } = yield* setting
      const blob = sample("not a manifest", "application/vnd.example.blob")
      const note = sample({ blobs: [first.config.descriptor], kind: "note" }, "application/vnd.example.note+json")
      const outer = index([both.descriptor, note.descriptor, blob.descriptor])
      yield* seed.putBlob(source.repository, blob)
      yield* seed.putManifest(source.repository, note)
      yield* seed.putManifest(source.repository, outer, "outer")
      yield* Copy.run({ repository: source.repository, reference: "outer" }, to("outer"))
      assert.deepStrictEqual((yield* destination.repository.getManifest("outer")).raw, outer.raw)
      assert.deepStrictEqual((yield* destination.repository.getManifest(note.descriptor.digest)).raw, note.raw)
      assert.isTrue(yield* destination.repository.hasBlob(blob.descriptor.digest))
    }))

  it.effect("leaves out what is not to be distributed and can be had elsewhere, or all of it, or nothing", () =>
    Effect.gen(function*() {
      const { source } = yield* setting
      const kept = sample("kept", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
      const nowhere = sample("nowhere else", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
      const own = image(["own"])
      const manifest = sample({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config: own.config.descriptor,
        layers: [
          { ...kept.descriptor, urls: ["https://example.com/layer"] },
          nowhere.descriptor,
          own.layers[0]?.descriptor
        ]
      }, MediaType.ociManifest)
      yield* seed.putImage(source.repository, own)
      yield* seed.putManifest(source.repository, manifest, "windows")
      for (const blob of [kept, nowhere]) yield* seed.putBlob(source.repository, blob)
      const from = { repository: source.repository, reference: "windows" }
      const outcomes = (nonDistributable: Copy.Options["nonDistributable"], name: string) =>
        Effect.gen(function*() {
          const repository = yield* Repository.makeMemory({ registry: "two.test", name })
          const there = { repository, tag: "windows" }
          const plan = yield* Copy.plan(from, there, { nonDistributable })
          const result = yield* Copy.run(from, there, { nonDistributable })
          assert.deepStrictEqual((yield* repository.getManifest("windows")).raw, manifest.raw)
          return yield* Effect.forEach([kept, nowhere], ({ descriptor: { digest } }) =>
            Effect.map(repository.hasBlob(digest), (isThere): ReadonlyArray<unknown> => [
              plan.blobs.find(({ descriptor }) =>
                descriptor.digest === digest
              )?.action,
              result.blobs.find(({ descriptor }) => descriptor.digest === digest)?.outcome,
              isThere
            ]))
        })
      const sent = ["Upload", "Uploaded", true]
      const left = ["NotDistributable", "NotDistributable", false]
      assert.deepStrictEqual(yield* outcomes(undefined, "default"), [left, sent])
      assert.deepStrictEqual(yield* outcomes("auto", "auto"), [left, sent])
      assert.deepStrictEqual(yield* outcomes("copy", "copy"), [sent, sent])
      assert.deepStrictEqual(yield* outcomes("skip", "skip"), [left, left])
    }))

  it.effect("refuses indexes that are nested too deep or lead to too much", () =>
    Effect.gen(function*() {
      const { destination, first, source, to } = yield* setting
      let nested: { readonly descriptor: Descriptor.Descriptor } = first.manifest
      for (let depth = 1; depth <= 8; depth++) {
        const outer = index([nested.descriptor])
        yield* seed.putManifest(source.repository, outer, `depth-${depth}`)
        nested = outer
      }
      const deep = yield* Effect.flip(Copy.run({ repository: source.repository, reference: "depth-8" }, to("deeper")))
      assert.include(deep.message, "nested more than 8 deep")
      yield* Copy.run({ repository: source.repository, reference: "depth-7" }, to("deep"))
      const halves = [5000, 5001].map((length) => index(Array.from({ length }, () => first.manifest.descriptor)))
      for (const half of halves) yield* seed.putManifest(source.repository, half)
      const wide = index(halves.map(({ descriptor }) => descriptor))
      yield* seed.putManifest(source.repository, wide, "wide")
      const error = yield* Effect.flip(Copy.run({ repository: source.repository, reference: "wide" }, to("wide")))
      assert.include(error.message, "more than 10000")
      assert.notInclude(destination.writes(), "putManifest deeper")
      assert.notInclude(destination.writes(), "putManifest wide")
    }))

  it.effect("leaves no tag behind when a blob's bytes are wrong", () =>
    Effect.gen(function*() {
      const { destination, from, source, to } = yield* setting
      const corrupt: Repository.Repository = {
        ...source.repository,
        getBlob: (blob) =>
          Stream.map(source.repository.getBlob(blob), (bytes) => bytes.map((byte, at) => at === 0 ? byte ^ 1 : byte))
      }
      const error = yield* Effect.flip(Copy.run({ ...from("first"), repository: corrupt }, to("v1")))
      assert.strictEqual(error._tag, "CopyError")
      assert.deepStrictEqual(destination.writes(), [])
    }))

  it.effect("takes a destination that refuses to tell for one that has nothing", () =>
    Effect.gen(function*() {
      const { destination, from, to } = yield* setting
      const denied = new Denied({
        method: "HEAD",
        url: "https://two.test/v2/copy/app/manifests/v1",
        status: 403,
        errors: [],
        credentials: "anonymous"
      })
      const repository = { ...destination.repository, resolve: () => Effect.fail(denied) }
      const result = yield* Copy.run(from("first"), { ...to("v1"), repository })
      assert.strictEqual(result.outcome, "Copied")
    }))

  describe("a destination that refuses a manifest whose blobs it does not have", () => {
    const strict = (repository: Repository.Repository): Repository.Repository => ({
      ...repository,
      putManifest: (manifest, options) =>
        Effect.gen(function*() {
          const decoded = yield* Manifest.decode(manifest.raw, { resource: "it" })
          const missing = yield* Effect.filter(
            Manifest.references(decoded).blobs,
            ({ digest }) => Effect.map(repository.hasBlob(digest), (there) => !there)
          )
          if (missing.length === 0) return yield* repository.putManifest(manifest, options)
          return yield* new ManifestInvalid({
            resource: "it",
            reason: "refused",
            errors: missing.map(() => new ErrorEntry({ code: "MANIFEST_BLOB_UNKNOWN" }))
          })
        })
    })

    /** It says of each blob once that it is there. */
    const stale = (repository: Repository.Repository): Repository.Repository => {
      const asked = new Set<string>()
      return {
        ...repository,
        hasBlob: (digest) => asked.has(digest) ? repository.hasBlob(digest) : Effect.sync(() => !!asked.add(digest))
      }
    }

    it.effect("gets a blob that it said was there and is gone", () =>
      Effect.gen(function*() {
        const { destination, first, from, to } = yield* setting
        const repository = stale(strict(destination.repository))
        yield* Copy.run(from("first"), { ...to("v1"), repository: destination.repository })
        const layer = first.layers[1]?.descriptor.digest ?? assert.fail()
        yield* destination.repository.deleteManifest?.("v1") ?? Effect.void
        yield* destination.repository.deleteBlob?.(layer) ?? Effect.void
        const result = yield* Copy.run(from("first"), { ...to("v2"), repository })
        assert.deepStrictEqual(result.blobs.map(({ outcome }) => outcome).sort(), ["Existed", "Existed", "Uploaded"])
        assert.isTrue(yield* repository.hasBlob(layer))
      }))

    it.effect("gets the images of an index that it said were there and are gone, with what is gone of them", () =>
      Effect.gen(function*() {
        const { both, destination, first, from, second, to } = yield* setting
        const honest = destination.repository
        const [gone, left] = [first.manifest.descriptor.digest, second.manifest.descriptor.digest]
        const there = (digest: string) =>
          Effect.match(honest.resolve(digest), { onFailure: () => false, onSuccess: () => true })
        // By HEAD both images are there, whatever has become of them.
        const repository: Repository.Repository = {
          ...strict(honest),
          resolve: (reference) =>
            reference === gone
              ? Effect.succeed(first.manifest.descriptor)
              : reference === left
              ? Effect.succeed(second.manifest.descriptor)
              : honest.resolve(reference),
          putManifest: (manifest, options) =>
            Effect.gen(function*() {
              const { manifests } = Manifest.references(yield* Manifest.decode(manifest.raw, { resource: "it" }))
              if (yield* Effect.every(manifests, ({ digest }) => there(digest))) {
                return yield* strict(honest).putManifest(manifest, options)
              }
              const errors = [new ErrorEntry({ code: "MANIFEST_UNKNOWN" })]
              return yield* new ManifestInvalid({ resource: "it", reason: "refused", errors })
            })
        }
        yield* seed.putImage(honest, second)
        destination.calls.length = 0
        const result = yield* Copy.run(from("both"), { ...to("v1"), repository })
        assert.strictEqual(result.digest, both.descriptor.digest)
        assert.deepStrictEqual(
          result.manifests.filter(({ outcome }) => outcome === "Pushed").map(({ descriptor }) => descriptor.digest)
            .sort(),
          [gone, left, both.descriptor.digest].sort()
        )
        assert.deepStrictEqual((yield* honest.getManifest(gone)).raw, first.manifest.raw)
        for (const { descriptor } of [first.config, ...first.layers]) {
          assert.isTrue(yield* honest.hasBlob(descriptor.digest))
        }
      }))

    it.effect("gets the images of an index once more, and then fails with its words", () =>
      Effect.gen(function*() {
        const { both, destination, first, from, second, to } = yield* setting
        const puts: Array<string> = []
        const errors = [new ErrorEntry({ code: "MANIFEST_BLOB_UNKNOWN", message: "no such thing" })]
        const repository: Repository.Repository = {
          ...destination.repository,
          putManifest: (manifest, options) =>
            Effect.zipRight(
              Effect.sync(() => puts.push(manifest.descriptor.digest)),
              options?.tag === undefined
                ? destination.repository.putManifest(manifest, options)
                : new ManifestInvalid({ resource: "it", reason: "refused", errors })
            )
        }
        const error = yield* Effect.flip(Copy.run(from("both"), { ...to("v1"), repository }))
        assert.include(error.message, "no such thing")
        const images = [first.manifest.descriptor.digest, second.manifest.descriptor.digest].sort()
        const root = both.descriptor.digest
        assert.deepStrictEqual([puts.slice(0, 2).sort(), puts[2], puts.slice(3, 5).sort(), puts[5]], [
          images,
          root,
          images,
          root
        ])
        assert.strictEqual(puts.length, 6)
      }))

    it.effect("gets the bytes of a mount that brought nothing", () =>
      Effect.gen(function*() {
        const session = yield* Repository.makeSession
        const source = yield* Repository.makeMemory({ name: "staging/app", session })
        const honest = yield* Repository.makeMemory({ name: "production/app", session })
        yield* seed.putImage(source, image(["a", "b"]), "v1")
        const repository = strict({
          ...honest,
          putBlob: (blob, content, options) =>
            options?.mountFrom === undefined ? honest.putBlob(blob, content) : Effect.succeed("Mounted" as const)
        })
        const result = yield* Copy.run({ repository: source, reference: "v1" }, { repository, tag: "v1" })
        assert.deepStrictEqual(result.blobs.map(({ outcome }) => outcome), ["Uploaded", "Uploaded", "Uploaded"])
      }))

    it.effect("gets a blob that several images miss", () =>
      Effect.gen(function*() {
        const { destination, from, to } = yield* setting
        const repository = stale(strict(destination.repository))
        yield* Copy.run(from("both"), { ...to("v1"), repository })
        assert.strictEqual(destination.writes().filter((call) => call.startsWith("putBlob")).length, 5)
      }))

    it.effect("fails with its words when it has them all", () =>
      Effect.gen(function*() {
        const { destination, from, to } = yield* setting
        yield* Copy.run(from("first"), to("v1"))
        let puts = 0
        const refused = new ManifestInvalid({ resource: "it", reason: "refused for its looks", errors: [] })
        const repository: Repository.Repository = {
          ...destination.repository,
          putManifest: () => Effect.zipRight(Effect.sync(() => puts++), refused)
        }
        const error = yield* Effect.flip(Copy.run(from("first"), { ...to("v2"), repository }))
        assert.include(error.message, "refused for its looks")
        assert.strictEqual(puts, 2)
      }))
  })

  describe("a blob that was seen at the destination", () => {
    it.effect("is asked for again by a later copy, and sent when it has been deleted since", () =>
      Effect.gen(function*() {
        const { destination, first, from, to } = yield* setting
        const { repository } = destination
        const layer = first.layers[1]?.descriptor ?? assert.fail()
        yield* Copy.run(from("first"), to("v1"))
        yield* repository.deleteManifest?.("v1") ?? Effect.void
        yield* repository.deleteManifest?.(first.manifest.descriptor.digest) ?? Effect.void
        yield* repository.deleteBlob?.(layer.digest) ?? Effect.void
        // Somebody else has done that, of whom this client does not hear.
        repository.session.markBlob("two.test", "copy/app", layer.digest)
        const result = yield* Copy.run(from("first"), to("v1"))
        assert.strictEqual(
          result.blobs.find(({ descriptor }) => descriptor.digest === layer.digest)?.outcome,
          "Uploaded"
        )
        assert.isTrue(yield* repository.hasBlob(layer.digest))
      }))

    it.effect("is not asked for again in the same copy of a repository", () =>
      Effect.gen(function*() {
        const { destination, first, second, source } = yield* setting
        yield* seed.putManifest(source.repository, second.manifest, "second")
        const options = { tags: { include: ["first", "second"] }, tagConcurrency: 1 }
        const asked = (digest: string) => destination.calls.filter((call) => call === `hasBlob ${digest}`).length
        const shared = first.layers[0]?.descriptor.digest ?? assert.fail()
        const copy = Stream.runCollect(Copy.runTags(source.repository, destination.repository, options))
        const outcomes = [...(yield* copy)]
        assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Success", "Success"])
        assert.strictEqual(asked(shared), 1)
        // The same, run once more, is another copy.
        yield* destination.repository.deleteManifest?.(second.manifest.descriptor.digest) ?? Effect.void
        yield* copy
        assert.strictEqual(asked(shared), 2)
      }))
  })

  it.effect("refuses a concurrency that would move nothing, before anything is asked", () =>
    Effect.gen(function*() {
      const { destination, from, source, to } = yield* setting
      for (const concurrency of [0, -1, NaN, 1.5]) {
        const error = yield* Effect.flip(Copy.run(from("first"), to("v1"), { concurrency }))
        assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "InvalidInput")
      }
      assert.deepStrictEqual([...source.calls, ...destination.calls], [])
    }))

  it.effect("refuses a word for non-distributable layers that it does not know, before anything is asked", () =>
    Effect.gen(function*() {
      const { destination, from, source, to } = yield* setting
      const error = yield* Effect.flip(Copy.run(from("first"), to("v1"), { nonDistributable: "all" as "copy" }))
      assert(error._tag === "CopyError" && error.cause._tag === "InvalidInput")
      assert.strictEqual(error.cause.field, "nonDistributable")
      assert.deepStrictEqual([...source.calls, ...destination.calls], [])
    }))
})
