import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { blobOf, name, registry, sample, script } from "./scripted.js"

const { digest } = blobOf(sample(10))
const manifest = { body: "{}", headers: { "content-type": "application/vnd.example+json" } }
const manifestDigest = blobOf(new TextEncoder().encode("{}")).digest
const said = (status: number, code?: string) => ({
  status,
  body: code === undefined ? "" : JSON.stringify({ errors: [{ code }] })
})

describe("deleteManifest", () => {
  it.effect("deletes a tag with one request", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([{ status: 202 }])
      yield* repository.deleteManifest("v1")
      assert.deepStrictEqual(lines(), [`DELETE /v2/${name}/manifests/v1`])
      assert.deepStrictEqual(seen[0]?.request.scopes, [`repository:${name}:delete`])
    }))

  it.effect("deletes a manifest by its digest; one that cannot be read as well", () =>
    Effect.gen(function*() {
      for (const read of [[manifest], [{ body: "changed" }, { body: "changed" }], [{ status: 403 }]]) {
        const { lines, repository } = yield* script([...read, { status: 200 }])
        yield* repository.deleteManifest(manifestDigest)
        assert.strictEqual(lines().at(-1), `DELETE /v2/${name}/manifests/${manifestDigest}`)
      }
    }))

  it.effect("says that it is not there", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 404 }, { status: 404 }])
      assert.strictEqual((yield* Effect.flip(repository.deleteManifest("v1")))._tag, "NotFound")
      assert.strictEqual((yield* Effect.flip(repository.deleteManifest(digest)))._tag, "NotFound")
    }))

  it.effect("says clearly that the registry does not allow it", () =>
    Effect.gen(function*() {
      for (const answer of [said(405, "UNSUPPORTED"), said(405), said(400)]) {
        const { repository } = yield* script([answer])
        const error = yield* Effect.flip(repository.deleteManifest("v1"))
        assert.strictEqual(error._tag, "UnexpectedStatus")
        assert.include(error.message, "UNSUPPORTED")
      }
    }))
})

describe("deleteBlob", () => {
  it.effect("says clearly that the registry does not allow it", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([said(405)])
      assert.include((yield* Effect.flip(repository.deleteBlob(digest))).message, "UNSUPPORTED")
    }))

  it.effect("deletes, and forgets the blob", () =>
    Effect.gen(function*() {
      const { lines, repository, session } = yield* script([{ status: 202 }])
      session.markBlob(registry, name, digest)
      yield* repository.deleteBlob(digest)
      assert.deepStrictEqual(lines(), [`DELETE /v2/${name}/blobs/${digest}`])
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
    }))

  it.effect("fails with what the registry says", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ status: 404 }, said(405), { status: 401 }])
      const fail = Effect.map(Effect.flip(repository.deleteBlob(digest)), (error) => error._tag)
      assert.deepStrictEqual([yield* fail, yield* fail, yield* fail], ["NotFound", "UnexpectedStatus", "Unauthorized"])
      assert.strictEqual((yield* Effect.flip(repository.deleteBlob("x" as never)))._tag, "InvalidInput")
      assert.strictEqual(seen.length, 3)
    }))
})
