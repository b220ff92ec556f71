/** The tags of a repository, what is planned, and what becomes of a tag that names something else. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Copy from "../../src/Copy.js"
import { image } from "../utils/samples.js"
import * as Artifact from "./artifact.js"
import { connect } from "./clients.js"
import * as Registry from "./registry.js"
import * as Skopeo from "./skopeo.js"
import { suite } from "./suite.js"

/** Each tag names an image of its own; all of them share a layer. */
const images = ["1.0.0", "1.1.0", "v1.2.0", "1.3.0-rc.1", "2.0.0", "edge", "edge-debug"].map((tag) => ({
  tag,
  ...image(["shared", tag])
}))
const [oldest, second] = images
assert(oldest !== undefined && second !== undefined)
const isIn = (...tags: ReadonlyArray<string>) => images.filter(({ tag }) => tags.includes(tag))

const setUp = Effect.fnUntraced(function*() {
  const [source, destination] = yield* Effect.all([Registry.start(), Registry.start({ htpasswd: true })])
  const client = yield* connect(destination)
  const from = `${source.host}/library/app`
  const repository = yield* client.repository(from, { access: "write" })
  for (const { config, layers, manifest, tag } of images) {
    yield* Artifact.put(repository, { manifest, blobs: [config, ...layers] }, tag)
  }
  const cosign = Artifact.cosign(oldest.manifest.descriptor.digest, "sig")
  yield* Artifact.put(repository, cosign, cosign.tag)
  return { source, destination, client, from, to: `${destination.host}/team/app` }
})

const outcomes = (stream: Stream.Stream<Copy.TagOutcome, unknown>) =>
  Effect.map(Stream.runCollect(stream), (all) =>
    Object.fromEntries(
      Chunk.toReadonlyArray(all).map((one) => [one.tag, one._tag === "Success" ? one.result.outcome : one.error._tag])
    ))

const everyTag = (of: ReadonlyArray<{ readonly tag: string }>, outcome: string) =>
  Object.fromEntries(of.map(({ tag }) => [tag, outcome]))

const assertThere = Effect.fnUntraced(function*(name: string, expected: typeof images) {
  assert.deepStrictEqual(yield* Skopeo.listTags(name), expected.map(({ tag }) => tag).toSorted())
  for (const { config, layers, manifest, tag } of expected) {
    const { blobs, manifests } = yield* Skopeo.readDirectory(yield* Skopeo.copyToDirectory(`${name}:${tag}`))
    assert.deepStrictEqual(manifests, [manifest.descriptor.digest])
    assert.sameMembers(
      blobs.map(({ digest }) => digest as string),
      [config, ...layers].map(({ descriptor }) => descriptor.digest)
    )
  }
})

suite("a repository between registries", { tools: ["docker-registry", "skopeo"] }, () => {
  it.scopedLive.each<{ tags: Copy.TagSelection; chosen: typeof images }>([
    { tags: { semver: "^1.1" }, chosen: isIn("1.1.0", "v1.2.0") },
    { tags: { include: ["edge*", /^2\./], exclude: ["*-debug"] }, chosen: isIn("2.0.0", "edge") }
  ])("is copied by tags that are chosen ($tags)", ({ chosen, tags }) =>
    Effect.gen(function*() {
      const { client, destination, from, to } = yield* setUp()
      assert.deepStrictEqual(yield* outcomes(client.copyRepository(from, to, { tags })), everyTag(chosen, "Copied"))
      yield* assertThere(to, chosen)
      const before = yield* destination.requests
      for (const each of [client, yield* connect(destination)]) {
        assert.deepStrictEqual(yield* outcomes(each.copyRepository(from, to, { tags })), everyTag(chosen, "Skipped"))
      }
      const since = (yield* destination.requests).slice(before.length)
      assert.isAbove(since.length, 0)
      assert.deepStrictEqual(since.filter(Registry.isWrite), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("is copied whole, each blob once, without what lies under tags of digests", () =>
    Effect.gen(function*() {
      const { client, from, source, to } = yield* setUp()
      assert.deepStrictEqual(yield* outcomes(client.copyRepository(from, to)), everyTag(images, "Copied"))
      const reads = (yield* source.requests).filter(Registry.isBlobRead).map(({ url }) => url)
      // A config and a layer of each, and the one that they share.
      assert.strictEqual(reads.length, images.length * 2 + 1)
      assert.strictEqual(new Set(reads).size, reads.length)
      yield* assertThere(to, images)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("does not let one tag that fails stop the others", () =>
    Effect.gen(function*() {
      const { client, from, to } = yield* setUp()
      yield* client.copy(`${from}:edge`, `${to}:2.0.0`)
      const chosen = isIn("1.0.0", "2.0.0")
      const tags = { include: chosen.map(({ tag }) => tag) }
      assert.deepStrictEqual(
        yield* outcomes(client.copyRepository(from, to, { tags, onExisting: "fail" })),
        { "1.0.0": "Copied", "2.0.0": "CopyError" }
      )
    }).pipe(Effect.provide(NodeContext.layer)))
})

suite("a copy to docker-registry", { tools: ["docker-registry", "skopeo"] }, () => {
  it.scopedLive("is planned without a write, and moves what was planned", () =>
    Effect.gen(function*() {
      const { client, destination, from, source, to } = yield* setUp()
      yield* client.copy(`${from}:1.0.0`, `${to}:1.0.0`)
      const before = yield* Effect.all([source.requests, destination.requests])
      const fresh = yield* connect(destination)
      const plan = yield* fresh.planCopy(`${from}:1.1.0`, `${to}:1.1.0`)
      const planned = yield* Effect.all([source.requests, destination.requests])
      for (const side of [0, 1] as const) {
        assert.deepStrictEqual(planned[side].slice(before[side].length).filter(Registry.isWrite), [])
      }
      const [shared, own] = second.layers
      assert(shared !== undefined && own !== undefined)
      assert.sameDeepMembers(plan.blobs.map(({ action, descriptor }) => [descriptor.digest as string, action]), [
        [second.config.descriptor.digest, "Upload"],
        [shared.descriptor.digest, "Exists"],
        [own.descriptor.digest, "Upload"]
      ])
      const upload = second.config.descriptor.size + own.descriptor.size
      assert.deepStrictEqual(plan.bytes, {
        total: upload + shared.descriptor.size,
        upload,
        mount: 0,
        exist: shared.descriptor.size
      })
      assert.deepStrictEqual(plan.manifests.map(({ action, tag }) => ({ action, tag })), [
        { action: "Push", tag: "1.1.0" }
      ])

      const result = yield* fresh.copy(`${from}:1.1.0`, `${to}:1.1.0`)
      assert.strictEqual(result.digest, plan.digest)
      assert.strictEqual(result.bytes, plan.bytes.upload)
      const moved = (yield* destination.requests).slice(planned[1].length)
      assert.strictEqual(moved.filter(Registry.isBlobUpload).length, 2)
      assert.strictEqual((yield* fresh.planCopy(`${from}:1.1.0`, `${to}:1.1.0`)).outcome, "Skip")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("overwrites a tag, keeps it, or minds it", () =>
    Effect.gen(function*() {
      const { client, destination, from, to } = yield* setUp()
      const there = `${to}:stable`
      yield* client.copy(`${from}:1.0.0`, there)
      const before = yield* destination.requests
      const kept = yield* client.copy(`${from}:1.1.0`, there, { onExisting: "skip" })
      assert.deepInclude(kept, {
        outcome: "Skipped",
        digest: oldest.manifest.descriptor.digest,
        sourceDigest: second.manifest.descriptor.digest
      })
      const error = yield* Effect.flip(client.copy(`${from}:1.1.0`, there, { onExisting: "fail" }))
      assert(error._tag === "CopyError" && error.cause._tag === "AlreadyExists")
      assert.strictEqual(error.cause.digest, oldest.manifest.descriptor.digest)
      const same = yield* client.copy(`${from}:1.0.0`, there, { onExisting: "fail" })
      assert.strictEqual(same.outcome, "Skipped")
      assert.deepStrictEqual((yield* destination.requests).slice(before.length).filter(Registry.isWrite), [])
      assert.deepStrictEqual(Buffer.from(yield* Skopeo.inspectRaw(there)), Buffer.from(oldest.manifest.raw))
      yield* client.copy(`${from}:1.1.0`, there)
      assert.deepStrictEqual(Buffer.from(yield* Skopeo.inspectRaw(there)), Buffer.from(second.manifest.raw))
    }).pipe(Effect.provide(NodeContext.layer)))
})
