/** How many requests a copy makes: exactly so many, with an anonymous bearer token on both sides. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Credentials from "../src/Credentials.js"
import * as RegistryClient from "../src/RegistryClient.js"
import type * as RegistryConfig from "../src/RegistryConfig.js"
import type { Auth, LoggedRequest } from "../src/RegistryServer.js"
import * as RegistryTest from "../src/RegistryTest.js"
import { image, index } from "./utils/samples.js"
import * as seed from "./utils/seed.js"

/** Everybody may do everything, but not without a token. */
const auth: Auth = { _tag: "Bearer", anonymousPull: true, access: ({ actions }) => actions }

const six = image(["1", "2", "3", "4", "5", "6"])
const platforms = ["amd64", "arm64", "ppc64le", "s390x"]
/** One layer of all four, and three layers and a config of each: 17 blobs. */
const four = platforms.map((name) => image(["base", `${name} 1`, `${name} 2`, `${name} 3`]))
const list = index(
  four.map(({ manifest }, n) => ({
    ...manifest.descriptor,
    platform: { os: "linux", architecture: platforms[n] ?? "" }
  }))
)

const isWrite = ({ kind, method }: LoggedRequest) => kind !== "token" && method !== "GET" && method !== "HEAD"

/** A client that knows nothing yet, and what is asked of the registries from now on. */
const fresh = Effect.fnUntraced(function*(config?: RegistryConfig.Options) {
  const registries = yield* RegistryTest.RegistryTest
  yield* registries.clearRequests
  const client = yield* RegistryClient.make({ retries: 0, ...config })
  return {
    client,
    log: registries.requests(),
    count: Effect.map(registries.requests(), (log) => log.length),
    writes: Effect.map(registries.requests(), (log) => log.filter(isWrite).length)
  }
}, Effect.provide(Credentials.layerAnonymous))

const test = <E>(
  title: string,
  body: Effect.Effect<void, E, RegistryTest.RegistryTest | Layer.Layer.Success<ReturnType<typeof RegistryTest.layer>>>
) =>
  it.effect(title, () =>
    Effect.gen(function*() {
      const registries = yield* RegistryTest.RegistryTest
      const repository = yield* registries.repository("source.test", "app")
      yield* seed.putImage(repository, six, "six")
      for (const each of four) yield* seed.putImage(repository, each)
      yield* seed.putManifest(repository, list, "list")
      yield* body
    }).pipe(Effect.provide(RegistryTest.layer({
      registries: Object.fromEntries(
        ["source.test", "one.test", "two.test", "three.test"].map((name) => [name, { auth, strict: true }])
      )
    }))))

describe("requests of", () => {
  test(
    "an image of seven blobs into an empty repository of another registry: 36",
    Effect.gen(function*() {
      const { client, count } = yield* fresh()
      yield* client.copyImage("source.test/app:six", "one.test/app:six")
      assert.strictEqual(yield* count, 36)
    })
  )

  test(
    "an index of four images with 17 blobs: 88, and again: 6 without a write",
    Effect.gen(function*() {
      const first = yield* fresh()
      const result = yield* first.client.copyIndex("source.test/app:list", "one.test/app:list")
      assert.strictEqual(result.blobs.length, 17)
      assert.strictEqual(yield* first.count, 88)
      const again = yield* fresh()
      const skipped = yield* again.client.copyIndex("source.test/app:list", "one.test/app:list")
      assert.strictEqual(skipped.outcome, "Skipped")
      assert.strictEqual(yield* again.count, 6)
      assert.strictEqual(yield* again.writes, 0)
    })
  )

  test(
    "blobs that are asked for by a mount: 29 for the image, 71 for the index",
    Effect.gen(function*() {
      const config: RegistryConfig.Options = { hosts: { "one.test": { blobCheck: "mount" } } }
      const single = yield* fresh(config)
      yield* single.client.copyImage("source.test/app:six", "one.test/app:six")
      assert.strictEqual(yield* single.count, 29)
      const multi = yield* fresh(config)
      yield* multi.client.copyIndex("source.test/app:list", "one.test/other:list")
      assert.strictEqual(yield* multi.count, 71)
    })
  )

  test(
    "an image into another repository of its registry: 13, all blobs mounted",
    Effect.gen(function*() {
      const { client, count, log } = yield* fresh()
      const { bytes } = yield* client.copyImage("source.test/app:six", "source.test/production:six")
      assert.strictEqual(bytes, 0)
      assert.strictEqual((yield* log).filter(({ kind }) => kind === "mount").length, 7)
      assert.strictEqual(yield* count, 13)
    })
  )

  test(
    "an index under a new tag of its own repository: 6, one of them a write",
    Effect.gen(function*() {
      const { client, count, writes } = yield* fresh()
      yield* client.copyIndex("source.test/app:list", "source.test/app:stable")
      assert.strictEqual(yield* count, 6)
      assert.strictEqual(yield* writes, 1)
    })
  )

  test(
    "a tag's digest: 3",
    Effect.gen(function*() {
      const { client, count } = yield* fresh()
      assert.strictEqual(yield* client.getDigest("source.test/app:list"), list.descriptor.digest)
      assert.strictEqual(yield* count, 3)
    })
  )

  test(
    "a source that is not there: 3 to the source, no write",
    Effect.gen(function*() {
      const { client, log, writes } = yield* fresh()
      const error = yield* Effect.flip(client.copy("source.test/app:absent", "one.test/app:absent"))
      assert.deepInclude(error, { _tag: "NotFound", side: "source" })
      assert.strictEqual((yield* log).filter(({ registry }) => registry === "source.test").length, 3)
      assert.strictEqual(yield* writes, 0)
    })
  )

  test(
    "twenty tags of which 19 are there: 2 for each of these, and one token for each side",
    Effect.gen(function*() {
      const registries = yield* RegistryTest.RegistryTest
      const source = yield* registries.repository("source.test", "tags")
      const destination = yield* registries.repository("one.test", "tags")
      const tags = Array.from({ length: 20 }, (_, n) => `1.${n}`)
      yield* seed.putImage(source, six)
      yield* seed.putImage(destination, six)
      for (const tag of tags) yield* seed.putManifest(source, six.manifest, tag)
      for (const tag of tags.slice(1)) yield* seed.putManifest(destination, six.manifest, tag)
      const { client, log } = yield* fresh()
      const outcomes = yield* Stream.runCollect(client.copyRepository("source.test/tags", "one.test/tags"))
      assert.strictEqual(Chunk.size(outcomes), 20)
      const all = yield* log
      for (const tag of tags.slice(1)) {
        const about = all.filter(({ path, status }) => path.endsWith(`/manifests/${tag}`) && status !== 401)
        assert.deepStrictEqual(about.map(({ method }) => method), ["HEAD", "HEAD"])
      }
      for (const registry of ["source.test", "one.test"]) {
        const own = all.filter((request) => request.registry === registry)
        assert.strictEqual(own.filter(({ kind }) => kind === "token").length, 1)
        assert.strictEqual(own.filter(({ status }) => status === 401).length, 1)
      }
    })
  )

  test(
    "an index for three destinations: each blob read once",
    Effect.gen(function*() {
      const { client, count, log } = yield* fresh()
      const outcomes = yield* client.copyTo(
        "source.test/app:list",
        ["one.test", "two.test", "three.test"].map((registry) => `${registry}/app:list`)
      )
      assert.isTrue(outcomes.every(({ _tag }) => _tag === "Success"))
      const reads = (yield* log).filter(({ kind }) => kind === "getBlob").map(({ path }) => path)
      assert.strictEqual(reads.length, 17)
      assert.strictEqual(new Set(reads).size, 17)
      // 25 of the source and 63 of each destination, as in a copy to one.
      assert.strictEqual(yield* count, 25 + 3 * 63)
    })
  )
})
