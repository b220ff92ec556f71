import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Answer, blobOf, origin, piecewise, registry, sample, script, type Seen } from "./scripted.js"
import {
  bad,
  blob,
  bytes,
  chunked as config,
  content,
  created,
  good,
  opened as openedAt,
  parameter,
  stands,
  uploads
} from "./uploads.js"

const opened = openedAt()
const taken = (location: string, status = 202, range = ""): Answer => ({ status, headers: { location, range } })
const sent = (seen: ReadonlyArray<Seen>) =>
  seen.filter((one) => one.request.body !== undefined).map((one) => `${one.line} ${one.headers["content-range"]}`)
const bodies = (seen: ReadonlyArray<Seen>) =>
  Array.from(Buffer.concat(seen.filter((one) => one.request.body !== undefined).map((one) => one.body)))

describe("putBlob in chunks", () => {
  it.effect("sends PATCHes at the newest Location, and the last bytes with the closing PUT", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([opened, taken("/up/2?a"), taken("/up/3?b"), created], {
        config
      })
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.strictEqual(lines()[0], `POST ${uploads}`)
      assert.deepStrictEqual(sent(seen), [
        `PATCH ${origin}/up/1 0-399`,
        `PATCH ${origin}/up/2?a 400-799`,
        `PUT ${origin}/up/3?b&${parameter} 800-999`
      ])
      assert.deepStrictEqual(bodies(seen), Array.from(bytes))
    }))

  it.effect("sends a last chunk of full size with the PUT, and a small blob in one PUT", () =>
    Effect.gen(function*() {
      const even = sample(800)
      const small = sample(400)
      const { repository, seen } = yield* script([opened, taken("/up/2"), created, opened, created], { config })
      yield* good(repository.putBlob(blobOf(even), piecewise(even, 64)))
      assert.strictEqual(sent(seen)[1]?.split(" ").at(-1), "400-799")
      yield* good(repository.putBlob(blobOf(small), piecewise(small, 64)))
      assert.deepStrictEqual(seen.map((one) => one.request.method), ["POST", "PATCH", "PUT", "POST", "PUT"])
    }))

  it.effect("obeys OCI-Chunk-Min-Length", () =>
    Effect.gen(function*() {
      const headers = { ...opened.headers, "oci-chunk-min-length": "600" }
      const { repository, seen } = yield* script([{ ...opened, headers }, taken("/up/2"), created], { config })
      yield* good(repository.putBlob(blob, content))
      assert.deepStrictEqual(seen.slice(1).map((one) => one.headers["content-range"]), ["0-599", "600-999"])
    }))

  it.effect("holds no chunk in memory that a registry makes absurdly large", () =>
    Effect.gen(function*() {
      const headers = { ...opened.headers, "oci-chunk-min-length": "1000000000000" }
      const { repository, seen } = yield* script([{ ...opened, headers }, { status: 413 }, created], { config })
      yield* bad(repository.putBlob({ ...blob, size: 2e12 }, content))
      assert.deepStrictEqual(seen.map((one) => one.request.method).slice(0, 2), ["POST", "PUT"])
    }))

  it.effect("ECR: takes 201 for a PATCH and believes its own count, not a stale Range", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script(
        [opened, taken("/up/2", 201, "0-399"), taken("/up/3", 201, "0-399"), created],
        { config }
      )
      yield* good(repository.putBlob(blob, content))
      assert.deepStrictEqual(bodies(seen), Array.from(bytes))
    }))

  it.effect("takes 204 for a PATCH, and the old Location when no new one comes", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened, { status: 204 }, { status: 204 }, created], { config })
      yield* good(repository.putBlob(blob, content))
      assert.deepStrictEqual(seen.slice(1).map((one) => one.line.split("?")[0]), [
        `PATCH ${origin}/up/1`,
        `PATCH ${origin}/up/1`,
        `PUT ${origin}/up/1`
      ])
    }))

  it.effect("sends the rest of a chunk of which a part arrived", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script(
        [opened, taken("/up/1"), { status: 500 }, stands(599), taken("/up/1"), created],
        { config }
      )
      yield* good(repository.putBlob(blob, content))
      assert.deepStrictEqual(seen.filter((one) => one.request.body).map((one) => one.headers["content-range"]), [
        "0-399",
        "400-799",
        "600-799",
        "800-999"
      ])
    }))

  it.effect("goes on behind a chunk whose answer was lost", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened, { status: 502 }, stands(399), taken("/up/1"), created], {
        config
      })
      yield* good(repository.putBlob(blob, content))
      assert.deepStrictEqual(seen.filter((one) => one.request.body).map((one) => one.headers["content-range"]), [
        "0-399",
        "400-799",
        "800-999"
      ])
    }))

  it.effect("starts over in a new session when this one lost what it had", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script(
        [opened, taken("/up/1"), { status: 416 }, stands(99), created, opened, taken("/up/1"), taken("/up/1"), created],
        { config }
      )
      yield* good(repository.putBlob(blob, content))
      assert.strictEqual(lines()[4], `DELETE ${origin}/up/1`)
      assert.deepStrictEqual(bodies(seen.slice(5)), Array.from(bytes))
    }))

  it.effect("counts failures anew with each chunk that was taken", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened,
        taken("/up/2"),
        ...[100, 200, 300, 400, 500, 600, 700, 800].flatMap((from): ReadonlyArray<Answer> => [
          { breakAfter: 0 },
          stands(from - 1),
          taken("/up/2")
        ]),
        created
      ], { config: { retries: 1, hosts: { [registry]: { chunkSize: 100 } } } })
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.strictEqual(seen.length, 27)
    }))

  it.effect("counts failures anew as long as a chunk gets further", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened,
        ...[99, 199, 299].flatMap((last): ReadonlyArray<Answer> => [{ status: 500 }, stands(last)]),
        taken("/up/1"),
        taken("/up/1"),
        created
      ], { config: { ...config, retries: 1 } })
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.strictEqual(seen[7]?.headers["content-range"], "300-399")
    }))

  it.effect("gives up in the end when no chunk of the size is taken", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script(
        (one) => one.line.startsWith("POST") ? opened : one.line.startsWith("PATCH") ? { status: 416 } : stands(0),
        { config }
      )
      const error = yield* bad(repository.putBlob(blob, content))
      assert.strictEqual(error._tag, "UploadInvalid")
      assert.isBelow(seen.length, 16)
    }))

  it.effect("never sends the last bytes of wrong content, and cancels the session", () =>
    Effect.gen(function*() {
      const wrong = bytes.slice()
      wrong[999] = 0
      const { repository, seen } = yield* script([opened, taken("/up/2"), taken("/up/3"), created], { config })
      assert.strictEqual((yield* bad(repository.putBlob(blob, piecewise(wrong, 64))))._tag, "DigestMismatch")
      assert.deepStrictEqual(seen.map((one) => one.request.method), ["POST", "PATCH", "PATCH", "DELETE"])
      assert.strictEqual(seen[3]?.line, `DELETE ${origin}/up/3`)
    }))

  it.effect("passes the content's own error through", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened, taken("/up/2"), created], { config })
      const failing = Stream.concat(Stream.take(content, 8), Stream.fail("broken"))
      assert.strictEqual(yield* bad(repository.putBlob(blob, failing)), "broken")
      assert.strictEqual(seen.at(-1)?.request.method, "DELETE")
    }))
})
