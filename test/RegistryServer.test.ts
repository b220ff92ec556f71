import type { HttpMethod } from "@effect/platform/HttpMethod"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Digest from "../src/Digest.js"
import { parseRange } from "../src/internal/server/blobs.js"
import { route } from "../src/internal/server/route.js"
import * as MediaType from "../src/MediaType.js"
import type { Quirks } from "../src/RegistryServer.js"
import * as RegistryTest from "../src/RegistryTest.js"
import * as Http from "./utils/http.js"
import { image, index, sample, utf8 } from "./utils/samples.js"

const send = (method: HttpMethod, url: string, options?: Parameters<typeof Http.send>[3]) =>
  Http.send("https://registry.example", method, url, options)

const serve = (options: RegistryTest.RegistryOptions = {}) =>
  Effect.provide(RegistryTest.layer({ registries: { "registry.example": options } }))
const withQuirks = (quirks: Quirks) => serve({ quirks })

const { config, layers: [layer], manifest } = image(["hello, world"])
const blob = layer!
const blobUrl = `/v2/app/blobs/${blob.descriptor.digest}`
const seed = Effect.gen(function*() {
  const repository = yield* (yield* RegistryTest.RegistryTest).repository("registry.example", "app")
  yield* repository.putBlob(config.descriptor, Stream.make(config.raw))
  yield* repository.putBlob(blob.descriptor, Stream.make(blob.raw))
  yield* repository.putManifest(manifest, { tag: "v1" })
  return repository
})
const open = Effect.map(send("POST", "/v2/app/blobs/uploads/"), ({ headers }) => headers.location!)
const putManifest = (reference: string, raw: Uint8Array, type: string = MediaType.ociManifest) =>
  send("PUT", `/v2/app/manifests/${reference}`, { body: raw, type })

describe("RegistryServer: pull", () => {
  it.effect("says it is there, and what is not", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* send("GET", "/v2/")).status, 200)
      const nothing = yield* send("GET", "/v2/app/nothing")
      assert.deepStrictEqual([nothing.status, nothing.code()], [404, "UNSUPPORTED"])
      assert.strictEqual((yield* send("DELETE", "/v2/")).status, 405)
      assert.strictEqual((yield* send("GET", "/v2/%zz")).status, 404)
    }).pipe(serve()))

  it.effect("blobs by GET and HEAD, under both digests once uploaded", () =>
    Effect.gen(function*() {
      yield* seed
      const get = yield* send("GET", blobUrl)
      assert.deepEqual(get.body, Buffer.from(blob.raw))
      assert.strictEqual(get.headers["docker-content-digest"], blob.descriptor.digest)
      const head = yield* send("HEAD", blobUrl)
      assert.deepStrictEqual([head.status, head.headers["content-length"]], [200, String(blob.raw.length)])
      const absent = yield* send("GET", `/v2/app/blobs/${Digest.fromBytes(utf8("no"))}`)
      assert.deepStrictEqual([absent.status, absent.code()], [404, "BLOB_UNKNOWN"])
      assert.strictEqual((yield* send("HEAD", "/v2/app/blobs/sha256:zz")).status, 404)
      const raw = utf8("either")
      const [short, long] = [Digest.fromBytes(raw), Digest.fromBytes(raw, "sha512")]
      assert.strictEqual((yield* send("POST", `/v2/app/blobs/uploads/?digest=${short}`, { body: raw })).status, 201)
      const other = yield* send("GET", `/v2/app/blobs/${long}`)
      assert.deepStrictEqual([other.status, other.headers["docker-content-digest"]], [200, long])
      assert.strictEqual((yield* send("DELETE", `/v2/app/blobs/${long}`)).status, 202)
      assert.strictEqual((yield* send("GET", `/v2/app/blobs/${short}`)).status, 404)
    }).pipe(serve()))

  it.effect("parts of blobs", () =>
    Effect.gen(function*() {
      yield* seed
      const size = blob.raw.length
      const part = (range: string) => send("GET", blobUrl, { headers: { range } })
      for (
        const [range, text, bytes] of [
          ["bytes=0-4", "hello", `bytes 0-4/${size}`],
          ["bytes=7-", "world", `bytes 7-11/${size}`],
          ["bytes=-5", "world", `bytes 7-11/${size}`],
          ["bytes=7-9999", "world", `bytes 7-11/${size}`],
          ["bytes=-9999", "hello, world", `bytes 0-11/${size}`]
        ] as const
      ) {
        const { body, headers, status } = yield* part(range)
        assert.deepStrictEqual([status, String(body), headers["content-range"]], [206, text, bytes], range)
        assert.strictEqual(headers["content-length"], String(text.length))
      }
      for (const range of [`bytes=${size}-`, "bytes=5-2", "bytes=-0"]) {
        const refused = yield* part(range)
        assert.deepStrictEqual([refused.status, refused.headers["content-range"]], [416, `bytes */${size}`], range)
      }
      assert.strictEqual((yield* part("lines=1-2")).status, 200)
    }).pipe(serve()))

  it.prop(
    "a range is never outside of the content",
    [FastCheck.string(), FastCheck.nat({ max: 50 }), FastCheck.tuple(FastCheck.nat(99), FastCheck.nat(99))],
    ([text, size, [a, b]]) => {
      for (const header of [text, `bytes=${text}`, `bytes=${a}-${b}`, `bytes=${a}-`, `bytes=-${b}`]) {
        const range = parseRange(header, size)
        if (typeof range === "string") continue
        assert.isTrue(0 <= range.first && range.first <= range.last && range.last < size, header)
      }
    }
  )

  it.prop("paths never throw, and names may look like the API", [FastCheck.webPath()], ([path]) => {
    assert.isString(route("GET", path, new URLSearchParams()).kind)
    assert.isString(route("GET", `/v2/${path}`, new URLSearchParams()).kind)
    const { kind, route: found } = route("GET", "/v2/blobs/uploads/blobs/sha256:ab", new URLSearchParams())
    assert.strictEqual(kind, "getBlob")
    assert.deepStrictEqual(found, { _tag: "Blob", name: "blobs/uploads", digest: "sha256:ab" })
  })

  it.effect("manifests by tag and digest; what is no reference is not there", () =>
    Effect.gen(function*() {
      yield* seed
      for (const reference of ["v1", manifest.descriptor.digest]) {
        const get = yield* send("GET", `/v2/app/manifests/${reference}`)
        assert.deepEqual(get.body, Buffer.from(manifest.raw))
        assert.strictEqual(get.headers["content-type"], MediaType.ociManifest)
        assert.strictEqual(get.headers["docker-content-digest"], manifest.descriptor.digest)
      }
      for (const reference of ["v2", "sha256:ab", "-bad"]) {
        const get = yield* send("GET", `/v2/app/manifests/${encodeURIComponent(reference)}`)
        assert.deepStrictEqual([get.status, get.code()], [404, "MANIFEST_UNKNOWN"], reference)
      }
    }).pipe(serve()))
})

describe("RegistryServer: push", () => {
  it.effect("a session of chunks, one of them out of order", () =>
    Effect.gen(function*() {
      const opened = yield* send("POST", "/v2/app/blobs/uploads/")
      assert.deepStrictEqual([opened.status, opened.headers.range], [202, "0-0"])
      assert.include(opened.headers.location, "?_state=")
      let location = opened.headers.location!
      assert.strictEqual((yield* send("GET", location)).headers.range, "0-0")
      const chunk = (from: number, to: number, at = from) =>
        send("PATCH", location, {
          body: blob.raw.subarray(from, to),
          headers: { "content-range": `${at}-${at + to - from - 1}` }
        })
      const first = yield* chunk(0, 5)
      assert.deepStrictEqual([first.status, first.headers.range], [202, "0-4"])
      location = first.headers.location!
      const wrong = yield* chunk(5, 8, 6)
      assert.deepStrictEqual([wrong.status, wrong.headers.range], [416, "0-4"])
      assert.isString(wrong.headers.location)
      const misfit = yield* send("PATCH", location, { body: utf8("abc"), headers: { "content-range": "5-9" } })
      assert.strictEqual(misfit.status, 416)
      const status = yield* send("GET", location)
      assert.deepStrictEqual([status.status, status.headers.range], [204, "0-4"])
      const last = { body: blob.raw.subarray(5), headers: { "content-range": `5-${blob.raw.length - 1}` } }
      const closing = `${location}&digest=${blob.descriptor.digest}`
      assert.strictEqual((yield* send("PUT", closing, { ...last, headers: { "content-range": "0-6" } })).status, 416)
      const closed = yield* send("PUT", closing, last)
      assert.deepStrictEqual([closed.status, closed.headers.location], [201, blobUrl])
      assert.deepEqual((yield* send("GET", blobUrl)).body, Buffer.from(blob.raw))
      const gone = yield* send("GET", location)
      assert.deepStrictEqual([gone.status, gone.code()], [404, "BLOB_UPLOAD_UNKNOWN"])
    }).pipe(serve()))

  it.effect("digests that are wrong, missing, malformed, unknown; an empty blob; a cancelled session", () =>
    Effect.gen(function*() {
      const registries = yield* RegistryTest.RegistryTest
      const server = yield* registries.server("registry.example")
      const post = (query: string) => send("POST", `/v2/app/blobs/uploads/?${query}`, { body: utf8("x") })
      for (
        const query of [
          `digest=${blob.descriptor.digest}`,
          "digest=nonsense",
          "digest=md5:d41d8cd98f00b204e9800998ecf8427e",
          "digest-algorithm=md5"
        ]
      ) {
        const answer = yield* post(query)
        assert.deepStrictEqual([answer.status, answer.code()], [400, "DIGEST_INVALID"], query)
      }
      for (const digest of ["", "&digest=bad", `&digest=${blob.descriptor.digest}`]) {
        const answer = yield* send("PUT", `${yield* open}${digest}`, { body: utf8("other") })
        assert.deepStrictEqual([answer.status, answer.code()], [400, "DIGEST_INVALID"], digest)
      }
      assert.strictEqual((yield* send("HEAD", blobUrl)).status, 404)
      const nothing = Digest.fromBytes(new Uint8Array())
      assert.strictEqual((yield* send("PUT", `${yield* open}&digest=${nothing}`)).status, 201)
      assert.strictEqual((yield* send("GET", `/v2/app/blobs/${nothing}`)).body.length, 0)
      const before = yield* server.openUploads
      const location = yield* open
      assert.strictEqual((yield* send("DELETE", location)).status, 204)
      assert.strictEqual((yield* send("DELETE", location)).status, 404)
      assert.strictEqual(yield* server.openUploads, before)
      assert.strictEqual((yield* send("POST", "/v2/Bad/blobs/uploads/")).code(), "NAME_INVALID")
    }).pipe(serve()))

  it.effect("mounts, from a repository, from anywhere, from nowhere", () =>
    Effect.gen(function*() {
      yield* seed
      const { digest } = blob.descriptor
      const mount = (name: string, query: string) => send("POST", `/v2/${name}/blobs/uploads/?mount=${query}`)
      assert.strictEqual((yield* send("HEAD", `/v2/one/blobs/${digest}`)).status, 404)
      const done = yield* mount("one", `${digest}&from=app`)
      assert.deepStrictEqual([done.status, done.headers.location], [201, `/v2/one/blobs/${digest}`])
      assert.strictEqual((yield* send("HEAD", `/v2/one/blobs/${digest}`)).status, 200)
      assert.strictEqual((yield* mount("two", digest)).status, 201)
      for (const query of [`${digest}&from=nowhere`, `${Digest.fromBytes(utf8("?"))}&from=app`]) {
        const open = yield* mount("three", query)
        assert.strictEqual(open.status, 202)
        assert.include(open.headers.location, "/uploads/")
      }
    }).pipe(serve()))

  it.effect("manifests, with tags and a subject", () =>
    Effect.gen(function*() {
      const put = yield* putManifest("v1", manifest.raw)
      assert.strictEqual(put.status, 201)
      assert.strictEqual(put.headers.location, `/v2/app/manifests/${manifest.descriptor.digest}`)
      assert.strictEqual(put.headers["docker-content-digest"], manifest.descriptor.digest)
      for (
        const [reference, raw, type, code] of [
          [Digest.fromBytes(utf8("else")), manifest.raw, MediaType.ociManifest, "DIGEST_INVALID"],
          ["sha256:ab", manifest.raw, MediaType.ociManifest, "DIGEST_INVALID"],
          ["v1", manifest.raw, MediaType.ociIndex, "MANIFEST_INVALID"],
          ["v1", utf8("{"), MediaType.ociManifest, "MANIFEST_INVALID"],
          ["v1", utf8("x".repeat(2001)), MediaType.ociManifest, "SIZE_INVALID"]
        ] as const
      ) {
        const answer = yield* putManifest(reference, raw, type)
        assert.deepStrictEqual([answer.status, answer.code()], [code === "SIZE_INVALID" ? 413 : 400, code])
      }
      const long = image(["long"], { subject: manifest.descriptor }, "sha512").manifest
      const tagged = yield* putManifest(`${long.descriptor.digest}?tag=a&tag=b`, long.raw)
      assert.deepStrictEqual(
        [tagged.status, tagged.headers["oci-tag"], tagged.headers["oci-subject"]],
        [201, "a, b", manifest.descriptor.digest]
      )
      assert.strictEqual(
        (yield* send("HEAD", "/v2/app/manifests/b")).headers["docker-content-digest"],
        long.descriptor.digest
      )
      assert.strictEqual((yield* putManifest(`${manifest.descriptor.digest}?tag=-`, manifest.raw)).status, 400)
      const missing = index([], { subject: blob.descriptor, note: { unknown: true } })
      const accepted = yield* putManifest("nosubject", missing.raw, MediaType.ociIndex)
      assert.deepStrictEqual([accepted.status, accepted.headers["oci-subject"]], [201, blob.descriptor.digest])
    }).pipe(serve({ maxManifestSize: 2000 })))

  it.effect("strict about what is missing, but not about subjects and foreign layers", () =>
    Effect.gen(function*() {
      const answer = yield* putManifest("v1", manifest.raw)
      assert.strictEqual(answer.status, 400)
      assert.deepStrictEqual(answer.json().errors.map((e: any) => [e.code, e.detail.digest]), [
        ["MANIFEST_BLOB_UNKNOWN", config.descriptor.digest],
        ["MANIFEST_BLOB_UNKNOWN", blob.descriptor.digest]
      ])
      const list = index([manifest.descriptor])
      assert.strictEqual((yield* putManifest("list", list.raw, MediaType.ociIndex)).code(), "MANIFEST_BLOB_UNKNOWN")
      yield* seed
      assert.strictEqual((yield* putManifest("v1", manifest.raw)).status, 201)
      assert.strictEqual((yield* putManifest("list", list.raw, MediaType.ociIndex)).status, 201)
      const foreign = sample({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config: config.descriptor,
        layers: [{ ...sample("foreign", "application/vnd.oci.image.layer.nondistributable.v1.tar").descriptor }],
        subject: sample("absent", MediaType.ociManifest).descriptor
      }, MediaType.ociManifest)
      assert.strictEqual((yield* putManifest("foreign", foreign.raw)).status, 201)
    }).pipe(serve({ strict: true })))

  it.effect("keeps to its limit of blob sizes, announced or not", () =>
    Effect.gen(function*() {
      const big = utf8("x".repeat(11))
      const post = send("POST", `/v2/app/blobs/uploads/?digest=${Digest.fromBytes(big)}`, { body: big })
      assert.strictEqual((yield* post).status, 413)
      assert.strictEqual((yield* send("PATCH", yield* open, { body: big })).status, 413)
      assert.strictEqual((yield* send("PATCH", yield* open, { body: big.subarray(1) })).status, 202)
    }).pipe(serve({ maxBlobSize: 10 })))
})

describe("RegistryServer: lists and deletes", () => {
  it.effect("tags and repositories by pages", () =>
    Effect.gen(function*() {
      const registries = yield* RegistryTest.RegistryTest
      const repository = yield* seed
      yield* Effect.forEach(["b", "a", "B", "c"], (tag) => repository.putManifest(manifest, { tag }))
      yield* (yield* registries.repository("registry.example", "zoo")).putManifest(manifest, { tag: "x" })
      const list = (query: string) => send("GET", `/v2/app/tags/list${query}`)
      assert.deepStrictEqual((yield* list("")).json(), { name: "app", tags: ["B", "a", "b", "c", "v1"] })
      const page = yield* list("?n=2")
      assert.deepStrictEqual(page.json().tags, ["B", "a"])
      assert.strictEqual(page.headers.link, "</v2/app/tags/list?last=a&n=2>; rel=\"next\"")
      const last = yield* list("?n=3&last=a")
      assert.deepStrictEqual([last.json().tags, last.headers.link], [["b", "c", "v1"], undefined])
      assert.deepStrictEqual((yield* list("?last=b")).json().tags, ["c", "v1"])
      const none = yield* list("?n=0")
      assert.deepStrictEqual([none.json().tags, none.headers.link], [[], undefined])
      assert.strictEqual((yield* list("?n=-1")).status, 400)
      const unknown = yield* send("GET", "/v2/nobody/tags/list")
      assert.deepStrictEqual([unknown.status, unknown.code()], [404, "NAME_UNKNOWN"])
      const catalog = yield* send("GET", "/v2/_catalog?n=1")
      assert.deepStrictEqual(catalog.json(), { repositories: ["app"] })
      assert.strictEqual(catalog.headers.link, "</v2/_catalog?last=app&n=1>; rel=\"next\"")
    }).pipe(serve()))

  it.effect("referrers, filtered, by pages, and gone when deleted", () =>
    Effect.gen(function*() {
      const registries = yield* RegistryTest.RegistryTest
      const repository = yield* seed
      const { digest } = manifest.descriptor
      const kinds = ["application/x.a", "application/x.b", "application/x.a"]
      const signatures = kinds.map((artifactType, i) =>
        image([`sig ${i}`], { subject: manifest.descriptor, artifactType }).manifest
      )
      yield* Effect.forEach(signatures, (each) => repository.putManifest(each))
      const list = (query = "") => send("GET", `/v2/app/referrers/${digest}${query}`)
      const all = yield* list()
      assert.strictEqual(all.headers["content-type"], MediaType.ociIndex)
      assert.strictEqual(all.json().manifests.length, 3)
      const some = yield* list(`?artifactType=${encodeURIComponent("application/x.a")}`)
      assert.strictEqual(some.headers["oci-filters-applied"], "artifactType")
      assert.strictEqual(some.json().manifests.length, 2)
      yield* registries.setQuirks("registry.example", { pageSize: 2 })
      const page = yield* list()
      assert.strictEqual(page.json().manifests.length, 2)
      const next = yield* send("GET", /<([^>]+)>/.exec(page.headers.link!)![1]!)
      assert.strictEqual(next.json().manifests.length, 1)
      yield* send("DELETE", `/v2/app/manifests/${signatures[1]!.descriptor.digest}`)
      assert.strictEqual((yield* list()).json().manifests.length, 2)
      const nobody = yield* send("GET", `/v2/nobody/referrers/${digest}`)
      assert.deepStrictEqual([nobody.status, nobody.json().manifests], [200, []])
      assert.strictEqual((yield* send("GET", "/v2/app/referrers/bad")).status, 400)
      yield* registries.setQuirks("registry.example", { referrers: false })
      assert.strictEqual((yield* list()).status, 404)
      assert.isUndefined((yield* putManifest("s", signatures[0]!.raw)).headers["oci-subject"])
    }).pipe(serve()))

  it.effect("deletes", () =>
    Effect.gen(function*() {
      const repository = yield* seed
      const { digest } = manifest.descriptor
      yield* repository.putManifest(manifest, { tag: "v2" })
      const remove = (what: string) => Effect.map(send("DELETE", `/v2/app/${what}`), ({ status }) => status)
      assert.strictEqual(yield* remove("manifests/v1"), 202)
      assert.strictEqual((yield* send("GET", `/v2/app/manifests/${digest}`)).status, 200)
      assert.strictEqual(yield* remove(`manifests/${digest}`), 202)
      assert.strictEqual((yield* send("GET", "/v2/app/manifests/v2")).status, 404)
      assert.strictEqual(yield* remove(`manifests/${digest}`), 404)
      assert.strictEqual(yield* remove(`blobs/${blob.descriptor.digest}`), 202)
      assert.strictEqual(yield* remove(`blobs/${blob.descriptor.digest}`), 404)
      const registries = yield* RegistryTest.RegistryTest
      yield* registries.setQuirks("registry.example", { deletes: false })
      const off = yield* send("DELETE", `/v2/app/blobs/${config.descriptor.digest}`)
      assert.deepStrictEqual([off.status, off.code()], [405, "UNSUPPORTED"])
    }).pipe(serve()))
})

describe("RegistryServer: access", () => {
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` })
  const users = { ci: "pa:ss" }

  it.effect("Basic: users, and anonymous pulls where they are allowed", () =>
    Effect.gen(function*() {
      yield* seed
      const anonymous = yield* send("GET", "/v2/app/manifests/v1")
      assert.strictEqual(anonymous.status, 200)
      const refused = yield* send("POST", "/v2/app/blobs/uploads/")
      assert.strictEqual(refused.status, 401)
      assert.match(refused.headers["www-authenticate"]!, /^Basic realm="/)
      const post = (headers: Record<string, string>) => send("POST", "/v2/app/blobs/uploads/", { headers })
      assert.strictEqual((yield* post(basic("ci:pa:ss"))).status, 202)
      for (const wrong of ["ci:no", "nobody:pa:ss", "toString:x", "ci"]) {
        assert.strictEqual((yield* post(basic(wrong))).status, 401, wrong)
      }
    }).pipe(serve({ auth: { _tag: "Basic", users, anonymousPull: true } })))

  it.effect("Bearer: challenge, token, scope, expiry, identity token", () =>
    Effect.gen(function*() {
      yield* seed
      const url = "/v2/app/manifests/v1"
      const challenge = (yield* send("GET", url)).headers["www-authenticate"]!
      assert.strictEqual(
        challenge,
        "Bearer realm=\"https://registry.example/token\",service=\"embedded-registry\",scope=\"repository:app:pull\""
      )
      const scope = "repository:app:pull"
      const get = (query: string, headers = basic("ci:pa:ss")) => send("GET", `/token?${query}`, { headers })
      const granted = (yield* get(`service=s&scope=${scope}`)).json()
      assert.strictEqual(granted.expires_in, 120)
      const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
      assert.strictEqual((yield* send("GET", url, bearer(granted.token))).status, 200)
      const short = yield* send("POST", "/v2/app/blobs/uploads/", bearer(granted.token))
      assert.include(
        short.headers["www-authenticate"],
        "scope=\"repository:app:pull,push\",error=\"insufficient_scope\""
      )
      const mount = `/v2/app/blobs/uploads/?mount=${blob.descriptor.digest}&from=other`
      const both = (yield* send("POST", mount)).headers["www-authenticate"]
      assert.include(both, "scope=\"repository:app:pull,push repository:other:pull\"")
      assert.include(
        (yield* send("GET", url, bearer("made-up"))).headers["www-authenticate"],
        "error=\"invalid_token\""
      )
      assert.strictEqual((yield* get("service=s", basic("ci:wrong"))).status, 401)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* send("GET", url, bearer(granted.token))).status, 401)
      const form = (fields: Record<string, string>) =>
        send("POST", "/token", {
          body: utf8(new URLSearchParams({ service: "s", client_id: "c", scope, ...fields }).toString()),
          type: "application/x-www-form-urlencoded"
        })
      const password = { grant_type: "password", username: "ci", password: "pa:ss", access_type: "offline" }
      const offline = (yield* form(password)).json()
      const renewed = yield* form({ grant_type: "refresh_token", refresh_token: offline.refresh_token })
      assert.strictEqual((yield* send("GET", url, bearer(renewed.json().access_token))).status, 200)
      assert.strictEqual((yield* form({ grant_type: "refresh_token", refresh_token: "identity" })).status, 200)
      assert.strictEqual((yield* form({ grant_type: "refresh_token", refresh_token: "forged" })).status, 401)
      const registries = yield* RegistryTest.RegistryTest
      assert.notInclude(JSON.stringify(yield* registries.requests()), "pa:ss")
      yield* registries.setFaults("registry.example", [{ kind: "headManifest", action: { _tag: "ExpireTokens" } }])
      assert.strictEqual((yield* send("HEAD", url, bearer(renewed.json().access_token))).status, 401)
    }).pipe(serve({
      auth: { _tag: "Bearer", users, identityTokens: { ci: "identity" }, expiresIn: "2 minutes" }
    })))

  it.effect("Bearer: grants what is allowed and no more, without a word", () =>
    Effect.gen(function*() {
      const scope = "scope=repository:app:pull,push&scope=repository:b:push%20registry:catalog:*"
      const token = (yield* send("GET", `/token?${scope}`)).json()
      assert.strictEqual(token.scope, "repository:app:pull")
    }).pipe(serve({ auth: { _tag: "Bearer", anonymousPull: true } })))

  it.effect("asks what the anonymous may do beyond pulling", () =>
    Effect.gen(function*() {
      const scope = "scope=repository:app:pull,push&scope=repository:b:pull,push"
      const token = (yield* send("GET", `/token?${scope}`)).json()
      assert.strictEqual(token.scope, "repository:app:pull,push repository:b:pull")
    }).pipe(serve({
      auth: {
        _tag: "Bearer",
        anonymousPull: true,
        access: ({ actions, name, user }) => user === undefined && name === "app" ? actions : []
      }
    })))
})

describe("RegistryServer: quirks and faults", () => {
  it.effect("answers like other registries do", () =>
    Effect.gen(function*() {
      yield* seed
      const opened = yield* send("POST", `/v2/app/blobs/uploads/?digest=${blob.descriptor.digest}`, { body: blob.raw })
      assert.strictEqual(opened.status, 202)
      assert.match(opened.headers.location!, /^https:\/\/upload\.example\/v2\/app\/blobs\/uploads\//)
      assert.strictEqual(opened.headers["oci-chunk-min-length"], "4")
      const at = opened.headers.location!.slice("https://upload.example".length)
      const stale = yield* send("PATCH", at, { body: utf8("abcd"), headers: { "content-range": "0-3" } })
      assert.deepStrictEqual([stale.status, stale.headers.range], [201, "0-3"])
      const next = stale.headers.location!.slice("https://upload.example".length)
      assert.strictEqual((yield* send("GET", at)).status, 404)
      const second = yield* send("PATCH", next, { body: utf8("efgh"), headers: { "content-range": "4-7" } })
      assert.strictEqual(second.headers.range, "0-3")
      const get = yield* send("GET", "/v2/app/manifests/v1")
      assert.strictEqual(get.headers["content-encoding"], "gzip")
      assert.strictEqual(get.headers["content-type"], "text/plain")
      assert.strictEqual(get.headers.warning, "299 - \"old \\\"stuff\\\"\"")
      assert.isUndefined(get.headers["docker-content-digest"])
      assert.strictEqual((yield* send("HEAD", "/v2/app/manifests/v1")).status, 404)
      const away = yield* send("GET", blobUrl)
      assert.deepStrictEqual([away.status, away.headers.location?.split("?")[0]], [
        307,
        `https://cdn.example${blobUrl}`
      ])
      assert.strictEqual(
        (yield* send("POST", `/v2/x/blobs/uploads/?mount=${blob.descriptor.digest}&from=app`)).status,
        403
      )
    }).pipe(withQuirks({
      singlePost: false,
      location: "https://upload.example",
      chunkMinLength: 4,
      patchStatus: 201,
      staleRange: true,
      freshLocations: true,
      contentEncoding: "gzip",
      manifestContentType: "text/plain",
      warning: "old \"stuff\"",
      digestHeader: false,
      headManifest: false,
      blobsAt: "https://cdn.example",
      mount: "denied"
    })))

  it.effect("takes whole blobs in a PATCH alone, and answers otherwise than 201", () =>
    Effect.gen(function*() {
      const { digest } = blob.descriptor
      const open = Effect.map(send("POST", "/v2/app/blobs/uploads/"), ({ headers }) => headers.location!)
      const put = (location: string, body: Uint8Array = new Uint8Array(0)) =>
        send("PUT", `${location}&digest=${digest}`, { body })
      const location = yield* open
      assert.strictEqual((yield* put(location, blob.raw)).status, 404)
      const patched = yield* send("PATCH", location, { body: blob.raw })
      assert.strictEqual((yield* put(patched.headers.location!)).status, 202)
      assert.deepStrictEqual((yield* send("GET", `/v2/app/blobs/${digest}`)).body, Buffer.from(blob.raw))
    }).pipe(withQuirks({ wholePut: false, putBlobStatus: 202 })))

  it.effect("fails the nth request of a kind, or of a path, as planned", () =>
    Effect.gen(function*() {
      const registries = yield* RegistryTest.RegistryTest
      yield* seed
      yield* registries.setFaults("registry.example", [
        { kind: "getManifest", nth: [2, 3], action: { _tag: "Status", status: 503, headers: { "x-why": "planned" } } },
        { kind: ["headBlob"], nth: "always", action: { _tag: "RateLimit", retryAfter: 7 } },
        { method: "get", path: /blobs/, nth: 1, action: { _tag: "CorruptBody", offset: 1 } },
        { path: "/blobs/", method: "GET", nth: 2, action: { _tag: "TruncateBody", after: 3 } },
        { kind: "tags", action: { _tag: "Redirect", location: "/elsewhere", status: 308 } },
        { kind: "catalog", action: { _tag: "Headers", headers: { "Content-Type": "text/html", "x-new": "1" } } },
        { kind: "catalog", nth: 2, action: { _tag: "Headers", headers: { "content-type": undefined } } }
      ])
      const statuses = yield* Effect.forEach([1, 2, 3, 4], () =>
        Effect.map(send("GET", "/v2/app/manifests/v1"), (answer) => answer.status))
      assert.deepStrictEqual(statuses, [200, 503, 503, 200])
      const limited = yield* send("HEAD", blobUrl)
      assert.deepStrictEqual([limited.status, limited.headers["retry-after"]], [429, "7"])
      const corrupt = (yield* send("GET", blobUrl)).body
      assert.strictEqual(corrupt.length, blob.raw.length)
      assert.notDeepEqual(corrupt, Buffer.from(blob.raw))
      const truncated = yield* send("GET", blobUrl)
      assert.deepStrictEqual([String(truncated.body), truncated.headers["content-length"]], ["hel", undefined])
      const moved = yield* send("GET", "/v2/app/tags/list")
      assert.deepStrictEqual([moved.status, moved.headers.location], [308, "/elsewhere"])
      const catalog = yield* send("GET", "/v2/_catalog")
      assert.deepStrictEqual([catalog.headers["content-type"], catalog.headers["x-new"]], ["text/html", "1"])
      assert.isUndefined((yield* send("GET", "/v2/_catalog")).headers["content-type"])
    }).pipe(serve()))
})
