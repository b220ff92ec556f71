import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { vi } from "vitest"
import * as Descriptor from "../src/Descriptor.js"
import * as Digest from "../src/Digest.js"
import * as Manifest from "../src/Manifest.js"
import * as MediaType from "../src/MediaType.js"
import { processorTime } from "./utils/processorTime.js"

const bytes = (json: unknown) => new TextEncoder().encode(typeof json === "string" ? json : JSON.stringify(json))
const run = (json: unknown, provenance: Partial<Manifest.Provenance> = {}) =>
  Effect.runSync(Manifest.decode(bytes(json), { resource: "a.b/c:1", ...provenance }))
const failed = (json: unknown, provenance: Partial<Manifest.Provenance> = {}) =>
  Effect.runSync(Effect.flip(Manifest.decode(bytes(json), { resource: "a.b/c:1", ...provenance })))

const config = Descriptor.fromBytes(bytes("config"), MediaType.ociConfig)
const layer = Descriptor.fromBytes(bytes("layer"), MediaType.ociLayerGzip)
const image = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [layer] }
const child = {
  ...Descriptor.fromBytes(bytes(image), MediaType.ociManifest),
  platform: { os: "linux", architecture: "arm" }
}
const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [child] }
const without = <K extends string>(json: Record<string, unknown>, key: K) => {
  const { [key]: _, ...rest } = json
  return rest
}

describe("Manifest.decode", () => {
  it("reads an image and keeps its bytes", () => {
    const text = JSON.stringify({ ...image, unknown: { a: [1] } }, null, 3) + "\n"
    const manifest = run(text, { contentType: `${MediaType.ociManifest}; charset=utf-8` })
    if (!Manifest.isImage(manifest)) return assert.fail(manifest._tag)
    assert.deepStrictEqual(manifest.raw, bytes(text))
    assert.deepStrictEqual(manifest.descriptor, Descriptor.fromBytes(bytes(text), MediaType.ociManifest))
    assert.deepStrictEqual(manifest.content, { ...image, unknown: { a: [1] } } as never)
    assert.deepStrictEqual(Manifest.references(manifest), { manifests: [], blobs: [config, layer] })
  })

  it("reads an index", () => {
    const manifest = run(index)
    assert.isTrue(Manifest.isIndex(manifest))
    assert.deepStrictEqual(Manifest.references(manifest), { manifests: [child], blobs: [] })
  })

  it("reads Docker's forms", () => {
    assert.isTrue(Manifest.isImage(run({ ...image, mediaType: MediaType.dockerManifest })))
    assert.isTrue(Manifest.isIndex(run({ ...index, mediaType: MediaType.dockerManifestList })))
  })

  it("reads null for a list as an empty one, and null for a field as none", () => {
    const manifest = run({ ...image, layers: null, annotations: null, subject: null, artifactType: null })
    if (!Manifest.isImage(manifest)) return assert.fail(manifest._tag)
    assert.deepStrictEqual(manifest.content, without({ ...image, layers: [] }, "x") as never)
    assert.deepStrictEqual(Manifest.references(run({ ...index, manifests: null })).manifests, [])
  })

  it.each<[string, Record<string, unknown>, Partial<Manifest.Provenance>, string]>([
    ["its own", image, { contentType: "text/plain" }, MediaType.ociManifest],
    ["the header's", without(image, "mediaType"), { contentType: MediaType.dockerManifest }, MediaType.dockerManifest],
    ["an image's, by what it holds", without(image, "mediaType"), {}, MediaType.ociManifest],
    [
      "an index's, by what it holds",
      without(index, "mediaType"),
      { contentType: "application/json" },
      MediaType.ociIndex
    ]
  ])("takes the media type: %s", (_, json, provenance, mediaType) => {
    assert.strictEqual(run(json, provenance).descriptor.mediaType, mediaType)
  })

  it("believes the descriptor rather than the header when the digest is right", () => {
    const json = without(image, "mediaType")
    const expected = { digest: Digest.fromBytes(bytes(json)), mediaType: MediaType.dockerManifest }
    assert.strictEqual(
      run(json, { expected, contentType: MediaType.ociIndex }).descriptor.mediaType,
      MediaType.dockerManifest
    )
  })

  it("compares media types without regard to case", () => {
    const json = { mediaType: "application/vnd.Example+json", blobs: [layer] }
    assert.strictEqual(run(json, { contentType: json.mediaType }).descriptor.mediaType, json.mediaType)
  })

  it("keeps a type it does not know, with what it names", () => {
    const json = {
      mediaType: "application/vnd.oci.artifact.manifest.v1+json",
      blobs: [layer],
      config,
      manifests: [child]
    }
    const manifest = run(json)
    assert.strictEqual(manifest._tag, "Other")
    assert.deepStrictEqual(Manifest.references(manifest), { manifests: [child], blobs: [config, layer] })
  })

  it("checks digest and size, by the algorithm asked for", () => {
    const digest = Digest.fromBytes(bytes(image), "sha512")
    assert.strictEqual(run(image, { expected: { digest } }).descriptor.digest, digest)
    assert.strictEqual(run(image, { algorithm: "sha512" }).descriptor.digest, digest)
    assert.strictEqual(failed(index, { expected: { digest } })._tag, "DigestMismatch")
    assert.strictEqual(failed(image, { expected: { digest, size: 1 } })._tag, "SizeMismatch")
  })

  it("takes an empty media type for none", () => {
    const manifest = { ...image, mediaType: "" }
    assert.strictEqual(run(manifest, {}).descriptor.mediaType, MediaType.ociManifest)
    const told = run(manifest, { contentType: MediaType.dockerManifest })
    assert.strictEqual(told.descriptor.mediaType, MediaType.dockerManifest)
  })

  it.each<[string, unknown, Partial<Manifest.Provenance>, RegExp]>([
    ["no JSON", "<html>", {}, /not JSON/],
    ["nothing", "", {}, /not JSON/],
    ["a JSON list", [], {}, /not a JSON object/],
    ["an image sent as an index", image, { contentType: MediaType.ociIndex }, /but calls itself/],
    [
      "another type than the descriptor's",
      image,
      { expected: { digest: Digest.fromBytes(bytes(image)), mediaType: MediaType.dockerManifest } },
      /but calls itself/
    ],
    ["an image that is an index too", { ...image, manifests: [child] }, {}, /manifests as well/],
    ["an index that is an image too", { ...index, layers: [layer] }, {}, /layers as well/],
    ["both at once, untold", { schemaVersion: 2, config, layers: [], manifests: [] }, {}, /as well/],
    ["a layer with a bad digest", { ...image, layers: [{ ...layer, digest: "sha256:../x" }] }, {}, /layers\.0\.digest/],
    ["a bad size", { ...index, manifests: [{ ...child, size: -1 }] }, {}, /manifests\.0\.size/],
    ["no config", without(image, "config"), {}, /config/],
    ["another schema version", { ...image, schemaVersion: 3 }, {}, /schemaVersion/],
    ["layers that are no list", { ...image, layers: {} }, {}, /layers/]
  ])("refuses %s", (_, json, provenance, says) => {
    const error = failed(json, provenance)
    assert.strictEqual(error._tag, "ManifestInvalid")
    assert.match(error.message, says)
    assert.isAtMost(error.message.length, 2000)
  })

  it.each<[string, string, RegExp]>([
    ["entries without anything in them", `[${"{},".repeat(2_600_000)}{}]`, /more than 10000 entries/],
    ["one entry more than there may be", JSON.stringify(Array.from({ length: 10_001 }, () => child)), /10000 entries/],
    ["a key after another", `[],${Array.from({ length: 700_000 }, (_, i) => `"${i}":1`).join(",")}`, /10000 entries/],
    ["values everywhere", `[${`{"a":[${"1,".repeat(100)}1]},`.repeat(9_000)}{}]`, /more than 250000 values/],
    ["lists in lists", `${"[".repeat(4_000_000)}${"]".repeat(4_000_000)}`, /more than 500 deep/]
  ])("refuses %s before it is parsed", (_, manifests, says) => {
    const raw = bytes(`{"schemaVersion":2,"mediaType":"${MediaType.ociIndex}","manifests":${manifests}}`)
    const parse = vi.spyOn(JSON, "parse")
    const before = process.memoryUsage()
    const error = failed(new TextDecoder().decode(raw))
    const after = process.memoryUsage()
    assert.strictEqual(parse.mock.calls.length, 0)
    parse.mockRestore()
    assert.strictEqual(error._tag, "ManifestInvalid")
    assert.match(error.message, says)
    // The text and its bytes are made once more by this test.
    assert.isBelow(after.heapUsed + after.external - before.heapUsed - before.external, 64 * 1024 * 1024)
  })

  it("reads ten thousand entries in half a second of the processor's time", () => {
    const note = "x".repeat(490)
    const manifests = Array.from({ length: 10_000 }, () => ({ ...child, annotations: { note } }))
    const raw = bytes({ ...index, manifests })
    const took = processorTime(() => {
      const manifest = Effect.runSync(Manifest.decode(raw, { resource: "a.b/c:1" }))
      assert.strictEqual(Manifest.references(manifest).manifests.length, 10_000)
    })
    assert.isBelow(took, 500)
  })

  it("keeps null where no field of the specification has it, and refuses it as the text of an annotation", () => {
    const manifest = run({ ...image, subject: null, extra: { keep: null } })
    const kept: unknown = Object.entries(manifest.content).find(([key]) => key === "extra")?.[1]
    assert.deepStrictEqual(kept, { keep: null })
    assert.isFalse("subject" in manifest.content)
    assert.strictEqual(failed({ ...image, annotations: { note: null } })._tag, "ManifestInvalid")
  })

  it("refuses schema 1 and what nothing tells the type of", () => {
    const schema1 = { schemaVersion: 1, name: "library/x", fsLayers: [] }
    for (
      const error of [
        failed(schema1, { contentType: "application/vnd.docker.distribution.manifest.v1+prettyjws" }),
        failed(schema1),
        failed({ a: 1 }, { contentType: "application/vnd.docker.distribution.manifest.v1+json" })
      ]
    ) {
      assert.strictEqual(error._tag, "UnsupportedMediaType")
      assert.match(error.message, /schema 1/)
    }
    assert.strictEqual(failed({ schemaVersion: 2 })._tag, "UnsupportedMediaType")
    assert.strictEqual(failed({ mediaType: "a\u001b/b" })._tag, "UnsupportedMediaType")
  })

  it("lets nothing in through inherited properties", () => {
    const text = `{"__proto__":{"subject":{"digest":"../../x"}},${JSON.stringify(image).slice(1)}`
    const manifest = run(text)
    if (!Manifest.isImage(manifest)) return assert.fail(manifest._tag)
    assert.isUndefined(manifest.content.subject)
    assert.deepStrictEqual(manifest.raw, bytes(text))
  })

  it("fails, and does not die, of nesting that recursion does not bear", () => {
    for (const key of ["config", "schemaVersion", "annotations", "anything"]) {
      const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`
      const error = failed(`{${JSON.stringify(image).slice(1, -1)},"${key}":${deep}}`)
      assert.strictEqual(error._tag, "ManifestInvalid")
    }
  })

  const loose = FastCheck.record({
    schemaVersion: FastCheck.constantFrom(1, 2, "2", null),
    mediaType: FastCheck.oneof(FastCheck.constantFrom(...MediaType.acceptManifests), FastCheck.jsonValue()),
    config: FastCheck.oneof(FastCheck.constant(config), FastCheck.jsonValue()),
    layers: FastCheck.oneof(FastCheck.array(FastCheck.oneof(FastCheck.constant(layer), FastCheck.jsonValue()))),
    manifests: FastCheck.oneof(FastCheck.array(FastCheck.constant(child)), FastCheck.jsonValue()),
    annotations: FastCheck.jsonValue()
  }, { requiredKeys: [] })

  it.prop("never throws, and never changes a byte", [
    FastCheck.oneof(loose.map((json) => JSON.stringify(json)), FastCheck.json(), FastCheck.string()),
    FastCheck.oneof(FastCheck.constantFrom(undefined, ...MediaType.acceptManifests), FastCheck.string())
  ], ([text, contentType]) => {
    const raw = bytes(text)
    const result = Effect.runSync(Effect.either(Manifest.decode(raw, { resource: "x", contentType })))
    if (result._tag === "Left") return assert.notMatch(result.left.message, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    assert.strictEqual(result.right.raw, raw)
    assert.strictEqual(result.right.descriptor.digest, Digest.fromBytes(raw))
    const { blobs, manifests } = Manifest.references(result.right)
    for (const { digest, mediaType } of [...blobs, ...manifests, result.right.descriptor]) {
      assert.isTrue(Digest.isDigest(digest) && Descriptor.isMediaType(mediaType))
    }
  })
})
