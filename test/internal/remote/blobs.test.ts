import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { blobOf, name, registry, sample, script } from "./scripted.js"

const { digest } = blobOf(sample(10))
const url = `/v2/${name}/blobs/${digest}`

describe("readBlob", () => {
  it.effect("is one GET of all of it, verified", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([{ body: sample(10) }, {
        body: sample(10).map((byte) => byte ^ 1)
      }])
      const { readBlob } = repository
      assert.isDefined(readBlob)
      assert.deepStrictEqual(yield* readBlob({ digest, size: 10 }), sample(10))
      const error = yield* Effect.flip(readBlob({ digest, size: 10 }))
      assert.deepInclude(error, { _tag: "DigestMismatch", expected: digest })
      assert.deepStrictEqual(lines(), [`GET ${url}`, `GET ${url}`])
      assert.deepStrictEqual(seen[0]?.request.scopes, [`repository:${name}:pull`])
      assert.isTrue(seen[0]?.request.replay)
    }))

  it.effect("forgets a blob that is gone", () =>
    Effect.gen(function*() {
      const { repository, session } = yield* script([{ status: 404 }, { status: 403 }])
      const { readBlob } = repository
      assert.isDefined(readBlob)
      session.markBlob(registry, name, digest)
      const gone = yield* Effect.flip(readBlob({ digest, size: 10 }))
      assert.deepInclude(gone, { _tag: "NotFound", resource: "blob", reference: `${registry}/${name}@${digest}` })
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
      // A refusal says nothing about it.
      session.markBlob(registry, name, digest)
      assert.strictEqual((yield* Effect.flip(readBlob({ digest, size: 10 })))._tag, "Denied")
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
    }))

  it.effect("asks for nothing that is no blob's name or size, or that it could not verify", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([])
      const { readBlob } = repository
      assert.isDefined(readBlob)
      for (
        const blob of [{ digest: "sha256:../x", size: 1 }, { digest, size: -1 }, {
          digest: `blake3:${"0".repeat(64)}`,
          size: 1
        }]
      ) {
        assert.strictEqual(
          (yield* Effect.flip(readBlob(blob as typeof blob & { digest: typeof digest })))._tag,
          "InvalidInput"
        )
      }
      assert.strictEqual(seen.length, 0)
    }))

  it.effect("says how many bytes were found of a blob that is longer or shorter", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ body: sample(5000) }, { body: sample(7) }])
      const { readBlob } = repository
      assert.isDefined(readBlob)
      for (const actual of [5000, 7]) {
        const error = yield* Effect.flip(readBlob({ digest, size: 10 }))
        assert.deepInclude(error, { _tag: "SizeMismatch", expected: 10, actual })
        assert.match(error.message, new RegExp(`should have 10 bytes, but ${actual} were found$`))
      }
    }))
})

describe("hasBlob", () => {
  it.effect("is one HEAD, and remembers what it saw", () =>
    Effect.gen(function*() {
      const { lines, repository, seen, session } = yield* script([{}, { status: 404 }])
      assert.isTrue(yield* repository.hasBlob(digest))
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
      assert.isFalse(yield* repository.hasBlob(digest))
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
      assert.deepStrictEqual(lines(), [`HEAD ${url}`, `HEAD ${url}`])
      assert.deepStrictEqual(seen[0]?.request.scopes, [`repository:${name}:pull`])
    }))

  for (const status of [403, 405, 501]) {
    it.effect(`asks with a GET when the HEAD is answered ${status}`, () =>
      Effect.gen(function*() {
        const { lines, repository } = yield* script([{ status }, { body: sample(10) }, { status }, { status: 404 }])
        assert.isTrue(yield* repository.hasBlob(digest))
        assert.isFalse(yield* repository.hasBlob(digest))
        assert.deepStrictEqual(lines().slice(0, 2), [`HEAD ${url}`, `GET ${url}`])
      }))
  }

  it.effect("takes nothing but a 404 for absence", () =>
    Effect.gen(function*() {
      const tags: Array<string> = []
      const { repository } = yield* script([{ status: 401 }, { status: 403 }, { status: 403 }, { status: 503 }, {
        status: 429
      }])
      for (let i = 0; i < 4; i++) tags.push((yield* Effect.flip(repository.hasBlob(digest)))._tag)
      assert.deepStrictEqual(tags, ["Unauthorized", "Denied", "UnexpectedStatus", "RateLimited"])
    }))

  it.effect("keeps a refusal of the HEAD when the GET fails for another reason", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 403 }, { status: 500 }])
      assert.strictEqual((yield* Effect.flip(repository.hasBlob(digest)))._tag, "Denied")
    }))

  it.effect("takes a blob of another size than the one asked for to be missing", () =>
    Effect.gen(function*() {
      const lengths = ["9", "11", "10", undefined, "", "-1", "ten", "9, 9"]
      const { repository, seen, session } = yield* script(
        lengths.map((length) => ({ headers: length === undefined ? {} : { "content-length": length } }))
      )
      const found: Array<boolean> = []
      for (const _ of lengths) found.push(yield* repository.hasBlob(digest, { size: 10 }))
      assert.deepStrictEqual(found, [false, false, true, true, true, true, true, true])
      assert.strictEqual(seen.length, lengths.length)
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
    }))

  it.effect("does not remember to have seen a blob of another size, and asks for no size where none is given", () =>
    Effect.gen(function*() {
      const headers = { "content-length": "9" }
      const { repository, session } = yield* script([{ headers }, { headers }])
      assert.isTrue(yield* repository.hasBlob(digest))
      assert.isFalse(yield* repository.hasBlob(digest, { size: 10 }))
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
    }))

  it.effect("draws nothing from the length of content that is encoded", () =>
    Effect.gen(function*() {
      const answer = (encoding: string) => ({ headers: { "content-length": "9", "content-encoding": encoding } })
      const { repository } = yield* script([answer("gzip"), answer("identity")])
      assert.isTrue(yield* repository.hasBlob(digest, { size: 10 }))
      assert.isFalse(yield* repository.hasBlob(digest, { size: 10 }))
    }))

  it.effect("asks with a GET for the size where a HEAD says 0 of a blob that is not empty", () =>
    Effect.gen(function*() {
      const none = { headers: { "content-length": "0" } }
      const get = (size: number) => ({ headers: { "content-length": String(size) }, body: sample(size) })
      for (
        const [answer, found] of [
          [get(10), true],
          [get(9), false],
          [get(0), false],
          [{ body: sample(10) }, true],
          [{ status: 404 }, false],
          [{ status: 403 }, false],
          [{ status: 500 }, false]
        ] as const
      ) {
        const { lines, repository, session } = yield* script([none, answer])
        assert.strictEqual(yield* repository.hasBlob(digest, { size: 10 }), found)
        assert.deepStrictEqual(lines(), [`HEAD ${url}`, `GET ${url}`])
        assert.deepStrictEqual(session.repositoriesWith(registry, digest), found ? [name] : [])
      }
      // Of an empty blob it is the size, and where none is given it does not matter.
      const { lines, repository } = yield* script([none, none])
      assert.isTrue(yield* repository.hasBlob(digest, { size: 0 }))
      assert.isTrue(yield* repository.hasBlob(digest))
      assert.deepStrictEqual(lines(), [`HEAD ${url}`, `HEAD ${url}`])
    }))

  it.effect("looks at the length of a GET that stands in for the HEAD", () =>
    Effect.gen(function*() {
      const get = (size: number) => ({ headers: { "content-length": String(size) }, body: sample(size) })
      const { repository } = yield* script([{ status: 405 }, get(9), { status: 403 }, get(10)])
      assert.isFalse(yield* repository.hasBlob(digest, { size: 10 }))
      assert.isTrue(yield* repository.hasBlob(digest, { size: 10 }))
    }))

  it.effect("sends nothing for what is no digest or no size", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([])
      assert.strictEqual((yield* Effect.flip(repository.hasBlob("sha256:../x" as never)))._tag, "InvalidInput")
      for (const size of [-1, 1.5, NaN]) {
        assert.strictEqual((yield* Effect.flip(repository.hasBlob(digest, { size })))._tag, "InvalidInput")
      }
      assert.strictEqual(seen.length, 0)
    }))
})
