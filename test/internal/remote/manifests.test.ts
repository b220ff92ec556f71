import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Descriptor from "../../../src/Descriptor.js"
import * as Digest from "../../../src/Digest.js"
import * as MediaType from "../../../src/MediaType.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import { type Answer, name, origin, registry, script } from "./scripted.js"

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const config = Descriptor.fromBytes(text({}), MediaType.ociConfig)
const raw = text({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [] })
const descriptor = Descriptor.fromBytes(raw, MediaType.ociManifest)
const { digest } = descriptor
const path = `/v2/${name}/manifests`
const headers = {
  "content-type": MediaType.ociManifest,
  "content-length": String(raw.byteLength),
  "docker-content-digest": digest
}
const without = (header: keyof typeof headers) => {
  const { [header]: _, ...rest } = headers
  return rest
}
const other = Digest.fromBytes(text("other"))

describe("resolve", () => {
  it.effect("takes one HEAD when the headers tell all", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([{ headers }])
      assert.deepStrictEqual(yield* repository.resolve("v1"), descriptor)
      assert.deepStrictEqual(lines(), [`HEAD ${path}/v1`])
      assert.strictEqual(seen[0]?.headers["accept"], MediaType.acceptManifests.join(", "))
      assert.deepStrictEqual(seen[0]?.request.scopes, [`repository:${name}:pull`])
    }))

  for (const header of ["content-type", "content-length", "docker-content-digest"] as const) {
    it.effect(`asks with a GET when the HEAD has no ${header}`, () =>
      Effect.gen(function*() {
        const { lines, repository } = yield* script([{ headers: without(header) }, {
          headers: without("docker-content-digest"),
          body: raw
        }])
        assert.deepStrictEqual(yield* repository.resolve("v1"), descriptor)
        assert.deepStrictEqual(lines(), [`HEAD ${path}/v1`, `GET ${path}/v1`])
      }))
  }

  for (
    const [what, bad] of [
      ["a malformed digest", { ...headers, "docker-content-digest": "sha256:xyz" }],
      ["a malformed length", { ...headers, "content-length": "-1" }],
      ["the length of encoded content", { ...headers, "content-length": "7", "content-encoding": "gzip" }],
      ["a generic type", { ...headers, "content-type": "text/plain" }],
      ["a web page's type", { ...headers, "content-type": "text/html; charset=utf-8" }]
    ] as const
  ) {
    it.effect(`asks with a GET when the HEAD has ${what}`, () =>
      Effect.gen(function*() {
        const { repository, seen } = yield* script([{ headers: bad }, { headers, body: raw }])
        assert.deepStrictEqual(yield* repository.resolve("v1"), descriptor)
        assert.strictEqual(seen.length, 2)
      }))
  }

  for (const status of [400, 405, 500, 501]) {
    it.effect(`asks with a GET when a HEAD is answered ${status}`, () =>
      Effect.gen(function*() {
        const { repository, seen } = yield* script([{ status }, { headers, body: raw }])
        assert.deepStrictEqual(yield* repository.resolve("v1"), descriptor)
        assert.strictEqual(seen.length, 2)
      }))
  }

  it.effect("needs no digest header for what is asked for by digest", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ headers: without("docker-content-digest") }])
      assert.deepStrictEqual(yield* repository.resolve(digest), descriptor)
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("does not accept another digest than the one asked for", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ headers: { ...headers, "docker-content-digest": other } }])
      const error = yield* Effect.flip(repository.resolve(digest))
      assert.strictEqual(error._tag, "DigestMismatch")
    }))

  it.effect("finds a missing tag with exactly one request", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ status: 404 }])
      const error = yield* Effect.flip(repository.resolve("v1"))
      assert.strictEqual(error._tag, "NotFound")
      assert.strictEqual(error.message, `manifest ${registry}/${name}:v1 was not found`)
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("asks a GET for the words of a 403", () =>
    Effect.gen(function*() {
      const body = JSON.stringify({ errors: [{ code: "DENIED", message: "key vault is locked" }] })
      const { repository, seen } = yield* script([{ status: 403 }, { status: 403, body }])
      const error = yield* Effect.flip(repository.resolve("v1"))
      assert.strictEqual(error._tag, "Denied")
      assert.include(error.message, "key vault is locked")
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("keeps the 403 when the GET for its words fails otherwise", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 403 }, { status: 500 }])
      assert.strictEqual((yield* Effect.flip(repository.resolve("v1")))._tag, "Denied")
    }))

  it.effect("asks nothing more after a 401, a 429 or a 503", () =>
    Effect.gen(function*() {
      for (const [status, tag] of [[401, "Unauthorized"], [429, "RateLimited"], [503, "UnexpectedStatus"]] as const) {
        const { repository, seen } = yield* script([{ status }])
        assert.strictEqual((yield* Effect.flip(repository.resolve("v1")))._tag, tag)
        assert.strictEqual(seen.length, 1)
      }
    }))

  it.effect("sends nothing for names, tags and digests that are none", () =>
    Effect.gen(function*() {
      for (const bad of ["", "a/b", "-x", "..", "a?b", "sha256:abc", "x".repeat(129), "../../v2/x"]) {
        const { repository, seen } = yield* script([])
        for (const method of ["resolve", "getManifest", "deleteManifest"] as const) {
          assert.strictEqual(
            (yield* Effect.flip<unknown, { _tag: string }, never>(repository[method](bad)))._tag,
            "InvalidInput"
          )
        }
        assert.strictEqual(seen.length, 0)
      }
      const { repository } = yield* script([], { name: "Team/../App" })
      assert.strictEqual((yield* Effect.flip(repository.resolve("v1")))._tag, "InvalidInput")
    }))
})

describe("getManifest", () => {
  it.effect("gives the bytes as they came", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([{ headers, body: raw }])
      const manifest = yield* repository.getManifest("v1")
      assert.deepStrictEqual(Array.from(manifest.raw), Array.from(raw))
      assert.deepStrictEqual(manifest.descriptor, descriptor)
      assert.strictEqual(manifest._tag, "Image")
      assert.deepStrictEqual(lines(), [`GET ${path}/v1`])
    }))

  it.effect("verifies what it asked for by digest, and fetches once more what is wrong", () =>
    Effect.gen(function*() {
      const retries: Array<RegistryConfig.Retry> = []
      const damaged = raw.slice()
      damaged[7] = 0
      const { lines, repository } = yield* script(
        [{ body: damaged }, { headers, body: raw }, { headers, body: damaged }, { headers, body: damaged }],
        { config: { onRetry: (retry) => Effect.sync(() => retries.push(retry)) } }
      )
      assert.deepStrictEqual(Array.from((yield* repository.getManifest(digest)).raw), Array.from(raw))
      assert.strictEqual((yield* Effect.flip(repository.getManifest(digest)))._tag, "DigestMismatch")
      assert.deepStrictEqual(lines(), Array.from({ length: 4 }, () => `GET ${path}/${digest}`))
      assert.deepStrictEqual(retries.map(({ attempt, reason, url }) => [attempt, reason, url]), [
        [1, "DigestMismatch", `${origin}${path}/${digest}`],
        [1, "DigestMismatch", `${origin}${path}/${digest}`]
      ])
    }))

  it.effect("verifies a tag's content by the digest in the answer, with that digest's algorithm", () =>
    Effect.gen(function*() {
      const sha512 = Digest.fromBytes(raw, "sha512")
      const { repository } = yield* script([
        { headers: { ...headers, "docker-content-digest": other }, body: raw },
        { headers: { ...headers, "docker-content-digest": other }, body: raw },
        { headers: { ...headers, "docker-content-digest": sha512 }, body: raw }
      ])
      assert.strictEqual((yield* Effect.flip(repository.getManifest("v1")))._tag, "DigestMismatch")
      assert.strictEqual((yield* repository.getManifest("v1")).descriptor.digest, sha512)
    }))

  it.effect("accepts an expected media type of its own, and checks size and type", () =>
    Effect.gen(function*() {
      const mediaType = "application/vnd.example.bundle.v1+json"
      const { repository, seen } = yield* script([
        { headers: { "content-type": mediaType }, body: "{}" },
        { headers, body: raw },
        { headers, body: raw }
      ])
      const bundle = Descriptor.fromBytes(text({}), mediaType)
      const found = yield* repository.getManifest(bundle.digest, { expected: bundle })
      assert.strictEqual(found.descriptor.mediaType, mediaType)
      assert.include(seen[0]?.headers["accept"], mediaType)
      const error = yield* Effect.flip(repository.getManifest(digest, { expected: { ...descriptor, size: 7 } }))
      assert.strictEqual(error._tag, "SizeMismatch")
    }))

  it.effect("checks the digest alone where nothing else is expected", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([{ headers, body: raw }, { headers, body: raw }, { body: "{}" }, {
        body: "{}"
      }])
      for (const reference of ["v1", digest]) {
        assert.deepStrictEqual(
          (yield* repository.getManifest(reference, { expected: { digest } })).descriptor,
          descriptor
        )
      }
      const error = yield* Effect.flip(repository.getManifest("v1", { expected: { digest } }))
      assert.strictEqual(error._tag, "DigestMismatch")
      assert.deepStrictEqual(lines(), ["v1", digest, "v1", "v1"].map((reference) => `GET ${path}/${reference}`))
    }))

  it.effect("reads no manifest over the limit, and does not ask for one that says it is", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ headers, body: raw }], { config: { maxManifestSize: 64 } })
      const error = yield* Effect.flip(repository.getManifest("v1"))
      assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "TooLarge")
      assert.strictEqual(
        (yield* Effect.flip(repository.getManifest(digest, { expected: descriptor })))._tag,
        "ManifestInvalid"
      )
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("says clearly that schema 1 is not supported", () =>
    Effect.gen(function*() {
      const schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
      const answer = { headers: { "content-type": schema1 }, body: JSON.stringify({ schemaVersion: 1 }) }
      const { repository } = yield* script([answer, { ...answer, headers: { ...headers, ...answer.headers } }, answer])
      assert.include((yield* Effect.flip(repository.getManifest("v1"))).message, "schema 1")
      assert.include((yield* Effect.flip(repository.resolve("v1"))).message, "schema 1")
    }))

  it.effect("keeps what the registry says of a missing manifest", () =>
    Effect.gen(function*() {
      const body = JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "gone" }] })
      const { repository } = yield* script([{ status: 404, body }])
      const error = yield* Effect.flip(repository.getManifest("v1"))
      assert.deepStrictEqual(error._tag === "NotFound" ? error.errors.map((e) => e.code) : [], ["MANIFEST_UNKNOWN"])
    }))

  it.effect("sends nothing for an expectation that contradicts the digest, or one that cannot be verified", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([])
      const blake = `blake3:${"a".repeat(64)}`
      assert.strictEqual(
        (yield* Effect.flip(repository.getManifest(other, { expected: descriptor })))._tag,
        "InvalidInput"
      )
      assert.strictEqual((yield* Effect.flip(repository.getManifest(blake)))._tag, "InvalidInput")
      assert.strictEqual(seen.length, 0)
    }))
})

describe("putManifest", () => {
  it.effect("puts the bytes with their own type, by tag or by digest", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([
        { status: 201, headers: { "docker-content-digest": digest } },
        { status: 202 }
      ])
      assert.strictEqual(yield* repository.putManifest({ descriptor, raw }, { tag: "v1" }), digest)
      assert.strictEqual(yield* repository.putManifest({ descriptor, raw }), digest)
      assert.deepStrictEqual(lines(), [`PUT ${path}/v1`, `PUT ${path}/${digest}`])
      assert.deepStrictEqual(Array.from(seen[0]?.body ?? []), Array.from(raw))
      assert.strictEqual(seen[0]?.request.body?.contentType, MediaType.ociManifest)
      assert.isTrue(seen[0]?.request.replay)
      assert.deepStrictEqual(seen[0]?.request.scopes, [`repository:${name}:pull,push`])
    }))

  it.effect("does not accept that the registry stored something else", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 201, headers: { "docker-content-digest": other } }])
      assert.strictEqual((yield* Effect.flip(repository.putManifest({ descriptor, raw })))._tag, "DigestMismatch")
    }))

  it.effect("reports all blobs that the registry misses", () =>
    Effect.gen(function*() {
      for (const status of [400, 404]) {
        const errors = ["a", "b"].map((digest) => ({
          code: "MANIFEST_BLOB_UNKNOWN",
          message: digest,
          detail: { digest }
        }))
        const { repository } = yield* script([{ status, body: JSON.stringify({ errors }) }])
        const error = yield* Effect.flip(repository.putManifest({ descriptor, raw }))
        assert.strictEqual(error._tag === "ManifestInvalid" ? error.errors.length : error._tag, 2)
      }
    }))

  it.effect("tells a manifest that is too large and a repository that is not there apart", () =>
    Effect.gen(function*() {
      const body = JSON.stringify({ errors: [{ code: "NAME_UNKNOWN" }] })
      const { repository } = yield* script([{ status: 413 }, { status: 404, body }])
      assert.include((yield* Effect.flip(repository.putManifest({ descriptor, raw }))).message, "larger")
      const error = yield* Effect.flip(repository.putManifest({ descriptor, raw }))
      assert.strictEqual(error._tag === "NotFound" ? error.resource : error._tag, "repository")
    }))

  it.effect("tags what has a sha512 digest by that digest, and again where the registry did not", () =>
    Effect.gen(function*() {
      const sha512 = { ...descriptor, digest: Digest.fromBytes(raw, "sha512") }
      const { lines, repository } = yield* script([
        { status: 201, headers: { "oci-tag": "v1" } },
        { status: 201 },
        { status: 201 }
      ])
      yield* repository.putManifest({ descriptor: sha512, raw }, { tag: "v1" })
      yield* repository.putManifest({ descriptor: sha512, raw }, { tag: "v1" })
      assert.deepStrictEqual(lines(), [
        `PUT ${path}/${sha512.digest}?tag=v1`,
        `PUT ${path}/${sha512.digest}?tag=v1`,
        `PUT ${path}/v1`
      ])
    }))

  const said = (status: number, code: string, message: string): Answer => ({
    status,
    body: JSON.stringify({ errors: [{ code, message }] })
  })
  const immutable: ReadonlyArray<readonly [string, Answer]> = [
    ["ECR", said(400, "TAG_INVALID", "The image tag 'v1' already exists and cannot be overwritten")],
    ["Docker Hub", said(403, "DENIED", "tag v1 is immutable")],
    ["Quay", said(409, "TAG_IMMUTABLE", "")],
    ["Harbor", said(412, "PRECONDITION", "Failed to process request due to 'app:v1' configured as immutable.")]
  ]
  for (const [who, refusal] of immutable) {
    it.effect(`${who}: finds what it refuses to put under an immutable tag there already, or something else`, () =>
      Effect.gen(function*() {
        const there = { headers }
        const { lines, repository } = yield* script([
          refusal,
          there,
          refusal,
          { headers: { ...headers, "docker-content-digest": other } }
        ])
        assert.strictEqual(yield* repository.putManifest({ descriptor, raw }, { tag: "v1" }), digest)
        const error = yield* Effect.flip(repository.putManifest({ descriptor, raw }, { tag: "v1" }))
        assert.strictEqual(error._tag === "AlreadyExists" ? error.digest : error._tag, other)
        assert.include(error.message, JSON.parse(String(refusal.body)).errors[0].code)
        const both = [`PUT ${path}/v1`, `HEAD ${path}/v1`]
        assert.deepStrictEqual(lines(), [...both, ...both])
      }))
  }

  it.effect("takes the same bytes by another algorithm for the same", () =>
    Effect.gen(function*() {
      const sha512 = { ...descriptor, digest: Digest.fromBytes(raw, "sha512") }
      const { repository } = yield* script([{ status: 201 }, { status: 409 }, { headers }])
      assert.strictEqual(yield* repository.putManifest({ descriptor: sha512, raw }, { tag: "v1" }), sha512.digest)
    }))

  it.effect("keeps a refusal that is not about an immutable tag, whatever the tag names", () =>
    Effect.gen(function*() {
      const elsewhere = { headers: { ...headers, "docker-content-digest": other } }
      for (
        const [refusal, found, tag] of [
          [said(403, "DENIED", "no push for you"), elsewhere, "Denied"],
          [said(400, "MANIFEST_INVALID", "bad"), elsewhere, "ManifestInvalid"],
          [said(409, "TAG_IMMUTABLE", ""), { status: 404 }, "ManifestInvalid"],
          [said(412, "PRECONDITION", ""), { status: 401 }, "UnexpectedStatus"]
        ] as const
      ) {
        const { repository } = yield* script([refusal, found])
        const error = yield* Effect.flip(repository.putManifest({ descriptor, raw }, { tag: "v1" }))
        assert.strictEqual(error._tag, tag)
      }
    }))

  it.effect("does not ask what a tag names when content is missing, nor for what is put by digest", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        said(400, "MANIFEST_BLOB_UNKNOWN", ""),
        said(409, "TAG_IMMUTABLE", "")
      ])
      for (const tag of ["v1", undefined]) {
        const error = yield* Effect.flip(repository.putManifest({ descriptor, raw }, { tag }))
        assert.strictEqual(error._tag, "ManifestInvalid")
      }
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("says what the registry said of a repository that is not there, and what to do", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([said(404, "NAME_UNKNOWN", "no such repository")])
      const error = yield* Effect.flip(repository.putManifest({ descriptor, raw }))
      assert.include(error.message, "NAME_UNKNOWN (no such repository)")
      assert.include(error.message, "may have to be created first")
    }))

  it.effect("sends nothing that could not be read back", () =>
    Effect.gen(function*() {
      const put = (content: unknown, mediaType: string, bytes = text(content)) =>
        Effect.gen(function*() {
          const { repository, seen } = yield* script([], { config: { maxManifestSize: 1024 } })
          const error = yield* Effect.flip(
            repository.putManifest({ descriptor: Descriptor.fromBytes(bytes, mediaType), raw: bytes }, { tag: "v1" })
          )
          assert.strictEqual(seen.length, 0)
          return error._tag
        })
      const whole = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [] }
      assert.strictEqual(
        yield* put({ ...whole, annotations: { long: "x".repeat(1024) } }, MediaType.ociManifest),
        "ManifestInvalid"
      )
      assert.strictEqual(yield* put(undefined, MediaType.ociManifest, text("cut").subarray(1)), "ManifestInvalid")
      assert.strictEqual(yield* put({ ...whole, config: undefined }, MediaType.ociManifest), "ManifestInvalid")
      assert.strictEqual(yield* put({ ...whole, manifests: [] }, MediaType.ociManifest), "ManifestInvalid")
      assert.strictEqual(yield* put(whole, MediaType.ociIndex), "ManifestInvalid")
      assert.strictEqual(yield* put({ ...whole, schemaVersion: 1 }, MediaType.ociManifest), "UnsupportedMediaType")
    }))

  it.effect("sends nothing with more entries than are read back", () =>
    Effect.gen(function*() {
      for (
        const [field, mediaType] of [["layers", MediaType.ociManifest], ["manifests", MediaType.ociIndex]] as const
      ) {
        for (const [entries, requests] of [[10_000, 1], [10_001, 0]] as const) {
          const bytes = text({
            schemaVersion: 2,
            mediaType,
            ...(field === "layers" ? { config } : {}),
            [field]: Array.from({ length: entries }, () => field === "layers" ? config : descriptor)
          })
          const sent = Descriptor.fromBytes(bytes, mediaType)
          const { repository, seen } = yield* script(
            requests === 0 ? [] : [{ status: 201, headers: { "docker-content-digest": sent.digest } }]
          )
          const result = yield* Effect.either(repository.putManifest({ descriptor: sent, raw: bytes }))
          assert.strictEqual(
            result._tag === "Left" ? result.left._tag : result.right,
            requests === 0 ? "ManifestInvalid" : sent.digest
          )
          assert.strictEqual(seen.length, requests)
        }
      }
    }))

  it.effect("sends nothing that does not fit its descriptor", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([])
      const put = (change: Partial<Descriptor.Descriptor>, tag?: string) =>
        Effect.map(
          Effect.flip(repository.putManifest({ descriptor: { ...descriptor, ...change }, raw }, { tag })),
          (error) => error._tag
        )
      assert.strictEqual(yield* put({ digest: other }), "DigestMismatch")
      assert.strictEqual(yield* put({ size: 1 }), "SizeMismatch")
      assert.strictEqual(yield* put({ mediaType: "x\r\ny: z" }), "InvalidInput")
      assert.strictEqual(yield* put({}, "a/../b"), "InvalidInput")
      assert.strictEqual(seen.length, 0)
    }))
})
