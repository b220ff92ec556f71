/** Uploads that fail on their way: how often they are tried, how they go on, and what is believed of a registry. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { TransportError, UnexpectedStatus } from "../../../src/RegistryError.js"
import { type Answer, blobOf, instantly, name, origin, piecewise, registry, reset, sample, script } from "./scripted.js"
import {
  absent,
  bad,
  blob,
  bytes,
  cancelled,
  chunked,
  content,
  created,
  digest,
  gone,
  good,
  methods,
  noWhole,
  opened,
  parameter,
  said,
  stands,
  there
} from "./uploads.js"

const other = blobOf(sample(5)).digest
const unknown: Answer = { status: 204 }

describe("an upload", () => {
  it.effect("ends after a thousand failures, however far each of its tries gets", () =>
    Effect.gen(function*() {
      const many = sample(1100)
      let has = 0
      const { repository, seen } = yield* script((one) =>
        one.line.startsWith("POST")
          ? opened()
          : one.line.startsWith("PUT")
          ? { breakAfter: 1 }
          : one.line.startsWith("GET")
          // One byte counts as none, so it begins with two.
          ? stands(++has)
          : cancelled
      )
      const put = repository.putBlob(blobOf(many), piecewise(many, 1100))
      assert.strictEqual((yield* Effect.flip(instantly(put)))._tag, "TransportError")
      assert.strictEqual(methods(seen).filter((method) => method === "PUT").length, 1001)
      assert.strictEqual(methods(seen).at(-1), "DELETE")
    }))

  for (const reason of ["TooLarge", "Redirect", "Tls"] as const) {
    it.effect(`is not tried again after an error that another try does not change: ${reason}`, () =>
      Effect.gen(function*() {
        const error = new TransportError({ method: "PUT", url: origin, reason, description: "no" })
        const { repository, seen } = yield* script([opened(), { error }, cancelled])
        assert.strictEqual(yield* bad(repository.putBlob(blob, content)), error)
        assert.deepStrictEqual(methods(seen), ["POST", "PUT", "DELETE"])
      }))
  }

  it.effect("goes on after a 408, as after a 500", () =>
    Effect.gen(function*() {
      for (const status of [408, 500, 504]) {
        const { repository, seen } = yield* script([opened(), { status }, stands(511), created])
        assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
        assert.deepStrictEqual(Array.from(seen[3]?.body ?? []), Array.from(bytes.subarray(512)))
      }
    }))

  it.effect("does not wait for a registry that asks for more time than it is given", () =>
    Effect.gen(function*() {
      const retryAfter = Duration.hours(2)
      const error = new UnexpectedStatus({ method: "PUT", url: origin, status: 503, errors: [], retryAfter })
      const { repository, seen } = yield* script([opened(), { error }, cancelled])
      const fiber = yield* Effect.fork(Effect.flip(repository.putBlob(blob, content)))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), error)
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "DELETE"])
    }))

  it.effect("starts over in a new session when the registry says that the range is wrong, or that it has lost the session", () =>
    Effect.gen(function*() {
      for (const refusal of [said(400, "RANGE_INVALID"), said(400, "BLOB_UPLOAD_UNKNOWN"), { status: 404 }]) {
        const { repository, seen } = yield* script([
          opened(),
          refusal,
          cancelled,
          opened("/up/2"),
          opened("/up/2"),
          opened("/up/2"),
          created
        ], { config: chunked })
        assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
        assert.deepStrictEqual(methods(seen), ["POST", "PATCH", "DELETE", "POST", "PATCH", "PATCH", "PUT"])
        const sent = seen.slice(4).map(({ body }) => body)
        assert.deepStrictEqual(Array.from(Buffer.concat(sent)), Array.from(bytes))
      }
    }))

  it.effect("takes the registry's digest of what it stored by another algorithm for no contradiction", () =>
    Effect.gen(function*() {
      const headers = { "docker-content-digest": blobOf(bytes, "sha512").digest }
      const { repository } = yield* script([opened(), { status: 201, headers }])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
    }))
})

describe("a closing PUT whose answer is lost", () => {
  it.effect("is not looked for in vain: where the HEAD fails, the bytes are sent again", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        { error: reset },
        gone,
        { status: 503 },
        opened("/up/2"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "GET", "HEAD", "POST", "PUT"])
    }))

  it.effect("has not left the blob where the registry has a part of it", () =>
    Effect.gen(function*() {
      const half: Answer = { status: 200, headers: { "content-length": "500" } }
      const { repository, seen } = yield* script([
        opened(),
        { error: reset },
        gone,
        half,
        opened("/up/2"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(Array.from(seen.at(-1)?.body ?? []), Array.from(bytes))
    }))

  it.effect("has left no session to cancel where it left the blob, whatever the session says", () =>
    Effect.gen(function*() {
      const put = yield* script([opened(), { status: 503 }, unknown, there])
      assert.strictEqual(yield* good(put.repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(methods(put.seen), ["POST", "PUT", "GET", "HEAD"])
      const upload = yield* script([opened(), { status: 503 }, unknown, there])
      assert.deepStrictEqual(yield* good(upload.repository.uploadBlob(content)), blob)
      assert.deepStrictEqual(methods(upload.seen), ["POST", "PUT", "GET", "HEAD"])
      assert.deepStrictEqual(upload.session.repositoriesWith(registry, digest), [name])
    }))

  it.effect("is looked for as well when it was the empty one of a session that had all bytes", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        { breakAfter: 640 },
        stands(999),
        { error: reset },
        gone,
        there
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "GET", "PUT", "GET", "HEAD"])
      assert.strictEqual(seen[3]?.body.byteLength, 0)
    }))

  it.effect("is looked for as well when it was of bytes that are all there", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened(), { error: reset }, gone, there])
      assert.strictEqual(yield* good(repository.putBlob(blob, Effect.succeed(bytes))), "Uploaded")
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "GET", "HEAD"])
    }))

  it.effect("is looked for once when another success than 201 follows, which left no blob", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        { status: 503 },
        stands(999),
        { status: 202 },
        absent,
        cancelled,
        opened("/up/2"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "GET", "PUT", "HEAD", "DELETE", "POST", "PUT"])
    }))
})

describe("an upload by PATCH, where a PUT of the whole blob is 404", () => {
  it.effect("is the way still after the registry's own trouble with the closing PUT", () =>
    Effect.gen(function*() {
      let empty = 0
      const { repository, seen } = yield* script((one) => {
        switch (one.request.method) {
          case "POST":
          case "PATCH":
            return opened()
          case "PUT":
            return one.body.byteLength > 0 || one.request.body?._tag === "Stream"
              ? noWhole
              : empty++ === 0
              ? { status: 503 }
              : created
          case "GET":
            return gone
          case "DELETE":
            return cancelled
          default:
            return absent
        }
      })
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(methods(seen), [
        "POST",
        "PUT",
        "DELETE",
        "POST",
        "PATCH",
        "PUT",
        "GET",
        "HEAD",
        "POST",
        "PATCH",
        "PUT"
      ])
    }))

  it.effect("is the way still when its bytes were damaged on theirs", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        noWhole,
        cancelled,
        opened("/up/2"),
        said(400, "DIGEST_INVALID"),
        cancelled,
        opened("/up/3"),
        opened("/up/3"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(methods(seen), [
        "POST",
        "PUT",
        "DELETE",
        "POST",
        "PATCH",
        "DELETE",
        "POST",
        "PATCH",
        "PUT"
      ])
      assert.deepStrictEqual(Array.from(seen[7]?.body ?? []), Array.from(bytes))
    }))

  it.effect("is not the way for a session that was lost in the middle", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        { breakAfter: 640 },
        stands(511),
        noWhole,
        cancelled,
        opened("/up/2"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "GET", "PUT", "DELETE", "POST", "PUT"])
    }))

  it.effect("is not the way for an empty blob, of which there is nothing to PATCH", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened(), noWhole, cancelled], { config: { retries: 0 } })
      yield* bad(repository.putBlob(blobOf(new Uint8Array(0)), Stream.empty))
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "DELETE"])
    }))

  it.effect("does not look for a blob that no PUT has closed", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        noWhole,
        cancelled,
        opened("/up/2"),
        { error: reset },
        gone,
        opened("/up/3"),
        opened("/up/3"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "DELETE", "POST", "PATCH", "GET", "POST", "PATCH", "PUT"])
    }))
})

describe("an upload of unknown length", () => {
  it.effect("leaves a blob that is known to be there", () =>
    Effect.gen(function*() {
      const { repository, session } = yield* script([opened(), created])
      assert.deepStrictEqual(yield* good(repository.uploadBlob(content)), blob)
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
    }))
})

describe("an upload in chunks", () => {
  const taken = opened()

  for (
    const [when, answers] of [
      ["the session has more than was sent", [opened(), { status: 500 }, stands(599)]],
      ["the session has less than was acknowledged", [opened(), taken, { status: 500 }, stands(199)]],
      [
        "what went on from an earlier failure is refused",
        [opened(), taken, { status: 500 }, stands(599), { status: 400 }]
      ]
    ] as const
  ) {
    it.effect(`starts over when ${when}`, () =>
      Effect.gen(function*() {
        const again = [cancelled, opened("/up/2"), taken, taken, created]
        const { repository, seen } = yield* script([...answers, ...again], { config: chunked })
        assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
        const last = seen.slice(answers.length)
        assert.deepStrictEqual(methods(last), ["DELETE", "POST", "PATCH", "PATCH", "PUT"])
        const sent = last.slice(2).map(({ body }) => body)
        assert.deepStrictEqual(Array.from(Buffer.concat(sent)), Array.from(bytes))
      }))
  }

  it.effect("closes a session that has the last chunk, too, with an empty PUT", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script(
        [opened(), taken, taken, { status: 500 }, stands(999), created],
        {
          config: chunked
        }
      )
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.strictEqual(lines()[5], `PUT ${origin}/up/1?${parameter}`)
      assert.strictEqual(seen[5]?.body.byteLength, 0)
      assert.isUndefined(seen[5]?.headers["content-range"])
    }))

  it.effect("does not accept that the registry stored something else", () =>
    Effect.gen(function*() {
      const { repository, session } = yield* script([opened(), taken, taken, {
        status: 201,
        headers: { "docker-content-digest": other }
      }, cancelled], { config: chunked })
      assert.strictEqual((yield* bad(repository.putBlob(blob, content)))._tag, "DigestMismatch")
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
    }))

  it.effect("fails when the session moves to what is no address", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened(), opened("ftp://x/y"), cancelled], { config: chunked })
      assert.strictEqual((yield* bad(repository.putBlob(blob, content)))._tag, "UploadInvalid")
      assert.deepStrictEqual(methods(seen), ["POST", "PATCH", "DELETE"])
    }))

  it.effect("of unknown length obeys OCI-Chunk-Min-Length, within reason", () =>
    Effect.gen(function*() {
      const demanding = (minimum: string): Answer => ({
        status: 202,
        headers: { location: "/up/1", "oci-chunk-min-length": minimum }
      })
      const { repository, seen } = yield* script([demanding("600"), taken, created], { config: chunked })
      assert.deepStrictEqual(yield* good(repository.uploadBlob(content)), blob)
      assert.deepStrictEqual(seen.slice(1).map(({ headers }) => headers["content-range"]), ["0-599", "600-999"])
      const absurd = yield* script([demanding("1000000000000"), created], { config: chunked })
      assert.deepStrictEqual(yield* good(absurd.repository.uploadBlob(content)), blob)
      assert.deepStrictEqual(methods(absurd.seen), ["POST", "PUT"])
    }))
})

describe("a mount from the repository itself", () => {
  it.effect("that is declined tells that the blob is not there, though nothing comes of the upload", () =>
    Effect.gen(function*() {
      const config = { hosts: { [registry]: { blobCheck: "mount" as const } } }
      const { repository, session } = yield* script([opened(), { status: 413 }, cancelled], { config })
      session.markBlob(registry, name, digest)
      yield* bad(repository.putBlob(blob, content, { mountFrom: name }))
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
    }))
})
