/** What a user sees of the client, the same over every `HttpClient`. */
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Credentials from "../../src/Credentials.js"
import * as Digest from "../../src/Digest.js"
import * as MediaType from "../../src/MediaType.js"
import * as RegistryClient from "../../src/RegistryClient.js"
import type { CredentialsError } from "../../src/RegistryError.js"
import { client, type Environment, type Options, Pair, requests, writes } from "../utils/pair.js"
import { image, index, utf8 } from "../utils/samples.js"
import * as seed from "../utils/seed.js"

const six = image(["1", "2", "3", "4", "5", "6"])
const other = image(["1", "other"], { annotations: { other: "image" } })
const both = index([
  { ...six.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
  { ...other.manifest.descriptor, platform: { os: "linux", architecture: "arm64", variant: "v8" } }
])

/** The source holds an image `six`, and an index `both` of it and another one. */
const setting = Effect.gen(function*() {
  const { destination, source } = yield* Pair
  const repository = yield* source.server.repository("app")
  yield* seed.putImage(repository, six, "six")
  yield* seed.putImage(repository, other)
  yield* seed.putManifest(repository, both, "both")
  return {
    source,
    destination,
    from: (target: string) => `${source.name}/app${target.includes(":") ? "@" : ":"}${target}`,
    to: (target: string) => `${destination.name}/copy/app${target.includes(":") ? "@" : ":"}${target}`
  }
})

export const suite = (name: string, environment: Environment) => {
  const test = <E>(
    title: string,
    body: Effect.Effect<void, E, Pair | RegistryClient.RegistryClient | HttpClient.HttpClient>,
    options?: Options & {
      readonly credentials?: (pair: Pair["Type"]) => Layer.Layer<Credentials.Credentials, CredentialsError>
    }
  ) =>
    it.scopedLive(title, () =>
      Effect.gen(function*() {
        const pair = yield* Pair
        yield* Effect.provide(body, client(options?.credentials?.(pair), { retries: 0 }))
      }).pipe(Effect.provide(environment(options))))

  describe(name, () => {
    describe("retrieval", () => {
      test(
        "getImage: descriptor and bytes of an image and of an index",
        Effect.gen(function*() {
          const { from } = yield* setting
          const single = yield* RegistryClient.getImage(from("six"))
          assert.deepStrictEqual(single.raw, six.manifest.raw)
          assert.deepStrictEqual(single.descriptor, six.manifest.descriptor)
          assert.isFalse(single.isIndex)
          assert.isTrue((yield* RegistryClient.getImage(from("both"))).isIndex)
          const byDigest = yield* RegistryClient.getImage(from(both.descriptor.digest))
          assert.deepStrictEqual(byDigest.raw, both.raw)
        })
      )

      test(
        "getImageHandle: config and layers of the platform asked for",
        Effect.gen(function*() {
          const { from } = yield* setting
          const handle = yield* RegistryClient.getImageHandle(from("both"))
          assert.strictEqual(handle.descriptor.digest, six.manifest.descriptor.digest)
          assert.strictEqual((yield* handle.config).os, "linux")
          const bytes = yield* Effect.forEach(handle.layers, ({ content }) => Stream.runCollect(content))
          assert.deepStrictEqual(
            bytes.map((chunks) => Buffer.concat(Chunk.toArray(chunks)).toString()),
            ["1", "2", "3", "4", "5", "6"]
          )
          const arm = yield* RegistryClient.getImageHandle(from("both"), { platform: "linux/arm64" })
          assert.strictEqual(arm.descriptor.digest, other.manifest.descriptor.digest)
          const none = yield* Effect.flip(RegistryClient.getImageHandle(from("both"), { platform: "linux/s390x" }))
          assert.deepInclude(none, { _tag: "PlatformNotFound", available: ["linux/amd64", "linux/arm64"] })
        })
      )

      test(
        "getDigest: one request",
        Effect.gen(function*() {
          const { from, source } = yield* setting
          assert.strictEqual(yield* RegistryClient.getDigest(from("both")), both.descriptor.digest)
          assert.deepStrictEqual(yield* requests(source), ["HEAD /v2/app/manifests/both"])
        })
      )

      test(
        "getDigest: three requests with a bearer token",
        Effect.gen(function*() {
          const { from, source } = yield* setting
          assert.strictEqual(yield* RegistryClient.getDigest(from("both")), both.descriptor.digest)
          const log = yield* source.server.requests
          assert.deepStrictEqual(log.map(({ kind, status }) => [kind, status]), [
            ["headManifest", 401],
            ["token", 200],
            ["headManifest", 200]
          ])
        }),
        { source: { auth: { _tag: "Bearer", anonymousPull: true } } }
      )

      test(
        "getPlatformDigests: by normalised platform",
        Effect.gen(function*() {
          const { from } = yield* setting
          assert.deepStrictEqual(yield* RegistryClient.getPlatformDigests(from("both")), {
            "linux/amd64": six.manifest.descriptor.digest,
            "linux/arm64": other.manifest.descriptor.digest
          })
          const error = yield* Effect.flip(RegistryClient.getPlatformDigests(from("six")))
          assert.strictEqual(error._tag, "GetImageIndexError")
          assert.include(error.message, "is not an index")
        })
      )

      test(
        "checkExists: false for a tag that is missing, in one request",
        Effect.gen(function*() {
          const { from, source } = yield* setting
          assert.isTrue(yield* RegistryClient.checkExists(from("both")))
          yield* source.server.clearRequests
          assert.isFalse(yield* RegistryClient.checkExists(from("missing")))
          assert.deepStrictEqual(yield* requests(source), ["HEAD /v2/app/manifests/missing"])
        })
      )

      test(
        "checkExists: everything but a 404 is an error, each its own",
        Effect.gen(function*() {
          const { from, source } = yield* setting
          const causes = [
            [{ _tag: "Status", status: 401, code: "UNAUTHORIZED" }, "Unauthorized"],
            [{ _tag: "Status", status: 403, code: "DENIED" }, "Denied"],
            [{ _tag: "RateLimit" }, "RateLimited"],
            [{ _tag: "Status", status: 500 }, "UnexpectedStatus"],
            [{ _tag: "Refuse" }, "TransportError"]
          ] as const
          for (const [action, cause] of causes) {
            yield* source.server.setFaults([{ nth: "always", action }])
            const error = yield* Effect.flip(RegistryClient.checkExists(from("missing")))
            assert.strictEqual(error._tag === "GetImageError" ? error.cause._tag : error._tag, cause)
          }
        })
      )

      test(
        "NotFound is apart from every other failure",
        Effect.gen(function*() {
          const { from, source } = yield* setting
          const missing = yield* Effect.flip(RegistryClient.getDigest(from("missing")))
          assert.deepInclude(missing, { _tag: "NotFound", resource: "manifest" })
          yield* source.server.setFaults([{ nth: "always", action: { _tag: "Status", status: 500 } }])
          const broken = yield* Effect.flip(RegistryClient.getDigest(from("both")))
          assert.strictEqual(broken._tag, "GetImageError")
        })
      )
    })

    describe("copying", () => {
      test(
        "an image: three requests of the destination for a blob, the tag last, the bytes the same",
        Effect.gen(function*() {
          const { destination, from, to } = yield* setting
          const result = yield* RegistryClient.copyImage(from("six"), to("v1"))
          assert.deepInclude(result, { digest: six.manifest.descriptor.digest, outcome: "Copied" })
          const log = yield* destination.server.requests
          assert.strictEqual(log.length, 1 + 3 * 7 + 1)
          for (const kind of ["headBlob", "startUpload", "putUpload"]) {
            assert.strictEqual(log.filter((request) => request.kind === kind).length, 7)
          }
          assert.deepInclude(log.at(-1), { method: "PUT", path: "/v2/copy/app/manifests/v1" })
          const copied = yield* RegistryClient.getImage(to("v1"))
          assert.deepStrictEqual(copied.raw, six.manifest.raw)
          assert.strictEqual(yield* destination.server.openUploads, 0)
        })
      )

      test(
        "an index, and again: no write, one request to each side",
        Effect.gen(function*() {
          const { destination, from, source, to } = yield* setting
          const result = yield* RegistryClient.copyIndex(from("both"), to("v1"))
          assert.deepInclude(result, { digest: both.descriptor.digest, outcome: "Copied" })
          const list = yield* RegistryClient.getImage(to("v1"))
          assert.deepStrictEqual(list.raw, both.raw)
          for (const child of [six, other]) {
            const { raw } = yield* RegistryClient.getImage(to(child.manifest.descriptor.digest))
            assert.deepStrictEqual(raw, child.manifest.raw)
          }
          yield* source.server.clearRequests
          yield* destination.server.clearRequests
          const again = yield* RegistryClient.copyIndex(from("both"), to("v1"))
          assert.strictEqual(again.outcome, "Skipped")
          assert.deepStrictEqual(yield* requests(source), ["HEAD /v2/app/manifests/both"])
          assert.deepStrictEqual(yield* requests(destination), ["HEAD /v2/copy/app/manifests/v1"])
        }),
        { destination: { strict: true } }
      )

      test(
        "one platform's image, by platform and by digest",
        Effect.gen(function*() {
          const { destination, from, to } = yield* setting
          const { digest } = other.manifest.descriptor
          yield* RegistryClient.copyPlatformImage(from("both"), "linux/arm64", to("arm"))
          yield* RegistryClient.copyPlatformImage(from("both"), digest, to("arm-by-digest"))
          yield* RegistryClient.copyImage(from("both"), to("arm-too"), { platform: "linux/arm64" })
          yield* RegistryClient.copy(from("both"), to("arm-again"), { platform: "linux/arm64" })
          for (const tag of ["arm", "arm-by-digest", "arm-too", "arm-again"]) {
            assert.strictEqual(yield* RegistryClient.getDigest(to(tag)), digest)
          }
          yield* destination.server.clearRequests
          const error = yield* Effect.flip(RegistryClient.copyPlatformImage(from("both"), "sha256:123", to("x")))
          assert.deepInclude(error, { _tag: "ParseReferenceError", role: "source", reason: "BadDigest" })
          assert.deepStrictEqual(yield* requests(destination), [])
        })
      )

      test(
        "between repositories of one registry: mounted, nothing moved",
        Effect.gen(function*() {
          const { from, source } = yield* setting
          const result = yield* RegistryClient.copyIndex(from("both"), `${source.name}/production/app:v1`)
          assert.isTrue(result.blobs.every((blob) => blob.outcome === "Mounted"))
          assert.strictEqual(result.bytes, 0)
          const log = yield* source.server.requests
          assert.strictEqual(log.filter((request) => request.kind === "getBlob").length, 0)
        })
      )

      test(
        "says to use copyIndex for an index, and the other way about",
        Effect.gen(function*() {
          const { destination, from, to } = yield* setting
          const isIndex = yield* Effect.flip(RegistryClient.copyImage(from("both"), to("v1")))
          assert.deepInclude(isIndex, { _tag: "CopyError", side: "source" })
          assert.include(isIndex.message, "copyIndex")
          const isImage = yield* Effect.flip(RegistryClient.copyIndex(from("six"), to("v1")))
          assert.strictEqual(isImage._tag, "GetImageIndexError")
          assert.include(isImage.message, "copyImage")
          assert.deepStrictEqual(yield* writes(destination), [])
          yield* RegistryClient.copy(from("six"), to("v1"))
          yield* RegistryClient.copy(from("both"), to("v1"))
          assert.strictEqual(yield* RegistryClient.getDigest(to("v1")), both.descriptor.digest)
        })
      )

      test(
        "a missing source is NotFound, and the destination is not written",
        Effect.gen(function*() {
          const { destination, from, to } = yield* setting
          const error = yield* Effect.flip(RegistryClient.copyImage(from("missing"), to("v1")))
          assert.deepInclude(error, { _tag: "NotFound", side: "source" })
          assert.deepStrictEqual(yield* writes(destination), [])
        })
      )

      test(
        "a destination that refuses is a CopyError with its side and what it said, and leaves no tag and no session",
        Effect.gen(function*() {
          const { destination, from, to } = yield* setting
          yield* destination.server.setFaults([
            { kind: "putUpload", nth: "always", action: { _tag: "Status", status: 403, code: "DENIED", message: "no" } }
          ])
          const error = yield* Effect.flip(RegistryClient.copyImage(from("six"), to("v1")))
          assert.deepInclude(error, { _tag: "CopyError", side: "destination" })
          assert.include(error.message, "DENIED")
          assert.isFalse(yield* RegistryClient.checkExists(to("v1")))
          assert.strictEqual(yield* destination.server.openUploads, 0)
        })
      )

      test(
        "corrupt content of the source is never tagged",
        Effect.gen(function*() {
          const { destination, from, source, to } = yield* setting
          yield* source.server.setFaults([{ kind: "getBlob", nth: "always", action: { _tag: "CorruptBody" } }])
          const error = yield* Effect.flip(RegistryClient.copyImage(from("six"), to("v1")))
          assert.deepInclude(error, { _tag: "CopyError", side: "source" })
          assert.isFalse(yield* RegistryClient.checkExists(to("v1")))
          assert.strictEqual(yield* destination.server.openUploads, 0)
        })
      )

      test(
        "credentials of the one side are not seen by the other",
        Effect.gen(function*() {
          const { destination, from, source, to } = yield* setting
          yield* RegistryClient.copyIndex(from("both"), to("v1"))
          assert.isTrue((yield* source.server.requests).every(({ authorization }) => authorization === "none"))
          assert.strictEqual(yield* RegistryClient.getDigest(to("v1")), both.descriptor.digest)
          assert.isTrue((yield* destination.server.requests).some(({ authorization }) => authorization === "Basic"))
        }),
        {
          destination: { auth: { _tag: "Basic", users: { ci: "secret" } } },
          credentials: ({ destination }) =>
            Credentials.layerBasic({ registry: destination.name, username: "ci", password: Redacted.make("secret") })
        }
      )

      test(
        "another client for the destination",
        Effect.gen(function*() {
          const { destination, from, to } = yield* setting
          const error = yield* Effect.flip(RegistryClient.copyIndex(from("both"), to("v1")))
          assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "Unauthorized")
          assert.notInclude(JSON.stringify(error), "secret")
          const other = yield* Effect.provide(
            RegistryClient.make(),
            Credentials.layerBasic({ registry: destination.name, username: "ci", password: Redacted.make("secret") })
          )
          const result = yield* RegistryClient.copyIndex(from("both"), to("v1"), { destination: other })
          assert.strictEqual(result.digest, both.descriptor.digest)
        }),
        { destination: { auth: { _tag: "Basic", users: { ci: "secret" } } } }
      )
    })

    describe("manifest lists", () => {
      test(
        "of images that live elsewhere, with the same digest whatever the order",
        Effect.gen(function*() {
          const { from, to } = yield* setting
          const amd64 = yield* RegistryClient.getImageHandle(from("both"))
          const arm64 = yield* RegistryClient.getImageHandle(from("both"), { platform: "linux/arm64" })
          const one = yield* RegistryClient.pushManifestList(to("one"), { "linux/amd64": amd64, "linux/arm64": arm64 })
          const two = yield* RegistryClient.pushManifestList(to("two"), { "linux/arm64": arm64, "linux/amd64": amd64 })
          assert.strictEqual(one, two)
          const list = yield* RegistryClient.getImage(to("one"))
          assert.strictEqual(list.descriptor.digest, one)
          assert.strictEqual(list.descriptor.mediaType, MediaType.ociIndex)
          assert.deepStrictEqual(yield* RegistryClient.getPlatformDigests(to("two")), {
            "linux/amd64": six.manifest.descriptor.digest,
            "linux/arm64": other.manifest.descriptor.digest
          })
        }),
        { destination: { strict: true } }
      )

      test(
        "an empty map and a malformed platform are errors before any request",
        Effect.gen(function*() {
          const { destination, from, source, to } = yield* setting
          const handle = yield* RegistryClient.getImageHandle(from("six"))
          yield* source.server.clearRequests
          const empty = yield* Effect.flip(RegistryClient.pushManifestList(to("v1"), {}))
          assert.strictEqual(empty._tag, "PushManifestError")
          const malformed = yield* Effect.flip(
            RegistryClient.pushManifestList(to("v1"), { "linux/amd64/v1/x": handle })
          )
          assert.strictEqual(malformed._tag, "ParsePlatformError")
          assert.deepStrictEqual(yield* requests(source), [])
          assert.deepStrictEqual(yield* requests(destination), [])
        })
      )
    })

    describe("registries", () => {
      test(
        "ping, tags and repositories",
        Effect.gen(function*() {
          const { from, source } = yield* setting
          yield* RegistryClient.ping(source.name)
          for (const tag of ["a", "b", "c"]) {
            assert.strictEqual(yield* RegistryClient.tagImage(from("six"), tag), six.manifest.descriptor.digest)
          }
          const tags = yield* Stream.runCollect(RegistryClient.listTags(`${source.name}/app`))
          assert.deepStrictEqual(Chunk.toArray(tags), ["a", "b", "both", "c", "six"])
          const repositories = yield* Stream.runCollect(RegistryClient.listRepositories(source.name))
          assert.deepStrictEqual(Chunk.toArray(repositories), ["app"])
          const missing = yield* Effect.flip(Stream.runDrain(RegistryClient.listTags(`${source.name}/none`)))
          assert.deepInclude(missing, { _tag: "NotFound", resource: "repository" })
        }),
        { source: { quirks: { pageSize: 2 } } }
      )

      test(
        "referrers of a tag, and of a digest without another request",
        Effect.gen(function*() {
          const { from, source } = yield* setting
          const repository = yield* source.server.repository("app")
          const subject = six.manifest.descriptor
          const [sbom, signature] = ["application/vnd.example.sbom", "application/vnd.example.signature"].map(
            (artifactType) => image([], { subject, artifactType }).manifest
          )
          yield* seed.putManifest(repository, sbom!)
          yield* seed.putManifest(repository, signature!)
          const found = yield* Stream.runCollect(RegistryClient.listReferrers(from("six")))
          assert.sameMembers(
            Chunk.toArray(found).map(({ digest }) => digest),
            [sbom!.descriptor.digest, signature!.descriptor.digest]
          )
          const typed = yield* Stream.runCollect(
            RegistryClient.listReferrers(from(subject.digest), { artifactType: "application/vnd.example.sbom" })
          )
          assert.deepStrictEqual(Chunk.toArray(typed), [
            { ...sbom!.descriptor, artifactType: "application/vnd.example.sbom" }
          ])
          assert.deepStrictEqual(yield* requests(source), [
            "HEAD /v2/app/manifests/six",
            `GET /v2/app/referrers/${subject.digest}`,
            `GET /v2/app/referrers/${subject.digest}`
          ])
          const none = yield* Stream.runCollect(RegistryClient.listReferrers(from(other.manifest.descriptor.digest)))
          assert.strictEqual(none.length, 0)
          const missing = yield* Effect.flip(Stream.runDrain(RegistryClient.listReferrers(from("none"))))
          assert.deepInclude(missing, { _tag: "NotFound", resource: "manifest" })
        })
      )

      test(
        "deletes a tag alone, and an image with its tags",
        Effect.gen(function*() {
          const { from } = yield* setting
          yield* RegistryClient.tagImage(from("six"), "again")
          yield* RegistryClient.deleteTag(from("again"))
          assert.isFalse(yield* RegistryClient.checkExists(from("again")))
          assert.isTrue(yield* RegistryClient.checkExists(from("six")))
          yield* RegistryClient.deleteImage(from("six"))
          assert.isFalse(yield* RegistryClient.checkExists(from("six")))
          assert.isFalse(yield* RegistryClient.checkExists(from(six.manifest.descriptor.digest)))
          const missing = yield* Effect.flip(RegistryClient.deleteImage(from("six")))
          assert.strictEqual(missing._tag, "NotFound")
        })
      )

      test(
        "says so when a registry does not delete",
        Effect.gen(function*() {
          const { from } = yield* setting
          const error = yield* Effect.flip(RegistryClient.deleteTag(from("six")))
          assert.deepInclude(error, { _tag: "RegistryOperationError", operation: "deleteTag" })
        }),
        { source: { quirks: { deletes: false } } }
      )

      test(
        "the repository itself, for blobs",
        Effect.gen(function*() {
          const { destination } = yield* setting
          const repository = yield* RegistryClient.repository(`${destination.name}/blobs`, { access: "write" })
          const raw = utf8("a blob")
          const blob = { digest: Digest.fromBytes(raw), size: raw.byteLength }
          assert.isFalse(yield* repository.hasBlob(blob.digest))
          assert.strictEqual(yield* repository.putBlob(blob, Stream.make(raw)), "Uploaded")
          assert.isTrue(yield* repository.hasBlob(blob.digest))
          const back = yield* Stream.runCollect(repository.getBlob(blob))
          assert.deepStrictEqual(Buffer.concat(Chunk.toArray(back)), Buffer.from(raw))
          const unknown = Stream.make(utf8("a stream "), utf8("of unknown "), utf8("length"))
          const uploaded = yield* repository.uploadBlob?.(unknown, { algorithm: "sha512" }) ?? Effect.die("no upload")
          assert.deepStrictEqual(uploaded, {
            digest: Digest.fromBytes(utf8("a stream of unknown length"), "sha512"),
            size: 26
          })
          assert.isTrue(yield* repository.hasBlob(uploaded.digest))
          assert.strictEqual(yield* destination.server.openUploads, 0)
        })
      )
    })

    describe("bad input is an error before any request", () => {
      test(
        "references, by role",
        Effect.gen(function*() {
          const { destination, from, source, to } = yield* setting
          yield* source.server.clearRequests
          const bad = "Not A Reference"
          const roles = [
            [yield* Effect.flip(RegistryClient.getImage(bad)), "image"],
            [yield* Effect.flip(RegistryClient.getImageHandle(bad)), "image"],
            [yield* Effect.flip(RegistryClient.getDigest(bad)), "image"],
            [yield* Effect.flip(RegistryClient.getPlatformDigests(bad)), "image"],
            [yield* Effect.flip(RegistryClient.checkExists(bad)), "image"],
            [yield* Effect.flip(RegistryClient.copy(bad, to("v1"))), "source"],
            [yield* Effect.flip(RegistryClient.copyImage(bad, to("v1"))), "source"],
            [yield* Effect.flip(RegistryClient.copyIndex(from("both"), bad)), "destination"],
            [yield* Effect.flip(RegistryClient.copyPlatformImage(from("both"), "linux/amd64", bad)), "destination"],
            [yield* Effect.flip(RegistryClient.pushManifestList(bad, {})), "manifest"]
          ] as const
          for (const [error, role] of roles) {
            assert.deepInclude(error, { _tag: "ParseReferenceError", input: bad, role })
          }
          const platform = yield* Effect.flip(RegistryClient.copyImage(from("both"), to("v1"), { platform: "a/b/c/d" }))
          assert.strictEqual(platform._tag, "ParsePlatformError")
          const handle = yield* Effect.flip(RegistryClient.getImageHandle(from("both"), { platform: "" }))
          assert.strictEqual(handle._tag, "ParsePlatformError")
          const tag = yield* Effect.flip(RegistryClient.tagImage(from("six"), "not a tag"))
          assert.deepInclude(tag, { _tag: "ParseReferenceError", reason: "BadTag" })
          assert.deepStrictEqual(yield* requests(source), [])
          assert.deepStrictEqual(yield* requests(destination), [])
        })
      )
    })
  })
}
