import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Descriptor from "../../../src/Descriptor.js"
import * as Digest from "../../../src/Digest.js"
import * as subset from "../../../src/internal/copy/subset.js"
import * as Manifest from "../../../src/Manifest.js"
import * as MediaType from "../../../src/MediaType.js"
import * as Platform from "../../../src/Platform.js"
import * as Repository from "../../../src/Repository.js"
import { recorded } from "../../utils/recorded.js"
import { image, index, type Sample, sample, utf8 } from "../../utils/samples.js"
import * as seed from "../../utils/seed.js"

const descriptorOf = (content: string, extra: Partial<Descriptor.Descriptor> = {}): Descriptor.Descriptor => ({
  ...sample(content, MediaType.ociManifest).descriptor,
  ...extra
})

const forPlatform = (name: string, content = name) =>
  descriptorOf(content, { platform: Effect.runSync(Platform.parse(name)) })

const attestationOf = ({ digest }: Descriptor.Descriptor) =>
  descriptorOf(`about ${digest}`, {
    platform: { os: "unknown", architecture: "unknown" },
    annotations: { "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest }
  })

const amd64 = forPlatform("linux/amd64")
const arm64 = forPlatform("linux/arm64/v8")
const armv6 = forPlatform("linux/arm/v6")
const armv7 = forPlatform("linux/arm/v7")
const ltsc2019 = forPlatform("windows(10.0.17763.1)/amd64")
const ltsc2022 = forPlatform("windows(10.0.20348.1)/amd64")
const artifact = descriptorOf("artifact", { mediaType: "application/vnd.example.thing" })

const decode = ({ descriptor, raw }: Sample) => Manifest.decode(raw, { resource: "sample", expected: descriptor })

/** What is asked of the source beside the root, and the result. */
const run = Effect.fnUntraced(function*(
  root: Sample,
  selection: Partial<subset.Selection>,
  nested: ReadonlyArray<Sample> = [],
  images: ReadonlyArray<ReturnType<typeof image>> = []
) {
  const home = yield* Repository.makeMemory({ registry: "one.test", name: "app" })
  for (const item of images) yield* seed.putImage(home, item)
  for (const item of nested) yield* seed.putManifest(home, item)
  const { calls, repository } = recorded(home)
  const manifest = yield* decode(root)
  const made = yield* Effect.either(
    subset.make(repository, manifest, { platforms: undefined, attestations: "keep", index: "filter", ...selection })
  )
  return { calls, manifest, made }
})

const succeeded = (...parameters: Parameters<typeof run>) =>
  Effect.flatMap(
    run(...parameters),
    ({ calls, made, manifest }) => Effect.map(made, (result) => ({ calls, manifest, ...result }))
  )

const failure = (...parameters: Parameters<typeof run>) =>
  Effect.flatMap(run(...parameters), ({ calls, made }) => Effect.map(Effect.flip(made), (error) => ({ calls, error })))

const digestsOf = (manifest: Manifest.Manifest | undefined) =>
  manifest === undefined ? [] : Manifest.references(manifest).manifests.map(({ digest }) => digest)
const digests = (...descriptors: ReadonlyArray<Descriptor.Descriptor>) => descriptors.map(({ digest }) => digest)
const text = ({ raw }: Manifest.Manifest) => new TextDecoder().decode(raw)

const big = index([
  amd64,
  attestationOf(amd64),
  armv6,
  armv7,
  arm64,
  attestationOf(arm64),
  ltsc2019,
  ltsc2022,
  artifact
])

describe("subset of an index", () => {
  it.effect("is the root itself where nothing is chosen, and asks nothing", () =>
    Effect.gen(function*() {
      for (const mode of ["filter", "sparse"] as const) {
        const { calls, manifest, omitted, rewritten, root } = yield* succeeded(big, { index: mode })
        assert.strictEqual(root, manifest)
        assert.isFalse(rewritten)
        assert.strictEqual(omitted.size, 0)
        assert.deepStrictEqual(calls, [])
      }
    }))

  it.effect.each<[subset.Selection["platforms"], ReadonlyArray<Descriptor.Descriptor>]>([
    [["linux/amd64"], [amd64, attestationOf(amd64)]],
    [["linux/arm64"], [arm64, attestationOf(arm64)]],
    [["linux/arm/*", "linux/amd64"], [amd64, attestationOf(amd64), armv6, armv7]],
    [["linux/arm"], [armv7]],
    [["windows(10.0.17763)/amd64"], [ltsc2019]],
    [[{ os: "windows", architecture: "amd64" }], [ltsc2019, ltsc2022]],
    [(platform) => platform.variant === "v6", [armv6]],
    [(platform) => platform.architecture === "arm64" && platform.variant === undefined, [arm64, attestationOf(arm64)]]
  ])(
    "keeps in their order what matches, with what speaks of it: %s",
    ([platforms, expected]) =>
      Effect.gen(function*() {
        const { calls, omitted, rewritten, rewrittenChildren, root } = yield* succeeded(big, { platforms })
        assert.deepStrictEqual(digestsOf(root), digests(...expected))
        assert.isTrue(rewritten)
        assert.strictEqual(rewrittenChildren.size, 0)
        assert.strictEqual(omitted.size, 0)
        assert.deepStrictEqual(calls, [])
        assert.strictEqual(root.descriptor.digest, Digest.fromBytes(root.raw))
        assert.strictEqual(root.descriptor.size, root.raw.byteLength)
      })
  )

  it.effect("drops attestations, of all images or of those that are kept", () =>
    Effect.gen(function*() {
      const all = yield* succeeded(big, { attestations: "drop" })
      assert.deepStrictEqual(
        digestsOf(all.root),
        digests(amd64, armv6, armv7, arm64, ltsc2019, ltsc2022, artifact)
      )
      const one = yield* succeeded(big, { attestations: "drop", platforms: ["linux/amd64"] })
      assert.deepStrictEqual(digestsOf(one.root), digests(amd64))
      assert.deepStrictEqual([...all.calls, ...one.calls], [])
      const orphan = yield* succeeded(index([amd64, attestationOf(arm64)]), { platforms: ["*"] })
      assert.deepStrictEqual(digestsOf(orphan.root), digests(amd64))
    }))

  it.effect("rewrites an index whose entries all stay where one of them is a nested index that changes", () =>
    Effect.gen(function*() {
      const nested = index([amd64, arm64])
      const root = index([armv7, nested.descriptor])
      const { rewritten, rewrittenChildren, root: made } = yield* succeeded(
        root,
        { platforms: ["linux/arm", "linux/arm64"] },
        [nested]
      )
      const [inner] = rewrittenChildren.values()
      assert.isTrue(rewritten)
      assert.deepStrictEqual(digestsOf(inner), digests(arm64))
      assert.deepStrictEqual(digestsOf(made), [armv7.digest, inner!.descriptor.digest])
    }))

  it.effect("keeps an index that was empty, where only attestations go", () =>
    Effect.gen(function*() {
      const empty = index([])
      const root = index([amd64, attestationOf(amd64), empty.descriptor])
      const dropped = yield* succeeded(root, { attestations: "drop" }, [empty])
      assert.deepStrictEqual(digestsOf(dropped.root), [amd64.digest, empty.descriptor.digest])
      const chosen = yield* succeeded(root, { platforms: ["linux/amd64"] }, [empty])
      assert.deepStrictEqual(digestsOf(chosen.root), digests(amd64, attestationOf(amd64)))
    }))

  it.effect("keeps the bytes where every entry stays", () =>
    Effect.gen(function*() {
      const spaced = sample(
        JSON.stringify({ schemaVersion: 2, manifests: [amd64, attestationOf(amd64)] }, null, 3),
        MediaType.ociIndex
      )
      const { manifest, rewritten, root } = yield* succeeded(spaced, { platforms: ["linux/*"] })
      assert.strictEqual(root, manifest)
      assert.isFalse(rewritten)
      const dropping = yield* succeeded(index([amd64, artifact]), { attestations: "drop" })
      assert.isFalse(dropping.rewritten)
    }))

  it.effect("leaves all else in the JSON as it is, compact, by the same algorithm and media type", () =>
    Effect.gen(function*() {
      const kept = { "x.order": 1, ...amd64, "x.entry": { deep: [null, "é"] }, annotations: { a: "b" } }
      const content = {
        "x.before": { a: [1, { b: null }] },
        schemaVersion: 2,
        mediaType: MediaType.dockerManifestList,
        manifests: [arm64, kept],
        annotations: { z: "1", a: "2" },
        "x.after": "<&>"
      }
      const list = sample(JSON.stringify(content, null, 2), MediaType.dockerManifestList, "sha512")
      const first = yield* succeeded(list, { platforms: ["linux/amd64"] })
      assert.strictEqual(text(first.root), JSON.stringify({ ...content, manifests: [kept] }))
      assert.strictEqual(first.root.descriptor.mediaType, MediaType.dockerManifestList)
      assert.strictEqual(first.root.descriptor.digest, Digest.fromBytes(first.root.raw, "sha512"))
      const second = yield* succeeded(list, { platforms: ["*/amd64"] })
      assert.strictEqual(second.root.descriptor.digest, first.root.descriptor.digest)
    }))

  it.effect("keeps its media type where only the transport told it", () =>
    Effect.gen(function*() {
      const list = sample({ schemaVersion: 2, manifests: [amd64, arm64] }, MediaType.dockerManifestList)
      const { root } = yield* succeeded(list, { platforms: ["linux/amd64"] })
      assert.strictEqual(root.descriptor.mediaType, MediaType.dockerManifestList)
      assert.notInclude(text(root), "mediaType\":\"application/vnd.docker.distribution.manifest.list")
    }))

  it.effect("filters nested indexes, rewrites their entries and leaves out empty ones", () =>
    Effect.gen(function*() {
      const deep = index([armv6, amd64])
      const changed = index([deep.descriptor, arm64], { annotations: { level: "1" } })
      const gone = index([ltsc2019])
      const same = index([forPlatform("linux/amd64", "another")])
      const entry = { ...changed.descriptor, data: "e30=", annotations: { name: "nested" }, "x.more": true }
      const root = index([entry, gone.descriptor, same.descriptor])
      const result = yield* succeeded(root, { platforms: ["linux/amd64"] }, [deep, changed, gone, same])
      const [one, two, ...more] = Manifest.references(result.root).manifests
      assert.deepStrictEqual(more, [])
      assert.strictEqual(two?.digest, same.descriptor.digest)
      assert.deepStrictEqual([...result.rewrittenChildren.keys()].at(-1), one?.digest)
      assert.strictEqual(result.rewrittenChildren.size, 2)
      const parent = [...result.rewrittenChildren.values()].at(-1)
      const child = [...result.rewrittenChildren.values()].at(0)
      assert.strictEqual(one?.size, parent?.raw.byteLength)
      assert.strictEqual(one?.annotations?.name, "nested")
      assert.notProperty(one, "data")
      assert.include(text(result.root), "\"x.more\":true")
      assert.include(parent === undefined ? "" : text(parent), "\"annotations\":{\"level\":\"1\"}")
      assert.deepStrictEqual(digestsOf(parent), [child?.descriptor.digest])
      assert.deepStrictEqual(digestsOf(child), digests(amd64))
      for (const [digest, manifest] of result.rewrittenChildren) {
        assert.strictEqual(digest, Digest.fromBytes(manifest.raw))
      }
    }))

  it.effect("leaves the bytes alone when sparse, and tells what is left out of what is kept", () =>
    Effect.gen(function*() {
      const inner = index([amd64, armv7])
      const gone = index([ltsc2019, ltsc2022])
      const root = index([inner.descriptor, gone.descriptor, arm64, attestationOf(arm64), artifact])
      const result = yield* succeeded(root, { platforms: ["linux/amd64"], index: "sparse" }, [inner, gone])
      assert.strictEqual(result.root, result.manifest)
      assert.isFalse(result.rewritten)
      assert.strictEqual(result.rewrittenChildren.size, 0)
      assert.deepStrictEqual(
        [...result.omitted].sort(),
        [...digests(armv7, gone.descriptor, arm64, attestationOf(arm64), artifact)].sort()
      )
    }))

  it.effect("does not omit what another entry keeps", () =>
    Effect.gen(function*() {
      const twice = { ...amd64, platform: { os: "linux", architecture: "386" } }
      const inner = index([twice, armv7])
      const root = index([amd64, inner.descriptor, twice])
      const result = yield* succeeded(root, { platforms: ["linux/amd64", "linux/arm"], index: "sparse" }, [inner])
      assert.deepStrictEqual([...result.omitted], [])
    }))

  it.effect("reads the config of an image whose entry says no platform, only where that matters", () =>
    Effect.gen(function*() {
      const plain = image(["layer"])
      const empty = { ...plain.manifest.descriptor, platform: { os: "", architecture: "" } }
      for (const entry of [plain.manifest.descriptor, empty]) {
        const root = index([arm64, entry, artifact])
        const chosen = yield* succeeded(root, { platforms: ["linux/amd64"] }, [], [plain])
        assert.deepStrictEqual(digestsOf(chosen.root), digests(plain.manifest.descriptor))
        assert.deepStrictEqual(chosen.calls, [
          `getManifest ${plain.manifest.descriptor.digest}`,
          `getBlob ${plain.config.descriptor.digest}`
        ])
        const all = yield* succeeded(root, { attestations: "drop" }, [], [plain])
        assert.deepStrictEqual(all.calls, [])
        assert.isFalse(all.rewritten)
      }
    }))

  it.effect("keeps an artifact with an image's media type only where no platform is chosen", () =>
    Effect.gen(function*() {
      const helm = sample({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config: { ...sample("{}", "application/vnd.cncf.helm.config.v1+json").descriptor },
        layers: []
      }, MediaType.ociManifest)
      const home = yield* Repository.makeMemory()
      yield* seed.putBlob(home, sample("{}", "application/vnd.cncf.helm.config.v1+json"))
      yield* seed.putManifest(home, helm)
      const manifest = yield* decode(index([amd64, helm.descriptor]))
      const made = yield* subset.make(home, manifest, { platforms: ["*"], attestations: "keep", index: "filter" })
      assert.deepStrictEqual(digestsOf(made.root), digests(amd64))
    }))

  it.effect("says which patterns found nothing, and what there is", () =>
    Effect.gen(function*() {
      const { calls, error } = yield* failure(index([arm64, ltsc2019, attestationOf(arm64)]), {
        platforms: ["linux/arm64", "linux/s390x", { os: "linux", architecture: "x86_64" }]
      })
      assert.deepInclude(error, {
        _tag: "PlatformNotFound",
        platform: "linux/s390x, linux/amd64",
        available: ["linux/arm64", "windows(10.0.17763.1)/amd64"]
      })
      assert.match(error.message, /^one\.test\/app@sha256:/)
      assert.deepStrictEqual(calls, [])
      const nobody = yield* failure(index([arm64]), { platforms: () => false })
      assert.match(
        nobody.error.message,
        /has no image for anything that the predicate accepts; available: linux\/arm64/
      )
    }))

  it.effect("refuses a bad pattern and an empty list before anything is read", () =>
    Effect.gen(function*() {
      const inner = index([amd64])
      const bad = yield* failure(index([inner.descriptor]), { platforms: ["linux/amd64", "linux/"] }, [inner])
      assert.strictEqual(bad.error._tag, "ParsePlatformError")
      const none = yield* failure(index([inner.descriptor]), { platforms: [] }, [inner])
      assert.strictEqual(none.error._tag, "InvalidInput")
      assert.deepStrictEqual([...bad.calls, ...none.calls], [])
    }))

  it.effect("takes a single image for what its config says, and no artifact for an image", () =>
    Effect.gen(function*() {
      const single = image(["layer"])
      const run = (platforms: subset.Selection["platforms"]) => succeeded(single.manifest, { platforms }, [], [single])
      for (const platforms of [["linux/amd64"], ["linux/s390x", "linux/*"], () => true]) {
        const { manifest, rewritten, root } = yield* run(platforms)
        assert.strictEqual(root, manifest)
        assert.isFalse(rewritten)
      }
      assert.deepStrictEqual((yield* succeeded(single.manifest, { attestations: "drop" })).calls, [])
      const { error } = yield* failure(single.manifest, { platforms: ["linux/arm64"] }, [], [single])
      assert.deepInclude(error, { _tag: "PlatformNotFound", platform: "linux/arm64", available: ["linux/amd64"] })
      const thing = sample({ schemaVersion: 2 }, "application/vnd.example.thing")
      const other = yield* failure(thing, { platforms: ["*"] })
      assert.strictEqual(other.error._tag, "NotAnImage")
      const chart = sample({
        schemaVersion: 2,
        config: sample("{}", "application/vnd.example.config").descriptor
      }, MediaType.ociManifest)
      assert.strictEqual((yield* failure(chart, { platforms: ["*"] })).error._tag, "NotAnImage")
    }))

  it.effect("bounds how deep and how far it follows", () =>
    Effect.gen(function*() {
      const levels = [index([amd64])]
      for (let depth = 0; depth < 8; depth++) levels.push(index([levels.at(-1)?.descriptor ?? amd64]))
      const tooDeep = yield* failure(levels.at(-1) ?? big, { platforms: ["linux/amd64"] }, levels)
      assert.match(tooDeep.error.message, /nested more than 8 deep/)
      const half = index(Array.from({ length: 5_001 }, () => amd64))
      const whole = index([half.descriptor, half.descriptor])
      const wide = yield* failure(whole, { platforms: ["linux/amd64"] }, [half])
      assert.match(wide.error.message, /more than 10000/)
    }))

  it.effect.prop(
    "holds exactly the entries that match, and the same bytes each time",
    [
      FastCheck.array(FastCheck.constantFrom(amd64, arm64, armv6, armv7, ltsc2019), { minLength: 1 }),
      FastCheck.constantFrom("linux/*", "*/amd64", "linux/arm/*", "*")
    ],
    ([descriptors, pattern]) =>
      Effect.gen(function*() {
        const root = index([...descriptors, ...descriptors.map(attestationOf)])
        const expected = {
          "linux/*": [amd64, arm64, armv6, armv7],
          "*/amd64": [amd64, ltsc2019],
          "linux/arm/*": [armv6, armv7],
          "*": [amd64, arm64, armv6, armv7, ltsc2019]
        }[pattern] ?? []
        const kept = descriptors.filter((descriptor) => expected.includes(descriptor))
        const { made } = yield* run(root, { platforms: [pattern] })
        if (made._tag === "Left") {
          assert.strictEqual(made.left._tag, "PlatformNotFound")
          assert.strictEqual(kept.length, 0)
          return
        }
        const content = { schemaVersion: 2, mediaType: MediaType.ociIndex }
        assert.deepStrictEqual(
          made.right.root.raw,
          utf8(JSON.stringify({ ...content, manifests: [...kept, ...kept.map(attestationOf)] }))
        )
      })
  )
})
