/** One image to several real registries at once. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { obtain } from "./busybox.js"
import { connect } from "./clients.js"
import * as Fixture from "./fixture.js"
import { assertSame } from "./readBack.js"
import * as Registry from "./registry.js"
import { writeImage } from "./storage.js"
import { suite } from "./suite.js"

const packages = await obtain()

/** A source with the image, and three destinations, the second one behind a password. */
const setUp = Effect.fnUntraced(function*() {
  const [source, one, secured, three] = yield* Effect.all([
    Registry.start(),
    Registry.start(),
    Registry.start({ htpasswd: true }),
    Registry.start()
  ], { concurrency: "unbounded" })
  const image = yield* Fixture.build(packages, "oci")
  yield* writeImage(source.storage, "library/busybox", "1", image)
  const destinations = [one, secured, three].map(({ host }) => `${host}/mirror/busybox:1`)
  return { source, one, secured, three, image, from: `${source.host}/library/busybox:1`, destinations }
})

/** Each blob of the image came from the source by one GET that was answered in full, and nothing else was asked of it. */
const assertReadOnce = Effect.fnUntraced(function*(source: Registry.Registry, image: Fixture.MultiPlatformImage) {
  const reads = (yield* source.requests).filter(Registry.isBlobRead)
  assert.sameDeepMembers(
    reads,
    image.blobs.map(({ descriptor: { digest } }) => ({
      method: "GET",
      url: `/v2/library/busybox/blobs/${digest}`,
      status: 200
    }))
  )
})

suite("one image to three registries", { tools: ["docker-registry", "skopeo"], lacks: packages.lacks }, () => {
  it.scopedLive("is read once and arrives everywhere", () =>
    Effect.gen(function*() {
      const { destinations, from, image, secured, source } = yield* setUp()
      const client = yield* connect(secured)
      const outcomes = yield* client.copyTo(from, destinations)
      assert.deepStrictEqual(outcomes.map(({ destination }) => destination), destinations)
      const total = image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0)
      for (const outcome of outcomes) {
        assert(outcome._tag === "Success")
        assert.deepInclude(outcome.result, { outcome: "Copied", digest: image.index.descriptor.digest, bytes: total })
      }
      yield* assertReadOnce(source, image)
      yield* Effect.forEach(destinations, (destination) => assertSame(destination, image), { concurrency: 3 })

      // Once more, by a client that has seen nothing: a question to each of the four, and no more.
      const before = yield* Effect.all([source.requests, secured.requests])
      const again = yield* (yield* connect(secured)).copyTo(from, destinations)
      assert.deepStrictEqual(
        again.map((outcome) => outcome._tag === "Success" ? outcome.result.outcome : outcome.error),
        ["Skipped", "Skipped", "Skipped"]
      )
      const after = yield* Effect.all([source.requests, secured.requests])
      assert.deepStrictEqual(after[0].slice(before[0].length), [
        { method: "HEAD", url: "/v2/library/busybox/manifests/1", status: 200 }
      ])
      assert.deepStrictEqual(after[1].slice(before[1].length).filter(Registry.isWrite), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("arrives at the others when one lets nobody in", () =>
    Effect.gen(function*() {
      const { destinations, from, image, one, secured, source, three } = yield* setUp()
      const client = yield* connect()
      const [first, second, third] = yield* client.copyTo(from, destinations)
      assert(first?._tag === "Success" && second?._tag === "Failure" && third?._tag === "Success")
      assert(second.error._tag === "CopyError")
      assert.strictEqual(second.error.side, "destination")
      assert.strictEqual(second.error.cause._tag, "Unauthorized")
      assert.strictEqual(second.error.destination, `${secured.host}/mirror/busybox:1`)
      yield* assertReadOnce(source, image)
      const refusals = yield* secured.requests
      assert.isAbove(refusals.length, 0)
      assert.isTrue(refusals.every(({ status }) => status === 401))
      for (const { host } of [one, three]) yield* assertSame(`${host}/mirror/busybox:1`, image)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("sends each registry what it lacks", () =>
    Effect.gen(function*() {
      const { from, image, one, source, three } = yield* setUp()
      const client = yield* connect()
      const [, arm64] = image.images
      assert(arm64 !== undefined)
      yield* client.copyPlatformImage(from, "linux/arm64", `${one.host}/mirror/busybox:arm64`)
      const before = yield* Effect.all([source.requests, one.requests, three.requests])
      const fresh = yield* connect()
      const outcomes = yield* fresh.copyTo(from, [`${one.host}/mirror/busybox:1`, `${three.host}/mirror/busybox:1`])
      assert.isTrue(outcomes.every(({ _tag }) => _tag === "Success"))
      const after = yield* Effect.all([source.requests, one.requests, three.requests])
      const since = (position: 0 | 1 | 2) => after[position].slice(before[position].length)
      const held = new Set([arm64.config, ...arm64.layers].map(({ descriptor }) => descriptor.digest))
      // The image of arm64 goes to the third registry, and so its blobs are read too, but not sent to the first.
      assert.strictEqual(since(0).filter(Registry.isBlobRead).length, image.blobs.length)
      assert.strictEqual(since(1).filter(Registry.isBlobUpload).length, image.blobs.length - held.size)
      assert.strictEqual(since(2).filter(Registry.isBlobUpload).length, image.blobs.length)
      for (const { host } of [one, three]) yield* assertSame(`${host}/mirror/busybox:1`, image)
    }).pipe(Effect.provide(NodeContext.layer)))
})
