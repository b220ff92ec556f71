/**
 * What the headers of a HEAD are worth in a copy: of a manifest they give the digest, and size and type are a hint; a
 * blob of another size than the one that is needed is not that blob.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../src/Credentials.js"
import * as Digest from "../src/Digest.js"
import * as MediaType from "../src/MediaType.js"
import * as RegistryClient from "../src/RegistryClient.js"
import type { Fault } from "../src/RegistryFault.js"
import * as RegistryTest from "../src/RegistryTest.js"
import { image, index } from "./utils/samples.js"
import * as seed from "./utils/seed.js"

const one = image(["first", "second"])
const list = index([{ ...one.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } }])
const signature = image(["signature"])
const signatureTag = `sha256-${Digest.encoded(list.descriptor.digest)}.sig`
const [layer] = one.layers

const heads = (headers: Readonly<Record<string, string | undefined>>): ReadonlyArray<Fault> => [
  { kind: "headManifest", nth: "always", action: { _tag: "Headers", headers } }
]

const setting = Effect.gen(function*() {
  const registries = yield* RegistryTest.RegistryTest
  const source = yield* registries.repository("source.test", "app")
  yield* seed.putImage(source, one, "one")
  yield* seed.putManifest(source, list, "list")
  yield* seed.putImage(source, signature, signatureTag)
  const destination = yield* registries.repository("destination.test", "app")
  const client = yield* RegistryClient.make({ retries: 0 })
  return { client, destination, registries }
})

const environment = Layer.merge(
  RegistryTest.layer({ registries: { "source.test": {}, "destination.test": {} } }),
  Credentials.layerAnonymous
)

describe("the HEAD of a manifest", () => {
  for (
    const [what, headers] of [
      ["a smaller size", { "content-length": "7" }],
      ["a larger size", { "content-length": "123456" }],
      ["a size over the limit", { "content-length": "999999999" }],
      ["the size of what was compressed", { "content-length": "7", "content-encoding": "gzip" }],
      ["another type", { "content-type": "application/vnd.docker.distribution.manifest.v2+json" }]
    ] as const
  ) {
    it.effect(`with ${what} fails no copy`, () =>
      Effect.gen(function*() {
        const { client, destination, registries } = yield* setting
        yield* registries.setFaults("source.test", heads(headers))
        yield* registries.setFaults("destination.test", heads(headers))
        for (const [tag, sample] of [["list", list], ["one", one.manifest]] as const) {
          const plan = yield* client.planCopy(`source.test/app:${tag}`, `destination.test/app:${tag}`)
          const result = yield* client.copy(`source.test/app:${tag}`, `destination.test/app:${tag}`, {
            digestTags: true
          })
          for (const { manifests } of [plan, result]) {
            for (const { descriptor } of manifests) {
              const { raw } = yield* destination.getManifest(descriptor.digest)
              assert.strictEqual(descriptor.size, raw.byteLength)
            }
          }
          assert.deepStrictEqual((yield* destination.getManifest(tag)).descriptor, sample.descriptor)
          const { descriptor } = yield* client.getImage(`source.test/app:${tag}`)
          assert.deepStrictEqual(descriptor, sample.descriptor)
        }
        assert.deepStrictEqual(
          (yield* destination.getManifest(signatureTag)).descriptor,
          signature.manifest.descriptor
        )
      }).pipe(Effect.provide(environment)))
  }

  it.effect("with the type of an image does not stop the copy of an index, nor the other way about", () =>
    Effect.gen(function*() {
      const { client, destination, registries } = yield* setting
      yield* registries.setFaults("source.test", heads({ "content-type": MediaType.ociManifest }))
      yield* client.copyIndex("source.test/app:list", "destination.test/app:list")
      yield* registries.setFaults("source.test", heads({ "content-type": MediaType.ociIndex }))
      yield* client.copyImage("source.test/app:one", "destination.test/app:one")
      assert.deepStrictEqual((yield* destination.getManifest("list")).descriptor, list.descriptor)
      assert.deepStrictEqual((yield* destination.getManifest("one")).descriptor, one.manifest.descriptor)
      const error = yield* Effect.flip(client.copyIndex("source.test/app:one", "destination.test/app:two"))
      assert.deepInclude(error, { _tag: "GetImageIndexError" })
    }).pipe(Effect.provide(environment)))

  it.effect("does not loosen what an index says of its images", () =>
    Effect.gen(function*() {
      const { client, registries } = yield* setting
      const source = yield* registries.repository("source.test", "app")
      const { descriptor } = one.manifest
      yield* seed.putManifest(source, index([{ ...descriptor, size: descriptor.size + 1 }]), "wrong")
      const error = yield* Effect.flip(client.copy("source.test/app:wrong", "destination.test/app:wrong"))
      assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "SizeMismatch")
      assert.strictEqual(error._tag === "CopyError" ? error.side : undefined, "source")
    }).pipe(Effect.provide(environment)))

  it.effect("and the size that an index names are told apart for one manifest under both", () =>
    Effect.gen(function*() {
      const { client, registries } = yield* setting
      const source = yield* registries.repository("source.test", "app")
      // The image under the tag of the signature is in the index under the tag of the attestation as well, by a wrong size.
      const { descriptor } = signature.manifest
      const liar = index([{ ...descriptor, size: descriptor.size + 1 }])
      yield* seed.putManifest(source, liar, `sha256-${Digest.encoded(list.descriptor.digest)}.att`)
      const error = yield* Effect.flip(
        client.copy("source.test/app:list", "destination.test/app:list", { digestTags: true })
      )
      assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "SizeMismatch")
    }).pipe(Effect.provide(environment)))
})

describe("the HEAD of a destination's blob", () => {
  const given = (headers: Readonly<Record<string, string | undefined>>, nth: Fault["nth"]): Fault => ({
    kind: "headBlob",
    path: layer!.descriptor.digest,
    nth,
    action: { _tag: "Headers", headers }
  })
  const outcomeOf = Effect.fnUntraced(function*(faults: ReadonlyArray<Fault>) {
    const { client, destination, registries } = yield* setting
    for (const blob of [one.config, ...one.layers]) yield* seed.putBlob(destination, blob)
    yield* registries.setFaults("destination.test", faults)
    const plan = yield* client.planCopy("source.test/app:one", "destination.test/app:one")
    yield* registries.setFaults("destination.test", faults)
    yield* registries.clearRequests
    const { blobs } = yield* client.copy("source.test/app:one", "destination.test/app:one")
    const uploads = (yield* registries.requests("destination.test")).filter(({ kind }) => kind === "putUpload")
    const isLayer = ({ descriptor }: (typeof blobs)[number] | (typeof plan.blobs)[number]) =>
      descriptor.digest === layer!.descriptor.digest
    return {
      planned: plan.blobs.find(isLayer)?.action,
      outcome: blobs.find(isLayer)?.outcome,
      uploads: uploads.length
    }
  }, Effect.provide(environment))

  for (const length of ["4", "6"]) {
    it.effect(`with the length ${length} where it has 5 bytes: the blob is sent`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* outcomeOf([given({ "content-length": length }, "always")]),
          { planned: "Upload", outcome: "Uploaded", uploads: 1 }
        )
      }))
  }

  for (
    const [what, headers] of [
      ["its length", { "content-length": "5" }],
      ["the length 0, where a GET has the right one", { "content-length": "0" }],
      ["no length", { "content-length": undefined }],
      ["a length that is none", { "content-length": "-1" }],
      ["the length of what was compressed", { "content-length": "29", "content-encoding": "gzip" }]
    ] as const
  ) {
    it.effect(`with ${what}: the blob is there`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* outcomeOf([given(headers, "always")]),
          { planned: "Exists", outcome: "Existed", uploads: 0 }
        )
      }))
  }

  it.effect("is believed no more after the manifest was refused: a blob of another size is sent", () =>
    Effect.gen(function*() {
      const { outcome, uploads } = yield* outcomeOf([
        { kind: "putManifest", action: { _tag: "Status", status: 400, code: "MANIFEST_BLOB_UNKNOWN" } },
        given({ "content-length": "4" }, 2)
      ])
      assert.deepStrictEqual([outcome, uploads], ["Uploaded", 1])
    }))

  it.effect("after an upload whose answer was lost tells a part of the blob from the whole", () =>
    Effect.gen(function*() {
      const { destination, registries } = yield* setting
      const client = yield* RegistryClient.make()
      const { descriptor, raw } = layer!
      yield* registries.setFaults("destination.test", [
        { kind: "putUpload", action: { _tag: "Reset", at: "after" } },
        given({ "content-length": "4" }, 1)
      ])
      const repository = yield* client.repository("destination.test/app", { access: "write" })
      const fiber = yield* Effect.fork(repository.putBlob(descriptor, Stream.make(raw)))
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      const puts = (yield* registries.requests("destination.test")).filter(({ kind }) => kind === "putUpload")
      assert.strictEqual(puts.length, 2)
      assert.isTrue(yield* destination.hasBlob(descriptor.digest))
    }).pipe(Effect.provide(environment)))
})
