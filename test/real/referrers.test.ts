/** Signatures and the like between registries without the referrers API: `docker-registry` has the fallback tag only. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Sample } from "../utils/samples.js"
import type { Artifact } from "./artifact.js"
import { connect } from "./clients.js"
import * as Registry from "./registry.js"
import * as Signed from "./signed.js"
import * as Skopeo from "./skopeo.js"
import { suite } from "./suite.js"

const setUp = Effect.fnUntraced(function*() {
  const [source, destination] = yield* Effect.all([Registry.start(), Registry.start({ htpasswd: true })])
  const client = yield* connect(destination)
  const from = `${source.host}/library/app`
  yield* Signed.push(client, from, "1")
  return { destination, client, from, to: `${destination.host}/team/app` }
})

const fallbackTag = ({ descriptor: { digest } }: Sample): string => digest.replace(":", "-")

/** The list that skopeo reads under the fallback tag, and each manifest in it, byte for byte. */
const assertListed = Effect.fnUntraced(function*(name: string, subject: Sample, expected: ReadonlyArray<Artifact>) {
  const raw = yield* Skopeo.inspectRaw(`${name}:${fallbackTag(subject)}`)
  Signed.assertEntries(JSON.parse(new TextDecoder().decode(raw)).manifests, expected)
  for (const { manifest } of expected) {
    const there = yield* Skopeo.inspectRaw(`${name}@${manifest.descriptor.digest}`)
    assert.deepStrictEqual(Buffer.from(there), Buffer.from(manifest.raw))
  }
})

suite("what refers to an image in docker-registry", { tools: ["docker-registry", "skopeo"] }, () => {
  it.scopedLive("is listed under the tags of digests", () =>
    Effect.gen(function*() {
      const { client, from } = yield* setUp()
      yield* assertListed(from, Signed.root, [Signed.rootSignature, Signed.rootSbom])
      yield* assertListed(from, Signed.child, [Signed.childSignature])
      yield* Signed.assertReferrers(client, from, Signed.root, [Signed.rootSignature, Signed.rootSbom])
      yield* Signed.assertReferrers(client, from, Signed.rootSbom.manifest, [Signed.sbomSignature])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("stays behind unless it is asked for", () =>
    Effect.gen(function*() {
      const { client, from, to } = yield* setUp()
      yield* client.copy(`${from}:1`, `${to}:1`)
      assert.deepStrictEqual(yield* Skopeo.listTags(to), ["1"])
      yield* Signed.assertReferrers(client, to, Signed.root, [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("comes along, of the root and of its images, before the tag", () =>
    Effect.gen(function*() {
      const { client, destination, from, to } = yield* setUp()
      yield* client.copy(`${from}:1`, `${to}:1`, { referrers: "direct" })
      const writes = (yield* destination.requests).filter(Registry.isManifestWrite).filter(({ status }) => status < 300)
      assert.strictEqual(writes.at(-1)?.url, "/v2/team/app/manifests/1")
      yield* assertListed(to, Signed.root, [Signed.rootSignature, Signed.rootSbom])
      yield* assertListed(to, Signed.child, [Signed.childSignature])
      yield* Signed.assertReferrers(client, to, Signed.root, [Signed.rootSignature, Signed.rootSbom])
      yield* Signed.assertReferrers(client, to, Signed.child, [Signed.childSignature])
      yield* Signed.assertReferrers(client, to, Signed.rootSbom.manifest, [])
      assert.deepStrictEqual(
        yield* Skopeo.listTags(to),
        ["1", fallbackTag(Signed.root), fallbackTag(Signed.child), ...Signed.tagged.map(({ tag }) => tag)].toSorted()
      )
      for (const { manifest, tag } of Signed.tagged) {
        assert.deepStrictEqual(Buffer.from(yield* Skopeo.inspectRaw(`${to}:${tag}`)), Buffer.from(manifest.raw))
      }
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("comes with what refers to that in turn, and once only", () =>
    Effect.gen(function*() {
      const { client, destination, from, to } = yield* setUp()
      // First without, then by and by: what is there is not written again.
      for (const referrers of ["none", "direct", "recursive"] as const) {
        assert.strictEqual((yield* client.copy(`${from}:1`, `${to}:1`, { referrers })).outcome, "Copied")
      }
      yield* assertListed(to, Signed.root, [Signed.rootSignature, Signed.rootSbom])
      yield* assertListed(to, Signed.rootSbom.manifest, [Signed.sbomSignature])
      const puts = (yield* destination.requests).filter(Registry.isManifestWrite).filter(({ status }) => status < 300)
      for (const { manifest: { descriptor } } of [Signed.rootSignature, Signed.rootSbom, Signed.sbomSignature]) {
        assert.strictEqual(puts.filter(({ url }) => url.endsWith(descriptor.digest)).length, 1)
      }
      const before = yield* destination.requests
      for (const each of [client, yield* connect(destination)]) {
        const again = yield* each.copy(`${from}:1`, `${to}:1`, { referrers: "recursive" })
        assert.deepInclude(again, { outcome: "Skipped", bytes: 0 })
      }
      const since = (yield* destination.requests).slice(before.length)
      assert.isAbove(since.length, 0)
      assert.deepStrictEqual(since.filter(Registry.isWrite), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("comes without cosign's tags, or they without the rest", () =>
    Effect.gen(function*() {
      const { client, from, to } = yield* setUp()
      yield* client.copy(`${from}:1`, `${to}-a:1`, { referrers: "direct", digestTags: false })
      assert.deepStrictEqual(
        yield* Skopeo.listTags(`${to}-a`),
        ["1", fallbackTag(Signed.root), fallbackTag(Signed.child)].toSorted()
      )
      yield* client.copy(`${from}:1`, `${to}-b:1`, { digestTags: true })
      assert.deepStrictEqual(
        yield* Skopeo.listTags(`${to}-b`),
        ["1", ...Signed.tagged.map(({ tag }) => tag)].toSorted()
      )
    }).pipe(Effect.provide(NodeContext.layer)))
})
