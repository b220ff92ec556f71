import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { makeRepository } from "../../../src/internal/remote/repository.js"
import { RateLimited, TransportError } from "../../../src/RegistryError.js"
import { type Answer, blobOf, name, origin, piecewise, registry, reset, sample, script } from "./scripted.js"
import {
  bad,
  blob,
  bytes,
  content,
  created,
  digest,
  gone,
  good,
  opened as openedAt,
  parameter,
  said,
  stands,
  uploads
} from "./uploads.js"

/** Most of the sessions here have a query of their own. */
const opened = (location = "/up/1?s=1") => openedAt(location)

class ReadError extends Data.TaggedError("ReadError")<{ readonly at: number }> {}

describe("putBlob", () => {
  it.effect("takes one POST and one streamed PUT, so that a missing blob costs three requests", () =>
    Effect.gen(function*() {
      const { lines, repository, seen, session } = yield* script([{ status: 404 }, opened(), {
        status: 201,
        headers: { "docker-content-digest": digest }
      }])
      assert.isFalse(yield* repository.hasBlob(digest))
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(lines(), [
        `HEAD /v2/${name}/blobs/${digest}`,
        `POST ${uploads}`,
        `PUT ${origin}/up/1?s=1&${parameter}`
      ])
      const put = seen[2]
      assert.deepStrictEqual(Array.from(put?.body ?? []), Array.from(bytes))
      assert.strictEqual(put?.request.body?._tag === "Stream" ? put.request.body.length : undefined, 1000)
      assert.strictEqual(put?.request.body?.contentType, "application/octet-stream")
      assert.isUndefined(put?.headers["content-range"])
      assert.isFalse(put?.request.replay)
      assert.deepStrictEqual(put?.request.scopes, [`repository:${name}:pull,push`])
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
    }))

  for (
    const [what, location, url] of [
      ["relative", "/up/1", `${origin}/up/1?${parameter}`],
      ["absolute", `${origin}/up/1`, `${origin}/up/1?${parameter}`],
      ["cross-host", "https://storage.test/x?sig=a%20b~(c)", `https://storage.test/x?sig=a%20b~(c)&${parameter}`],
      [
        "strangely spelled",
        "/up/1?state=%7b%22a%22:1%7d&x=y+z",
        `${origin}/up/1?state=%7b%22a%22:1%7d&x=y+z&${parameter}`
      ]
    ] as const
  ) {
    it.effect(`keeps a ${what} Location byte for byte`, () =>
      Effect.gen(function*() {
        const { lines, repository } = yield* script([opened(location), created])
        yield* good(repository.putBlob(blob, content))
        assert.strictEqual(lines()[1], `PUT ${url}`)
      }))
  }

  it.effect("asks for another algorithm than sha256 when it opens the session", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([opened(), created, created])
      const sha512 = blobOf(bytes, "sha512")
      yield* good(repository.putBlob(sha512, content))
      assert.strictEqual(lines()[0], `POST ${uploads}?digest-algorithm=sha512`)
      yield* good(repository.putBlob(sha512, content, { mountFrom: "base/os" }))
      assert.strictEqual(
        lines()[2],
        `POST ${uploads}?mount=${encodeURIComponent(sha512.digest)}&from=base%2Fos&digest-algorithm=sha512`
      )
    }))

  it.effect("puts an empty blob, after it has seen that the content is empty", () =>
    Effect.gen(function*() {
      const empty = blobOf(new Uint8Array(0))
      const { repository, seen } = yield* script([opened(), created])
      yield* good(repository.putBlob(empty, Stream.empty))
      assert.strictEqual(seen[1]?.body.byteLength, 0)
      const wrong = yield* bad(repository.putBlob(empty, content))
      assert.strictEqual(wrong._tag, "SizeMismatch")
      assert.strictEqual((yield* bad(repository.putBlob({ digest, size: 0 }, Stream.empty)))._tag, "DigestMismatch")
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("fails when the registry opens no usable session", () =>
    Effect.gen(function*() {
      for (const headers of [{}, { location: "ftp://x/y" }, { location: "https://user:pw@registry.test/up" }]) {
        const { repository } = yield* script([{ status: 202, headers }])
        const error = yield* bad(repository.putBlob(blob, content))
        assert.strictEqual(error._tag, "UploadInvalid")
        assert.notInclude(error.message, "pw")
      }
      const { repository } = yield* script([said(404, "NAME_UNKNOWN")])
      const error = yield* bad(repository.putBlob(blob, content))
      assert.strictEqual(error._tag === "NotFound" ? error.resource : error._tag, "repository")
    }))

  for (
    const [where, command] of [
      ["registry.test", "project"],
      [
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        `aws ecr create-repository --region eu-central-1 --repository-name ${name}`
      ],
      [
        "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
        `aws ecr create-repository --region us-gov-west-1 --repository-name ${name}`
      ],
      [
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        `aws ecr create-repository --region cn-north-1 --repository-name ${name}`
      ],
      [
        "123456789012.dkr-ecr.eu-west-2.on.aws",
        `aws ecr create-repository --region eu-west-2 --repository-name ${name}`
      ],
      ["public.ecr.aws", "aws ecr-public create-repository --region us-east-1 --repository-name app"],
      ["ecr-public.aws.com", "aws ecr-public create-repository --region us-east-1 --repository-name app"]
    ] as const
  ) {
    it.effect(`says how a repository that is not there is created: ${where}`, () =>
      Effect.gen(function*() {
        const body = JSON.stringify({ errors: [{ code: "NAME_UNKNOWN", message: "The repository does not exist" }] })
        for (const status of [404, 400]) {
          const { session, transport } = yield* script([{ status, body }])
          const repository = makeRepository({ transport, session, registry: where, name, config: {} })
          const error = yield* bad(repository.putBlob(blob, content))
          assert.strictEqual(error._tag, "NotFound")
          assert.include(error.message, "NAME_UNKNOWN (The repository does not exist)")
          assert.include(error.message, "may have to be created first")
          assert.include(error.message, command)
        }
      }))
  }

  it.effect("takes a 404 without a word for a repository that is not there", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 404 }])
      const error = yield* bad(repository.putBlob(blob, content))
      assert.deepInclude(error, { _tag: "NotFound", resource: "repository", reference: `${registry}/${name}` })
    }))

  it.effect("sends nothing for what can never work", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([])
      for (
        const [target, from] of [
          [{ ...blob, digest: "sha256:../../x" as never }],
          [{ ...blob, digest: `blake3:${"0".repeat(64)}` as never }],
          [{ ...blob, size: -1 }],
          [{ ...blob, size: 0.5 }],
          [blob, "UPPER/case"],
          [blob, "a&from=b"]
        ] as const
      ) {
        assert.strictEqual((yield* bad(repository.putBlob(target, content, { mountFrom: from })))._tag, "InvalidInput")
      }
      assert.strictEqual(seen.length, 0)
    }))
})

describe("putBlob: content", () => {
  const wrong = bytes.slice()
  wrong[3] = 0
  for (
    const [what, stream, tag] of [
      ["wrong", piecewise(wrong, 64), "DigestMismatch"],
      ["too short", piecewise(bytes.subarray(0, 999), 64), "SizeMismatch"],
      ["too long", piecewise(sample(1001), 64), "SizeMismatch"],
      ["too long by a piece", Stream.concat(content, Stream.succeed(bytes)), "SizeMismatch"],
      ["wrong in a single piece", Stream.succeed(wrong), "DigestMismatch"]
    ] as const
  ) {
    it.effect(`never completes a PUT with content that is ${what}, and cancels the session`, () =>
      Effect.gen(function*() {
        const { lines, repository, seen } = yield* script([opened(), created, created])
        assert.strictEqual((yield* bad(repository.putBlob(blob, stream)))._tag, tag)
        assert.isFalse(seen[1]?.complete)
        assert.isBelow(seen[1]?.body.byteLength ?? 1000, 1000)
        assert.deepStrictEqual(lines().slice(2), [`DELETE ${origin}/up/1?s=1`])
      }))
  }

  it.effect("passes the content's own error through, even one at its very end, and does not try again", () =>
    Effect.gen(function*() {
      const failure = new ReadError({ at: 1000 })
      const { lines, repository, seen } = yield* script([opened(), created, created])
      assert.strictEqual(yield* bad(repository.putBlob(blob, Stream.concat(content, Stream.fail(failure)))), failure)
      assert.isFalse(seen[1]?.complete)
      assert.deepStrictEqual(lines().slice(2), [`DELETE ${origin}/up/1?s=1`])
    }))

  it.effect("does not take a failed source registry for a failed destination", () =>
    Effect.gen(function*() {
      const failure = new TransportError({ method: "GET", url: "x", reason: "Reset", description: "source" })
      const { repository, seen } = yield* script([opened(), created, created])
      assert.strictEqual(
        yield* bad(repository.putBlob(blob, Stream.concat(Stream.take(content, 3), Stream.fail(failure)))),
        failure
      )
      assert.strictEqual(seen.length, 3)
    }))

  it.effect("leaves empty pieces out", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened(), created])
      const nothing = Stream.succeed(new Uint8Array(0))
      yield* good(repository.putBlob(blob, Stream.concat(nothing, Stream.concat(content, nothing))))
      assert.strictEqual(seen[1]?.body.byteLength, 1000)
    }))
})

describe("putBlob: mount", () => {
  const mountLine = `POST ${uploads}?mount=${encodeURIComponent(digest)}&from=base%2Fos`

  it.effect("201: mounted, and the content is never run", () =>
    Effect.gen(function*() {
      const { lines, repository, seen, session } = yield* script([created])
      assert.strictEqual(yield* good(repository.putBlob(blob, Stream.die("run"), { mountFrom: "base/os" })), "Mounted")
      assert.deepStrictEqual(lines(), [mountLine])
      assert.deepStrictEqual(seen[0]?.request.scopes, [`repository:${name}:pull,push`, "repository:base/os:pull"])
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
    }))

  it.effect("202: goes on in the very session that was opened", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([opened(), created])
      assert.strictEqual(yield* good(repository.putBlob(blob, content, { mountFrom: "base/os" })), "Uploaded")
      assert.deepStrictEqual(lines(), [mountLine, `PUT ${origin}/up/1?s=1&${parameter}`])
    }))

  for (const status of [400, 401, 403, 404, 405, 500]) {
    it.effect(`${status}: opens a plain session`, () =>
      Effect.gen(function*() {
        const { lines, repository, session } = yield* script([{ status }, opened(), created])
        session.markBlob(registry, "base/os", digest)
        assert.strictEqual(yield* good(repository.putBlob(blob, content, { mountFrom: "base/os" })), "Uploaded")
        assert.deepStrictEqual(lines().slice(0, 2), [mountLine, `POST ${uploads}`])
        assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
      }))
  }

  it.effect("is not tried from the repository itself", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([opened(), created])
      yield* good(repository.putBlob(blob, content, { mountFrom: name }))
      assert.strictEqual(lines()[0], `POST ${uploads}`)
    }))

  it.effect("alone: true for 201, false for 202, whose session is cancelled", () =>
    Effect.gen(function*() {
      const { lines, repository, session } = yield* script([created, opened(), created])
      assert.isTrue(yield* good(repository.mountBlob(blob, "base/os")))
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
      assert.isFalse(yield* good(repository.mountBlob(blob, "base/os")))
      assert.deepStrictEqual(lines(), [mountLine, mountLine, `DELETE ${origin}/up/1?s=1`])
    }))

  it.effect("alone: a refusal is a no, an outage an error", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 404 }, { status: 401 }, { status: 405 }, { status: 503 }])
      for (let i = 0; i < 3; i++) assert.isFalse(yield* good(repository.mountBlob(blob, "base/os")))
      assert.strictEqual((yield* bad(repository.mountBlob(blob, "base/os")))._tag, "UnexpectedStatus")
      assert.strictEqual((yield* bad(repository.mountBlob(blob, "../x")))._tag, "InvalidInput")
    }))
})

describe("putBlob: failures", () => {
  it.effect("goes on where the session stands, at its newest address", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([
        opened(),
        { breakAfter: 640 },
        stands(511, "/up/2?t=2"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(lines().slice(2), [`GET ${origin}/up/1?s=1`, `PUT ${origin}/up/2?t=2&${parameter}`])
      assert.strictEqual(seen[3]?.headers["content-range"], "512-999")
      assert.deepStrictEqual(Array.from(seen[3]?.body ?? []), Array.from(bytes.subarray(512)))
    }))

  it.effect("sends of bytes that are all there what the session lacks, and no more", () =>
    Effect.gen(function*() {
      let run = 0
      const whole = Effect.sync(() => (run++, bytes))
      const { repository, seen } = yield* script([opened(), { breakAfter: 640 }, stands(511), created])
      assert.strictEqual(yield* good(repository.putBlob(blob, whole)), "Uploaded")
      assert.strictEqual(seen[3]?.headers["content-range"], "512-999")
      assert.deepStrictEqual(Array.from(seen[3]?.body ?? []), Array.from(bytes.subarray(512)))
      assert.isAtMost(run, 2)
    }))

  it.effect("sends nothing of bytes that are all there and not the blob's", () =>
    Effect.gen(function*() {
      for (
        const [wrong, tag] of [[bytes.subarray(1), "SizeMismatch"], [
          bytes.map((byte) => byte ^ 1),
          "DigestMismatch"
        ]] as const
      ) {
        const { repository, seen } = yield* script([opened(), { status: 204 }])
        const error = yield* bad(repository.putBlob(blob, Effect.succeed(wrong)))
        assert.strictEqual(error._tag, tag)
        assert.isTrue(seen.every(({ request: { method } }) => method !== "PUT" && method !== "PATCH"))
      }
    }))

  it.effect("closes a session that has all bytes with an empty PUT", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened(), { status: 500 }, stands(999), created])
      yield* good(repository.putBlob(blob, content))
      assert.strictEqual(seen[3]?.body.byteLength, 0)
      assert.isUndefined(seen[3]?.headers["content-range"])
    }))

  for (
    const [what, answer] of [
      ["says nothing was stored", stands(0)],
      ["has more than there is", stands(1000)],
      ["does not say where it stands", { status: 204 }],
      ["cannot be asked", { status: 500 }]
    ] as const
  ) {
    it.effect(`starts over when the session ${what}, and cancels that one`, () =>
      Effect.gen(function*() {
        const { lines, repository, seen } = yield* script([
          opened(),
          { status: 503 },
          answer,
          { status: 404 },
          created,
          opened("/up/2"),
          created
        ])
        assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
        assert.deepStrictEqual(lines().slice(3), [
          `HEAD /v2/${name}/blobs/${digest}`,
          `DELETE ${origin}/up/1?s=1`,
          `POST ${uploads}`,
          `PUT ${origin}/up/2?${parameter}`
        ])
        assert.strictEqual(seen[6]?.body.byteLength, 1000)
      }))
  }

  it.effect("does not cancel a session that is gone", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        opened(),
        { breakAfter: 64 },
        gone,
        opened("/up/2"),
        gone,
        opened("/up/3"),
        opened("/up/3"),
        created
      ])
      yield* good(repository.putBlob(blob, content))
      assert.isFalse(lines().some((line) => line.startsWith("DELETE")))
    }))

  it.effect("does not go on in a session again once the registry was wrong about it", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([
        opened(),
        { breakAfter: 640 },
        stands(511),
        said(400, "DIGEST_INVALID"),
        created,
        opened("/up/2"),
        { breakAfter: 640 },
        created,
        opened("/up/3"),
        created
      ])
      yield* good(repository.putBlob(blob, content))
      assert.strictEqual(lines().filter((line) => line.startsWith("GET")).length, 1)
      assert.strictEqual(seen.at(-1)?.body.byteLength, 1000)
    }))

  it.effect("gives up in the end, with the registry's answer", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script((one) =>
        one.line.startsWith("POST") ? opened() : one.line.startsWith("PUT") ? { status: 500 } : { status: 204 }
      )
      const error = yield* bad(repository.putBlob(blob, content))
      assert.strictEqual(error._tag === "UnexpectedStatus" ? error.status : error._tag, 500)
      assert.strictEqual(lines().filter((line) => line.startsWith("PUT")).length, 5)
    }))

  it.effect("makes no endless loop of a session that always stands at the same byte", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script((one) =>
        one.line.startsWith("POST") ? opened() : one.line.startsWith("PUT") ? { breakAfter: 64 } : stands(99)
      )
      assert.strictEqual((yield* bad(repository.putBlob(blob, content)))._tag, "TransportError")
      assert.isBelow(lines().length, 16)
    }))

  it.effect("goes on as long as each connection gets further, and starts to count failures anew", () =>
    Effect.gen(function*() {
      const at = [100, 200, 300, 400, 500, 600, 700]
      const { lines, repository, seen } = yield* script([
        opened(),
        ...at.flatMap((bytes): ReadonlyArray<Answer> => [{ breakAfter: 64 }, stands(bytes - 1)]),
        created
      ], { config: { retries: 1 } })
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.strictEqual(lines().filter((line) => line.startsWith("PUT")).length, at.length + 1)
      assert.strictEqual(seen.at(-1)?.headers["content-range"], "700-999")
    }))

  it.effect("waits before it asks a session that failed, twice as long each time, and tells of it", () =>
    Effect.gen(function*() {
      const delays: Array<number> = []
      const waited: Array<number> = []
      let last = 0
      const { repository } = yield* script((one) => {
        if (one.line.startsWith("POST")) return opened()
        return one.line.startsWith("PUT") ? { breakAfter: 64 } : stands(99)
      }, {
        config: {
          onRetry: ({ delay }) =>
            Effect.map(Clock.currentTimeMillis, (now) => {
              delays.push(Duration.toMillis(delay))
              waited.push(now - last)
              last = now
            })
        }
      })
      yield* bad(repository.putBlob(blob, content))
      // The session has got somewhere after the first failure, so they are counted anew.
      const factors = [1, 1, 2, 4, 8]
      assert.strictEqual(delays.length, factors.length)
      for (const [index, delay] of delays.entries()) {
        const factor = factors[index] ?? 0
        assert.isAtLeast(delay, 125 * factor)
        assert.isAtMost(delay, 250 * factor)
        // The wait itself is what lies between this telling and the next.
        assert.isAtLeast(waited[index + 1] ?? Infinity, Math.floor(delay))
      }
    }))

  it.effect("looks once for a blob that may have arrived, and not again when another session is lost", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        opened("/up/1"),
        { error: reset },
        gone,
        { status: 404 },
        opened("/up/2"),
        { breakAfter: 64 },
        gone,
        opened("/up/3"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(lines().map((line) => line.split(" ")[0]), [
        "POST",
        "PUT",
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "GET",
        "POST",
        "PUT"
      ])
    }))

  for (
    const [status, code, words] of [
      [400, "DIGEST_INVALID", "another digest"],
      [400, "SIZE_INVALID", "another size"],
      [400, "BLOB_UPLOAD_INVALID", "refuses the blob"]
    ] as const
  ) {
    it.effect(`sends the bytes once more after ${status} ${code}, then takes it for final and says why`, () =>
      Effect.gen(function*() {
        const { lines, repository, seen } = yield* script([
          opened(),
          said(status, code),
          created,
          opened("/up/2"),
          said(status, code),
          created
        ])
        const error = yield* bad(repository.putBlob(blob, content))
        assert.strictEqual(error._tag, "UploadInvalid")
        assert.include(error.message, words)
        assert.deepStrictEqual(lines(), [
          `POST ${uploads}`,
          `PUT ${origin}/up/1?s=1&${parameter}`,
          `DELETE ${origin}/up/1?s=1`,
          `POST ${uploads}`,
          `PUT ${origin}/up/2?${parameter}`,
          `DELETE ${origin}/up/2`
        ])
        assert.deepStrictEqual(Array.from(seen[4]?.body ?? []), Array.from(bytes))
      }))
  }

  for (const code of ["TOO_LARGE", "SIZE_INVALID"]) {
    it.effect(`takes 413 ${code} for final, and says why`, () =>
      Effect.gen(function*() {
        const { lines, repository } = yield* script([opened(), said(413, code), created])
        const error = yield* bad(repository.putBlob(blob, content))
        assert.strictEqual(error._tag, "UploadInvalid")
        assert.deepStrictEqual(lines().slice(2), [`DELETE ${origin}/up/1?s=1`])
      }))
  }

  it.effect("does not outwait a registry that still limits after the transport's tries", () =>
    Effect.gen(function*() {
      const error = new RateLimited({ method: "PUT", url: origin, status: 429, errors: [] })
      const { repository, seen } = yield* script([opened(), { error }, created])
      assert.strictEqual((yield* bad(repository.putBlob(blob, content)))._tag, "RateLimited")
      assert.strictEqual(seen.length, 3)
    }))

  it.effect("does not accept that the registry stored something else", () =>
    Effect.gen(function*() {
      const other = blobOf(sample(5)).digest
      const { repository, session } = yield* script([opened(), {
        status: 201,
        headers: { "docker-content-digest": other }
      }, created])
      assert.strictEqual((yield* bad(repository.putBlob(blob, content)))._tag, "DigestMismatch")
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
    }))

  it.effect("cancels the session when it is interrupted", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([opened(), { hang: true }, { status: 204 }])
      const fiber = yield* Effect.fork(repository.putBlob(blob, content))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(lines().length, 2)
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("299 millis")
      assert.deepStrictEqual(lines().slice(2), [])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(lines().slice(2), [`DELETE ${origin}/up/1?s=1`])
    }))

  it.effect("cancels at once when it is interrupted before its last byte", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([opened(), created, { status: 204 }])
      const stuck = Stream.concat(Stream.take(content, 1), Stream.never)
      const fiber = yield* Effect.fork(repository.putBlob(blob, stuck))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(lines().slice(2), [`DELETE ${origin}/up/1?s=1`])
    }))

  it.effect("cancels nothing when the answer to the whole blob comes soon after the interruption", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([opened(), { ...created, delay: "200 millis" }])
      const fiber = yield* Effect.fork(repository.putBlob(blob, content))
      yield* TestClock.adjust("50 millis")
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("200 millis")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.join(interruption)))
      assert.strictEqual(lines().length, 2)
    }))

  it.effect("cancels at the address in the answer to a chunk that was under way", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script(
        [
          opened(),
          { status: 202, headers: { location: "/up/1?s=2" }, delay: "200 millis" },
          { status: 204 }
        ],
        { config: { hosts: { [registry]: { chunkSize: 4 } } } }
      )
      const fiber = yield* Effect.fork(repository.putBlob(blob, content))
      yield* TestClock.adjust("50 millis")
      assert.strictEqual(lines().length, 2)
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("200 millis")
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(lines().slice(1), [`PATCH ${origin}/up/1?s=1`, `DELETE ${origin}/up/1?s=2`])
    }))

  it.effect("does not wait long for a cancellation", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([opened(), said(413, "TOO_LARGE"), { hang: true }])
      const fiber = yield* Effect.fork(Effect.flip(repository.putBlob(blob, content)))
      yield* TestClock.adjust("450 millis")
      const done = yield* Fiber.poll(fiber)
      assert.strictEqual(done._tag, "Some")
    }))
})
