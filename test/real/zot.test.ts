/** Copies with `zot` on one side or both: a registry with the referrers API, which is not there everywhere. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Sample } from "../utils/samples.js"
import type { Artifact } from "./artifact.js"
import { obtain } from "./busybox.js"
import { connect } from "./clients.js"
import * as Fixture from "./fixture.js"
import { assertIndex, assertSame } from "./readBack.js"
import * as Registry from "./registry.js"
import * as Signed from "./signed.js"
import * as Skopeo from "./skopeo.js"
import { writeImage } from "./storage.js"
import { suite } from "./suite.js"
import * as Zot from "./zot.js"

const packages = await obtain()
const needs = { tools: ["zot", "docker-registry", "skopeo"], lacks: packages.lacks, optional: true }

/** A `docker-registry` with the busybox image, and a zot with nothing. */
const setUp = Effect.fnUntraced(function*() {
  const [registry, zot] = yield* Effect.all([Registry.start(), Zot.start()], { concurrency: 2 })
  const image = yield* Fixture.build(packages, "oci")
  yield* writeImage(registry.storage, "library/busybox", "1", image)
  return { registry, zot, image, from: `${registry.host}/library/busybox:1` }
})

suite("the busybox image and zot", needs, () => {
  it.scopedLive("goes there and back, byte for byte", () =>
    Effect.gen(function*() {
      const { from, image, registry, zot } = yield* setUp()
      const client = yield* connect()
      const there = `${zot.host}/team/busybox:1`
      const result = yield* client.copyIndex(from, there)
      assert.deepInclude(result, { outcome: "Copied", digest: image.index.descriptor.digest })
      yield* assertSame(there, image)
      const back = `${registry.host}/back/busybox:1`
      yield* (yield* connect()).copyIndex(there, back)
      yield* assertSame(back, image)
      const before = yield* zot.requests
      assert.strictEqual((yield* (yield* connect()).copyIndex(from, there)).outcome, "Skipped")
      assert.deepStrictEqual((yield* zot.requests).slice(before.length).filter(Registry.isWrite), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("goes to several registries of two kinds with each blob read once", () =>
    Effect.gen(function*() {
      const { from, image, registry, zot } = yield* setUp()
      const [other, second] = yield* Effect.all([Registry.start(), Zot.start()], { concurrency: 2 })
      const destinations = [zot, other, second].map(({ host }) => `${host}/mirror/busybox:1`)
      const outcomes = yield* (yield* connect()).copyTo(from, destinations)
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Success", "Success", "Success"])
      const reads = (yield* registry.requests).filter(Registry.isBlobRead)
      assert.sameMembers(
        reads.map(({ status, url }) => `${status} ${url}`),
        image.blobs.map(({ descriptor }) => `200 /v2/library/busybox/blobs/${descriptor.digest}`)
      )
      for (const destination of destinations) yield* assertSame(destination, image)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("goes there in part, with an index of its own", () =>
    Effect.gen(function*() {
      const { from, image, zot } = yield* setUp()
      const client = yield* connect()
      const repository = `${zot.host}/team/busybox`
      const [amd64] = image.images
      assert(amd64 !== undefined)
      const filtered = yield* client.copy(from, `${repository}:amd64`, { platforms: ["linux/amd64"] })
      const index = yield* client.getImage(`${repository}:amd64`)
      assert.strictEqual(index.descriptor.digest, filtered.digest)
      yield* assertIndex(`${repository}:amd64`, index, [amd64])
      // zot 2 looks for everything that an index names, as distribution 2.8 does, and has another word for it.
      const error = yield* Effect.flip(
        client.copy(from, `${repository}:sparse`, { platforms: ["linux/amd64"], index: "sparse" })
      )
      assert(error._tag === "CopyError" && error.cause._tag === "ManifestInvalid")
      assert.strictEqual(error.side, "destination")
      assert.deepStrictEqual(error.cause.errors.map(({ code }) => code), ["MANIFEST_INVALID"])
      assert.deepStrictEqual(yield* Skopeo.listTags(repository), ["amd64"])
    }).pipe(Effect.provide(NodeContext.layer)))

  // What zot 2.1 answers to a mount of a blob from the very repository: 202, with a session that takes the bytes, when no
  // repository has it; 201 when this one has it or any other, whatever `from` says, as it keeps equal blobs once (its
  // `dedupe`, on by default) and links what it finds. So `blobCheck: "mount"` is right for zot, and saves bytes besides.
  it.scopedLive("is asked for, blob by blob, by a mount", () =>
    Effect.gen(function*() {
      const { from, image, zot } = yield* setUp()
      const hosts = { [zot.host]: { blobCheck: "mount" } } as const
      const [amd64, arm64] = image.images
      assert(amd64 !== undefined && arm64 !== undefined)
      const digestsOf = ({ config, layers }: Fixture.PlatformImage) =>
        [config, ...layers].map(({ descriptor }) => descriptor.digest)
      const shared = digestsOf(arm64).filter((digest) => digestsOf(amd64).includes(digest))
      assert.strictEqual(shared.length, 1)

      const cases = [
        { image: amd64, repository: "team/one", tag: "amd64", there: [] },
        { image: arm64, repository: "team/one", tag: "arm64", there: shared },
        { image: amd64, repository: "team/two", tag: "amd64", there: digestsOf(amd64) }
      ]
      for (const { image, repository, tag, there } of cases) {
        const before = yield* zot.requests
        const client = yield* connect(undefined, { options: { hosts } })
        const reference = `${zot.host}/${repository}:${tag}`
        const result = yield* client.copyPlatformImage(from, image.platform, reference)
        const since = (yield* zot.requests).slice(before.length)
        const sender = encodeURIComponent(repository)
        assert.sameMembers(
          since.map(({ method, status, url }) =>
            `${method} ${Registry.isBlobUpload({ method, status, url }) ? "the bytes" : url} ${status}`
          ),
          [
            `HEAD /v2/${repository}/manifests/${tag} 404`,
            ...digestsOf(image).flatMap((digest) => {
              const isThere = there.includes(digest)
              const mount = `/v2/${repository}/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${sender}`
              return isThere ? [`POST ${mount} 201`] : [`POST ${mount} 202`, "PUT the bytes 201"]
            }),
            `PUT /v2/${repository}/manifests/${tag} 201`
          ]
        )
        assert.sameDeepMembers(
          result.blobs.map(({ descriptor, outcome }) => ({ digest: descriptor.digest, outcome })),
          digestsOf(image).map((digest) => ({ digest, outcome: there.includes(digest) ? "Existed" : "Uploaded" }))
        )
        const contents = yield* Skopeo.readDirectory(yield* Skopeo.copyToDirectory(reference))
        assert.deepStrictEqual(contents.manifests, [image.manifest.descriptor.digest])
        assert.sameMembers(contents.blobs.map(({ digest }) => digest), digestsOf(image))
      }
    }).pipe(Effect.provide(NodeContext.layer)))
})

/** The list that zot itself keeps, by its API and without our client. */
const assertListed = Effect.fnUntraced(function*(
  { host }: { readonly host: string },
  name: string,
  { descriptor: { digest } }: Sample,
  expected: ReadonlyArray<Artifact>
) {
  const answer = yield* Effect.promise(() => fetch(`http://${host}/v2/${name}/referrers/${digest}`))
  assert.strictEqual(answer.status, 200)
  const list = JSON.parse(yield* Effect.promise(() => answer.text()))
  Signed.assertEntries(list.manifests, expected)
})

suite("what refers to an image, with zot", needs, () => {
  it.scopedLive("goes from tags to the API and back to tags", () =>
    Effect.gen(function*() {
      const { registry, zot } = yield* setUp()
      const client = yield* connect()
      yield* Signed.push(client, `${registry.host}/library/app`, "1")
      const there = `${zot.host}/team/app`
      yield* client.copy(`${registry.host}/library/app:1`, `${there}:1`, { referrers: "recursive" })
      yield* assertListed(zot, "team/app", Signed.root, [Signed.rootSignature, Signed.rootSbom])
      yield* assertListed(zot, "team/app", Signed.child, [Signed.childSignature])
      yield* assertListed(zot, "team/app", Signed.rootSbom.manifest, [Signed.sbomSignature])
      // No list under a tag where there is an API.
      assert.deepStrictEqual(
        yield* Skopeo.listTags(there),
        ["1", ...Signed.tagged.map(({ tag }) => tag)].toSorted()
      )

      const back = `${registry.host}/back/app`
      const fresh = yield* connect()
      yield* fresh.copy(`${there}:1`, `${back}:1`, { referrers: "recursive" })
      assert.deepStrictEqual(yield* Skopeo.listTags(back), yield* Skopeo.listTags(`${registry.host}/library/app`))
      for (const name of [there, back]) {
        yield* Signed.assertReferrers(fresh, name, Signed.root, [Signed.rootSignature, Signed.rootSbom])
        yield* Signed.assertReferrers(fresh, name, Signed.child, [Signed.childSignature])
        yield* Signed.assertReferrers(fresh, name, Signed.rootSbom.manifest, [Signed.sbomSignature])
      }

      const before = yield* Effect.all([zot.requests, registry.requests])
      for (const [source, destination] of [[`${registry.host}/library/app`, there], [there, back]] as const) {
        const again = yield* (yield* connect()).copy(`${source}:1`, `${destination}:1`, { referrers: "recursive" })
        assert.strictEqual(again.outcome, "Skipped")
      }
      const after = yield* Effect.all([zot.requests, registry.requests])
      for (const side of [0, 1] as const) {
        assert.deepStrictEqual(after[side].slice(before[side].length).filter(Registry.isWrite), [])
      }
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("goes from API to API, direct ones only if that is what is asked", () =>
    Effect.gen(function*() {
      const [one, two] = yield* Effect.all([Zot.start(), Zot.start()], { concurrency: 2 })
      const client = yield* connect()
      yield* Signed.push(client, `${one.host}/library/app`, "1")
      yield* client.copy(`${one.host}/library/app:1`, `${two.host}/team/app:1`, {
        referrers: "direct",
        digestTags: false
      })
      yield* assertListed(two, "team/app", Signed.root, [Signed.rootSignature, Signed.rootSbom])
      yield* assertListed(two, "team/app", Signed.child, [Signed.childSignature])
      yield* assertListed(two, "team/app", Signed.rootSbom.manifest, [])
      assert.deepStrictEqual(yield* Skopeo.listTags(`${two.host}/team/app`), ["1"])
      const writes = (yield* two.requests).filter(Registry.isManifestWrite)
      assert.strictEqual(writes.at(-1)?.url, "/v2/team/app/manifests/1")
    }).pipe(Effect.provide(NodeContext.layer)))
})
