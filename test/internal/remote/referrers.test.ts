import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Descriptor from "../../../src/Descriptor.js"
import * as Digest from "../../../src/Digest.js"
import { tagOf } from "../../../src/internal/remote/referrersTag.js"
import { makeRepository } from "../../../src/internal/remote/repository.js"
import * as MediaType from "../../../src/MediaType.js"
import { type Answer, name, origin, registry, type Script, script } from "./scripted.js"

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const all = <A, E>(stream: Stream.Stream<A, E>) => Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)
const subject = Descriptor.fromBytes(text("subject"), MediaType.ociManifest)
const path = `/v2/${name}/referrers/${subject.digest}`
const tag = subject.digest.replace(":", "-")
const tagged = `/v2/${name}/manifests/${tag}`
const sbom = "application/vnd.example.sbom"
const signature = "application/vnd.example.signature"

/** A manifest that refers to the subject. */
const referrer = (artifactType: string | undefined, note: string) => {
  const raw = text({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    ...(artifactType === undefined ? {} : { artifactType }),
    config: Descriptor.fromBytes(text({}), signature),
    layers: [],
    subject,
    annotations: { note }
  })
  return { descriptor: Descriptor.fromBytes(raw, MediaType.ociManifest), raw }
}
const one = referrer(sbom, "one")
const two = referrer(undefined, "two")
const entry = (of: typeof one, artifactType?: string, annotations?: Record<string, string>) => ({
  ...of.descriptor,
  ...(artifactType === undefined ? {} : { artifactType }),
  ...(annotations === undefined ? {} : { annotations })
})
const index = (manifests: ReadonlyArray<unknown>, extra: object = {}) =>
  text({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests, ...extra })
const answer = (body: Uint8Array, headers: Record<string, string> = {}): Answer => ({
  body,
  headers: { "content-type": MediaType.ociIndex, ...headers }
})
const html = "<!DOCTYPE html><html><body>Sign in</body></html>"
const said = (status: number, code: string): Answer => ({ status, body: JSON.stringify({ errors: [{ code }] }) })
const written = (body: Uint8Array | undefined): unknown => JSON.parse(new TextDecoder().decode(body))

describe("referrers", () => {
  it.effect("refuses a list of more than can be followed, before it is parsed", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        answer(new TextEncoder().encode(`{"schemaVersion":2,"manifests":[${"{},".repeat(10_000)}{}]}`))
      ])
      const error = yield* Effect.flip(all(repository.referrers(subject.digest)))
      assert.strictEqual(error._tag, "ManifestInvalid")
      assert.match(error.message, /more than 10000 entries/)
      assert.deepStrictEqual(lines(), [`GET ${path}`])
    }))

  it.effect("lists the pages once each, without what comes twice", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        answer(index([entry(one, sbom)]), { link: `<${path}?p=2>; rel="next"` }),
        answer(index([entry(one, sbom), entry(two, signature)]))
      ])
      assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [
        entry(one, sbom),
        entry(two, signature)
      ])
      assert.deepStrictEqual(lines(), [`GET ${path}`, `GET ${origin}${path}?p=2`])
    }))

  it.effect("filters by itself unless the registry says that it did", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        answer(index([entry(one, sbom), entry(two, signature)])),
        answer(index([entry(one, "as the registry sees it")]), { "oci-filters-applied": "x, artifactType" })
      ])
      const options = { artifactType: sbom }
      assert.deepStrictEqual(yield* all(repository.referrers(subject.digest, options)), [entry(one, sbom)])
      assert.strictEqual((yield* all(repository.referrers(subject.digest, options))).length, 1)
      assert.strictEqual(lines()[0], `GET ${path}?artifactType=application%2Fvnd.example.sbom`)
    }))

  it.effect("reads the referrers tag where the registry has no such API", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([{ status: 404 }, answer(index([entry(one, sbom)]))])
      assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one, sbom)])
      assert.deepStrictEqual(lines(), [`GET ${path}`, `GET ${tagged}`])
    }))

  it.effect("finds none where the tag is missing, names no index, or names the subject itself", () =>
    Effect.gen(function*() {
      for (
        const fallback of [
          { status: 404 },
          { body: one.raw, headers: { "content-type": MediaType.ociManifest } },
          { body: "junk" },
          answer(text("subject"), { "docker-content-digest": subject.digest })
        ]
      ) {
        const { repository } = yield* script([{ status: 404 }, fallback])
        assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [])
      }
    }))

  it.effect("looks into manifests whose entry has no type when it filters the tag's list", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { status: 404 },
        answer(index([entry(one), entry(two)])),
        { body: one.raw, headers: { "content-type": MediaType.ociManifest } },
        { body: two.raw, headers: { "content-type": MediaType.ociManifest } }
      ])
      const found = yield* all(repository.referrers(subject.digest, { artifactType: signature }))
      assert.deepStrictEqual(found, [entry(two)])
      assert.strictEqual(seen.length, 4)
    }))

  const other = ({ session, transport }: Pick<Script, "session" | "transport">) =>
    makeRepository({ transport, session, registry, name: "other/app", config: {} })
  const elsewhere = `/v2/other/app/referrers/${subject.digest}`

  for (
    const [what, given] of [
      ["a 404", { status: 404, body: "404 page not found" }],
      ["a 405", { status: 405 }],
      ["a 405 with a code", said(405, "UNSUPPORTED")],
      ["GHCR's redirect to a web page", { status: 303, headers: { location: "https://elsewhere.test/packages" } }],
      ["a web page", { body: html, headers: { "content-type": "text/html; charset=utf-8" } }],
      ["a web page without a type", { body: html }],
      ["JSON that is no index", { body: "{}", headers: { "content-type": "application/json" } }]
    ] as const
  ) {
    it.effect(`reads the tag where the API is answered with ${what}, which tells nothing of other repositories`, () =>
      Effect.gen(function*() {
        const scripted = yield* script([
          given,
          answer(index([entry(one, sbom)])),
          { status: 404 },
          answer(index([entry(two, signature)])),
          answer(index([entry(one, sbom)]))
        ])
        const { lines, repository } = scripted
        assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one, sbom)])
        assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [])
        assert.deepStrictEqual(yield* all(other(scripted).referrers(subject.digest)), [entry(two, signature)])
        // Nor does the API of the other one tell anything of this one.
        assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one, sbom)])
        assert.deepStrictEqual(lines(), [
          `GET ${path}`,
          `GET ${tagged}`,
          `GET ${tagged}`,
          `GET ${elsewhere}`,
          `GET ${tagged}`
        ])
      }))
  }

  it.effect("is asked of a repository that lacks it once only, also where another one has shown it before", () =>
    Effect.gen(function*() {
      const scripted = yield* script(({ line }) =>
        line === `GET ${path}` || line.startsWith("PUT")
          ? { status: line.startsWith("PUT") ? 201 : 404 }
          : answer(index([entry(one, sbom), entry(two, signature)]))
      )
      const { lines, repository } = scripted
      yield* all(other(scripted).referrers(subject.digest))
      yield* repository.putManifest(one)
      yield* repository.putManifest(two)
      assert.deepStrictEqual(lines().filter((line) => !line.startsWith("PUT")), [
        `GET ${elsewhere}`,
        `GET ${path}`,
        `GET ${tagged}`,
        `GET ${tagged}`
      ])
    }))

  it.effect("asks again of repositories that were asked a thousand others ago", () =>
    Effect.gen(function*() {
      const { lines, session, transport } = yield* script(() => ({ status: 404 }))
      const ask = (name: string) =>
        all(makeRepository({ transport, session, registry, name, config: {} }).referrers(subject.digest))
      const asked = () => lines().filter((line) => line.includes("/referrers/")).length
      for (let i = 0; i < 1000; i++) yield* ask(`app${i}`)
      yield* ask("app0")
      assert.strictEqual(asked(), 1000)
      yield* ask("app1000")
      yield* ask("app1")
      assert.strictEqual(asked(), 1001)
      yield* ask("app0")
      assert.strictEqual(asked(), 1002)
    }))

  it.effect("GHCR: asks each repository once", () =>
    Effect.gen(function*() {
      const scripted = yield* script(({ line }) =>
        line.includes("/referrers/")
          ? { status: 303, headers: { location: "https://elsewhere.test/packages" } }
          : answer(index([entry(one, sbom)]))
      )
      for (let i = 0; i < 3; i++) {
        for (const repository of [scripted.repository, other(scripted)]) {
          assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one, sbom)])
        }
      }
      assert.deepStrictEqual(scripted.lines().filter((line) => line.includes("/referrers/")), [
        `GET ${path}`,
        `GET ${elsewhere}`
      ])
    }))

  it.effect("takes a list of more than can be followed for no absence of the API, whatever it is sent as", () =>
    Effect.gen(function*() {
      for (const type of [MediaType.ociIndex, "application/json", "text/html"]) {
        for (const body of [`{"manifests":[${"{},".repeat(10_000)}{}]}`, `${"[".repeat(600)}${"]".repeat(600)}`]) {
          const { repository, seen } = yield* script([
            { body, headers: { "content-type": type } },
            answer(index([entry(one, sbom)]))
          ])
          const error = yield* Effect.flip(all(repository.referrers(subject.digest)))
          assert.match(error.message, /more than (?:10000 entries|500 deep)/)
          assert.strictEqual(seen.length, 1)
          // Nor is it remembered as one.
          assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one, sbom)])
        }
      }
    }))

  it.effect("does not leave the registry's own origin", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([answer(index([]))])
      yield* all(repository.referrers(subject.digest))
      assert.isTrue(seen[0]?.request.stay)
    }))

  it.effect("reads the tag after a 400 that says that there is no API, and asks the API again the next time", () =>
    Effect.gen(function*() {
      for (const code of ["UNSUPPORTED", "NAME_INVALID"]) {
        const { lines, repository } = yield* script([
          said(400, code),
          answer(index([entry(one, sbom)])),
          answer(index([entry(two, signature)]))
        ])
        assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one, sbom)])
        assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(two, signature)])
        assert.deepStrictEqual(lines(), [`GET ${path}`, `GET ${tagged}`, `GET ${path}`])
      }
    }))

  it.effect("does not read the tag after a 400 that says anything else, or nothing", () =>
    Effect.gen(function*() {
      for (const given of [{ status: 400 }, { status: 400, body: html }, said(400, "DIGEST_INVALID")]) {
        const { repository, seen } = yield* script([given, { status: 201 }, given])
        const error = yield* Effect.flip(all(repository.referrers(subject.digest)))
        assert.strictEqual(error._tag, "UnexpectedStatus")
        assert.strictEqual(seen.length, 1)
        // Nor does a push write it.
        assert.strictEqual((yield* Effect.flip(repository.putManifest(one)))._tag, "UnexpectedStatus")
        assert.strictEqual(seen.length, 3)
      }
    }))

  it.effect("Quay: finds none of a subject that the registry does not have", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([said(400, "MANIFEST_INVALID")])
      assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [])
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("remembers no absence of the API by a 404 that is about the repository or the subject", () =>
    Effect.gen(function*() {
      for (const code of ["NAME_UNKNOWN", "MANIFEST_UNKNOWN"]) {
        const { lines, repository } = yield* script([said(404, code), { status: 404 }, answer(index([entry(one)]))])
        assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [])
        assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one)])
        assert.deepStrictEqual(lines(), [`GET ${path}`, `GET ${tagged}`, `GET ${path}`])
      }
    }))

  it.effect("keeps asking an API that has answered once", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        answer(index([])),
        { status: 404 },
        { status: 404 },
        answer(index([entry(one)]))
      ])
      assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [])
      assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [])
      assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one)])
      assert.deepStrictEqual(lines(), [`GET ${path}`, `GET ${path}`, `GET ${tagged}`, `GET ${path}`])
    }))

  it.effect("reads an index of whatever type it is sent as", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { body: index([entry(one)]), headers: { "content-type": "application/json" } }
      ])
      assert.deepStrictEqual(yield* all(repository.referrers(subject.digest)), [entry(one)])
      assert.strictEqual(seen.length, 1)
    }))

  for (const status of [401, 403, 429, 500]) {
    it.effect(`does not read the tag after a ${status}`, () =>
      Effect.gen(function*() {
        const { repository, seen } = yield* script([{ status }])
        assert.notStrictEqual((yield* Effect.flip(all(repository.referrers(subject.digest))))._tag, "NotFound")
        assert.strictEqual(seen.length, 1)
      }))
  }

  it.effect("does not read the tag when a later page is missing", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        answer(index([entry(one)]), { link: "</2>; rel=next" }),
        { status: 404 },
        answer(index([entry(one)]), { link: "</2>; rel=next" }),
        { body: html }
      ])
      assert.strictEqual((yield* Effect.flip(all(repository.referrers(subject.digest))))._tag, "UnexpectedStatus")
      assert.strictEqual((yield* Effect.flip(all(repository.referrers(subject.digest))))._tag, "ManifestInvalid")
      assert.strictEqual(seen.length, 4)
    }))

  it.effect("refuses what is not an index, and a descriptor that is none", () =>
    Effect.gen(function*() {
      for (
        const body of [
          text("cut").subarray(1),
          text({}),
          text({ schemaVersion: 2, manifests: [{ digest: "../x", size: 1, mediaType: "a/b" }] })
        ]
      ) {
        const { repository } = yield* script([answer(body)])
        const error = yield* Effect.flip(all(repository.referrers(subject.digest)))
        assert.strictEqual(error._tag, "ManifestInvalid")
      }
    }))
})

describe("the referrers tag", () => {
  it("is the digest with what no tag may have replaced, cut to the lengths allowed", () => {
    const sha512 = Digest.fromBytes(text("x"), "sha512")
    assert.strictEqual(tagOf(subject.digest), tag)
    assert.strictEqual(tagOf(sha512), `sha512-${Digest.encoded(sha512).slice(0, 64)}`)
    assert.strictEqual(tagOf("a+b:c=d" as Digest.Digest), "a-b-c-d")
  })

  it.effect("is left alone by a put that the registry indexes itself", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ status: 201, headers: { "oci-subject": subject.digest } }])
      yield* repository.putManifest(one)
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("Quay: is left alone where the API is served though no put says so", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        { status: 201 },
        said(400, "MANIFEST_INVALID"),
        { status: 201 },
        answer(index([entry(one)])),
        { status: 201 }
      ])
      // The first answer only says that the subject is not there.
      for (const manifest of [one, two, one]) yield* repository.putManifest(manifest)
      assert.deepStrictEqual(lines().filter((line) => !line.startsWith("PUT")), [`GET ${path}`, `GET ${path}`])
    }))

  it.effect("is kept where the API is not served, which is asked once", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        { status: 201 },
        { body: html },
        answer(index([entry(one), entry(two)])),
        { status: 201 },
        answer(index([entry(one), entry(two)]))
      ])
      yield* repository.putManifest(one)
      yield* repository.putManifest(two)
      assert.deepStrictEqual(lines().filter((line) => !line.startsWith("PUT")), [
        `GET ${path}`,
        `GET ${tagged}`,
        `GET ${tagged}`
      ])
    }))

  it.effect("is not touched, and the put fails, where it cannot be told whether the API is served", () =>
    Effect.gen(function*() {
      for (const status of [401, 403, 429, 500]) {
        const { repository, seen } = yield* script([{ status: 201 }, { status }])
        yield* Effect.flip(repository.putManifest(one))
        assert.strictEqual(seen.length, 2)
      }
    }))

  it.effect("is started by the first put", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([
        { status: 201 },
        { status: 404 },
        { status: 404 },
        { status: 201 },
        answer(index([entry(one)]))
      ])
      yield* repository.putManifest(one)
      assert.deepStrictEqual(lines().slice(1), [`GET ${path}`, `GET ${tagged}`, `PUT ${tagged}`, `GET ${tagged}`])
      assert.deepStrictEqual(seen[3]?.headers, { "if-none-match": "*" })
      assert.deepStrictEqual(written(seen[3]?.body), {
        schemaVersion: 2,
        mediaType: MediaType.ociIndex,
        manifests: [entry(one, sbom, { note: "one" })]
      })
    }))

  it.effect("is added to by the next, which keeps all else in it", () =>
    Effect.gen(function*() {
      const old = index([{ ...entry(one), future: true }], { annotations: { kept: "yes" } })
      const { repository, seen } = yield* script([
        { status: 201 },
        { status: 404 },
        answer(old, { etag: "\"v1\"" }),
        { status: 201 },
        answer(index([entry(one), entry(two)]))
      ])
      yield* repository.putManifest(two)
      assert.deepStrictEqual(seen[3]?.headers, { "if-match": "\"v1\"" })
      assert.deepStrictEqual(written(seen[3]?.body), {
        schemaVersion: 2,
        mediaType: MediaType.ociIndex,
        manifests: [{ ...entry(one), future: true }, entry(two, signature, { note: "two" })],
        annotations: { kept: "yes" }
      })
    }))

  it.effect("is not written again for what it lists already", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ status: 201 }, { status: 404 }, answer(index([entry(one)]))])
      yield* repository.putManifest(one)
      assert.strictEqual(seen.length, 3)
    }))

  it.effect("is not overwritten when it names something else", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { status: 201 },
        { status: 404 },
        { body: two.raw, headers: { "content-type": MediaType.ociManifest } }
      ])
      yield* repository.putManifest(one)
      assert.strictEqual(seen.length, 3)
    }))

  it.effect("is no tag of the manifest's choosing", () =>
    Effect.gen(function*() {
      for (const digest of ["1.2:alpine", "release:prod", "sha256:latest"]) {
        const raw = text({
          schemaVersion: 2,
          mediaType: MediaType.ociManifest,
          config: Descriptor.fromBytes(text({}), signature),
          layers: [],
          subject: { ...subject, digest }
        })
        const { repository, seen } = yield* script([{ status: 201 }])
        const put = repository.putManifest({ descriptor: Descriptor.fromBytes(raw, MediaType.ociManifest), raw })
        // What is no digest at all is not even put.
        const isPut = Digest.isDigest(digest)
        assert.strictEqual((yield* Effect.exit(put))._tag, isPut ? "Success" : "Failure")
        assert.strictEqual(seen.length, isPut ? 1 : 0)
      }
    }))

  it.effect("loses no entry of puts at the same time", () =>
    Effect.gen(function*() {
      let stored: Uint8Array | undefined
      const { repository } = yield* script((seen) => {
        if (seen.line === `GET ${path}`) return { status: 404 }
        if (!seen.line.endsWith(tag)) return { status: 201 }
        if (seen.line.startsWith("GET")) return stored === undefined ? { status: 404 } : answer(stored)
        stored = seen.request.body?._tag === "Bytes" ? seen.request.body.bytes : undefined
        return { status: 201 }
      })
      const many = Array.from({ length: 8 }, (_, i) => referrer(sbom, String(i)))
      yield* Effect.forEach(many, (manifest) => repository.putManifest(manifest), { concurrency: "unbounded" })
      assert.strictEqual((written(stored) as { manifests: Array<unknown> }).manifests.length, 8)
    }))

  it.effect("loses the entry of a manifest that is deleted", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([
        { body: one.raw, headers: { "content-type": MediaType.ociManifest } },
        { status: 202 },
        { status: 404 },
        answer(index([entry(one), entry(two)])),
        { status: 201 },
        answer(index([entry(two)]))
      ])
      yield* repository.deleteManifest(one.descriptor.digest)
      const url = `/v2/${name}/manifests/${one.descriptor.digest}`
      assert.deepStrictEqual(lines(), [
        `GET ${url}`,
        `DELETE ${url}`,
        `GET ${path}`,
        `GET ${tagged}`,
        `PUT ${tagged}`,
        `GET ${tagged}`
      ])
      assert.deepStrictEqual((written(seen[4]?.body) as { manifests: unknown }).manifests, [entry(two)])
    }))

  it.effect("is left alone by a deletion where the registry has the API", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { body: one.raw, headers: { "content-type": MediaType.ociManifest } },
        { status: 202 },
        answer(index([]))
      ])
      yield* repository.deleteManifest(one.descriptor.digest)
      assert.strictEqual(seen.length, 3)
    }))
})
