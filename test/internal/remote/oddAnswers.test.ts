/** Uploads into registries that answer in another way than the specification has it: an odd success, or an odd refusal. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import { type Answer, name, origin, piecewise, registry, script } from "./scripted.js"
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
  head,
  noWhole,
  opened,
  parameter,
  said,
  there,
  uploads
} from "./uploads.js"

/** Keeps what it is told of retries. */
const noting = (config: RegistryConfig.Options = {}) => {
  const retries: Array<RegistryConfig.Retry> = []
  const onRetry = (retry: RegistryConfig.Retry) => Effect.sync(() => retries.push(retry))
  return { retries, config: { ...config, onRetry } }
}

/** Where the bytes went, and how many there were. */
const bodies = (seen: ReadonlyArray<{ readonly line: string; readonly body: Uint8Array }>) =>
  seen.filter(({ line }) => /^(?:PUT|PATCH)/.test(line)).map(({ body, line }) => [
    line.split("?")[0],
    body.byteLength
  ])

describe("a blob PUT answered with another success than 201", () => {
  for (const status of [200, 202, 204]) {
    it.effect(`${status}: is believed when a HEAD finds the blob, and nothing is cancelled`, () =>
      Effect.gen(function*() {
        const { lines, repository, session } = yield* script([opened(), { status }, there])
        assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
        assert.deepStrictEqual(lines(), [`POST ${uploads}`, `PUT ${origin}/up/1?${parameter}`, head])
        assert.deepStrictEqual(session.repositoriesWith(registry, digest), [name])
      }))

    it.effect(`${status}: is not believed when there is no blob: one upload more, which may succeed`, () =>
      Effect.gen(function*() {
        const { config, retries } = noting()
        const { lines, repository, seen } = yield* script([
          opened(),
          { status },
          absent,
          cancelled,
          opened("/up/2"),
          created
        ], { config })
        assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
        assert.deepStrictEqual(lines(), [
          `POST ${uploads}`,
          `PUT ${origin}/up/1?${parameter}`,
          head,
          `DELETE ${origin}/up/1`,
          `POST ${uploads}`,
          `PUT ${origin}/up/2?${parameter}`
        ])
        assert.deepStrictEqual(Array.from(seen[5]?.body ?? []), Array.from(bytes))
        assert.deepStrictEqual(retries.map(({ method, reason }) => [method, reason]), [["PUT", String(status)]])
      }))
  }

  for (
    const [what, config, put] of [
      ["of a whole blob", {}, ["PUT"]],
      ["of the last chunk", chunked, ["PATCH", "PATCH", "PUT"]]
    ] as const
  ) {
    it.effect(`${what} fails when the second upload leaves no blob either, and says so`, () =>
      Effect.gen(function*() {
        const { repository, seen, session } = yield* script(
          (one) => one.line.startsWith("HEAD") ? absent : { status: 202, headers: { location: "/up/1" } },
          { config }
        )
        const error = yield* bad(repository.putBlob(blob, content))
        assert.strictEqual(error._tag, "UploadInvalid")
        assert.strictEqual(error._tag === "UploadInvalid" ? error.status : undefined, 202)
        assert.include(error.message, "the registry does not have the blob")
        const once = ["POST", ...put, "HEAD", "DELETE"]
        assert.deepStrictEqual(seen.map(({ request }) => request.method), [...once, ...once])
        assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
      }))
  }

  it.effect("is not believed when the HEAD finds a blob of another size", () =>
    Effect.gen(function*() {
      const short: Answer = { status: 200, headers: { "content-length": "999" } }
      const { repository, seen } = yield* script([
        opened(),
        { status: 202 },
        short,
        cancelled,
        opened("/up/2"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.strictEqual(seen.length, 6)
    }))

  it.effect("of a blob of unknown length is looked into as well", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([opened(), { status: 202 }, there])
      assert.deepStrictEqual(yield* good(repository.uploadBlob(content)), blob)
      assert.strictEqual(lines().at(-1), head)
    }))

  it.effect("fails with the error of the HEAD when that tells nothing", () =>
    Effect.gen(function*() {
      const { repository, session } = yield* script((one) =>
        one.line.startsWith("HEAD") || one.line.startsWith("GET") ? { status: 403 } : opened()
      )
      assert.strictEqual((yield* bad(repository.putBlob(blob, content)))._tag, "Denied")
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
    }))
})

describe("a POST for a session answered 200 without one", () => {
  const healthy: Answer = { status: 200, body: "Healthcheck requested" }

  it.effect("is made again, after longer and longer waits", () =>
    Effect.gen(function*() {
      const { config, retries } = noting()
      const { lines, repository } = yield* script([healthy, healthy, opened(), created], { config })
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(lines(), [
        `POST ${uploads}`,
        `POST ${uploads}`,
        `POST ${uploads}`,
        `PUT ${origin}/up/1?${parameter}`
      ])
      assert.deepStrictEqual(retries.map(({ attempt, method, reason }) => [attempt, method, reason]), [
        [1, "POST", "200"],
        [2, "POST", "200"]
      ])
      const [first = 0, second = 0] = retries.map(({ delay }) => Duration.toMillis(delay))
      assert.isAtLeast(first, 125)
      assert.isAtLeast(second, 250)
    }))

  for (const [retries, posts] of [[undefined, 5], [2, 3], [0, 1]] as const) {
    it.effect(`is given up after ${posts} with ${retries ?? "the default"} retries, and nothing is sent`, () =>
      Effect.gen(function*() {
        const { lines, repository } = yield* script(() => healthy, { config: { retries } })
        const error = yield* bad(repository.putBlob(blob, Stream.die("run")))
        assert.strictEqual(error._tag, "UploadInvalid")
        assert.include(error.message, "the registry opened no session")
        assert.deepStrictEqual(lines(), Array.from({ length: posts }, () => `POST ${uploads}`))
      }))
  }

  it.effect("is taken as it is when it brings a session", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ ...opened(), status: 200 }, created])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("does not cost a mount", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([healthy, created])
      assert.strictEqual(yield* good(repository.putBlob(blob, Stream.die("run"), { mountFrom: "base/os" })), "Mounted")
      assert.strictEqual(lines()[0], lines()[1])
    }))

  it.effect("does not delay an interruption by its waits", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([healthy])
      const fiber = yield* Effect.fork(repository.putBlob(blob, content))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(lines().length, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(lines().length, 1)
    }))
})

describe("a PUT of the whole blob answered 404", () => {
  const closing = (location: string) => `PUT ${origin}${location}?${parameter}`

  for (
    const [what, given] of [["streamed", content], ["of bytes", Effect.succeed(bytes)]] as const
  ) {
    it.effect(`${what}: goes by one PATCH and an empty PUT, in a new session and at its newest address`, () =>
      Effect.gen(function*() {
        const { config, retries } = noting({ retries: 0 })
        const { lines, repository, seen } = yield* script([
          opened(),
          noWhole,
          cancelled,
          opened("/up/2"),
          opened("/up/3"),
          created
        ], { config })
        assert.strictEqual(yield* good(repository.putBlob(blob, given)), "Uploaded")
        assert.deepStrictEqual(lines(), [
          `POST ${uploads}`,
          closing("/up/1"),
          `DELETE ${origin}/up/1`,
          `POST ${uploads}`,
          `PATCH ${origin}/up/2`,
          closing("/up/3")
        ])
        assert.deepStrictEqual(Array.from(seen[4]?.body ?? []), Array.from(bytes))
        assert.isTrue(seen[4]?.complete)
        assert.strictEqual(seen[5]?.body.byteLength, 0)
        assert.deepStrictEqual(retries.map(({ method, reason }) => [method, reason]), [["PUT", "404"]])
      }))
  }

  it.effect("leaves no session behind that the 404 was not about", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        opened(),
        { status: 404 },
        cancelled,
        opened("/up/2"),
        opened("/up/3"),
        created
      ])
      yield* good(repository.putBlob(blob, content))
      assert.strictEqual(lines()[2], `DELETE ${origin}/up/1`)
    }))

  it.effect("goes on with the PATCH where that is cut", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        noWhole,
        cancelled,
        opened("/up/2"),
        { breakAfter: 640 },
        { status: 204, headers: { range: "0-511" } },
        opened("/up/2"),
        created
      ])
      yield* good(repository.putBlob(blob, content))
      assert.strictEqual(seen[6]?.line, `PATCH ${origin}/up/2`)
      assert.strictEqual(seen[6]?.headers["content-range"], "512-999")
      assert.deepStrictEqual(Array.from(seen[6]?.body ?? []), Array.from(bytes.subarray(512)))
      assert.strictEqual(seen[7]?.body.byteLength, 0)
    }))

  it.effect("never completes a PATCH of wrong content", () =>
    Effect.gen(function*() {
      const wrong = bytes.slice()
      wrong[3] = 0
      let runs = 0
      const source = Stream.unwrap(Effect.sync(() => piecewise(runs++ === 0 ? bytes : wrong, 64)))
      const { repository, seen } = yield* script((one) => one.line.startsWith("PUT") ? noWhole : opened())
      assert.strictEqual((yield* bad(repository.putBlob(blob, source)))._tag, "DigestMismatch")
      assert.isFalse(seen.find(({ line }) => line.startsWith("PATCH"))?.complete)
      assert.strictEqual(seen.at(-1)?.line, `DELETE ${origin}/up/1`)
    }))

  it.effect("is tried by PATCH once only: a PUT again where an empty one is refused (ECR)", () =>
    Effect.gen(function*() {
      let puts = 0
      const { repository, seen } = yield* script(({ line }) => {
        if (!line.startsWith("PUT")) return opened()
        puts++
        return puts === 1 ? noWhole : puts === 2 ? said(400, "BLOB_UPLOAD_INVALID") : created
      })
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(bodies(seen), [
        [`PUT ${origin}/up/1`, 1000],
        [`PATCH ${origin}/up/1`, 1000],
        [`PUT ${origin}/up/1`, 0],
        [`PUT ${origin}/up/1`, 1000]
      ])
    }))

  it.effect("comes to an end where a PATCH is 404 too", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script(({ line }) => /^(?:POST|DELETE)/.test(line) ? opened() : noWhole)
      const error = yield* bad(repository.putBlob(blob, content))
      assert.strictEqual(error._tag === "UploadInvalid" ? error.status : error._tag, 404)
      const methods = seen.map(({ request }) => request.method).filter((method) => /^P(?:UT|ATCH)$/.test(method))
      assert.deepStrictEqual(methods, ["PUT", "PATCH", "PUT", "PUT", "PUT", "PUT"])
    }))

  it.effect("fails with what the registry says to the PATCH when that is final", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script(({ line }) =>
        line.startsWith("PUT") ? { status: 404 } : line.startsWith("PATCH") ? { status: 413 } : opened()
      )
      const error = yield* bad(repository.putBlob(blob, content))
      assert.strictEqual(error._tag === "UploadInvalid" ? error.status : error._tag, 413)
      assert.deepStrictEqual(bodies(seen).map(([line]) => line), [`PUT ${origin}/up/1`, `PATCH ${origin}/up/1`])
    }))

  it.effect("goes by PATCH where nobody knew its length", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        noWhole,
        cancelled,
        opened("/up/2"),
        opened("/up/3"),
        created
      ])
      assert.deepStrictEqual(yield* good(repository.uploadBlob(content)), blob)
      assert.deepStrictEqual(bodies(seen), [
        [`PUT ${origin}/up/1`, 1000],
        [`PATCH ${origin}/up/2`, 1000],
        [`PUT ${origin}/up/3`, 0]
      ])
    }))

  it.effect("is followed by a PUT in a new session where the session is lost, and by no PATCH", () =>
    Effect.gen(function*() {
      for (const given of [content, Effect.succeed(bytes)]) {
        const { repository, seen } = yield* script([opened(), gone, opened("/up/2"), created])
        assert.strictEqual(yield* good(repository.putBlob(blob, given)), "Uploaded")
        assert.deepStrictEqual(bodies(seen), [[`PUT ${origin}/up/1`, 1000], [`PUT ${origin}/up/2`, 1000]])
      }
    }))

  it.effect("is followed by a PATCH where the session of the next PUT is lost, too", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        gone,
        opened("/up/2"),
        gone,
        opened("/up/3"),
        opened("/up/4"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(bodies(seen), [
        [`PUT ${origin}/up/1`, 1000],
        [`PUT ${origin}/up/2`, 1000],
        [`PATCH ${origin}/up/3`, 1000],
        [`PUT ${origin}/up/4`, 0]
      ])
    }))

  it.effect("is followed by no end of tries where each session is lost", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script(({ line }) => line.startsWith("POST") ? opened() : gone)
      const error = yield* bad(repository.putBlob(blob, content))
      assert.deepInclude(error, { _tag: "UploadInvalid", status: 404 })
      const methods = seen.map(({ request }) => request.method).filter((method) => method !== "POST")
      assert.deepStrictEqual(methods, ["PUT", "PUT", "PATCH", "PUT", "PUT", "PUT"])
    }))

  it.effect("is followed by PATCHes still where the session of one of these is lost", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        noWhole,
        cancelled,
        opened("/up/2"),
        gone,
        opened("/up/3"),
        opened("/up/4"),
        gone,
        opened("/up/5"),
        opened("/up/6"),
        created
      ])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(bodies(seen), [
        [`PUT ${origin}/up/1`, 1000],
        [`PATCH ${origin}/up/2`, 1000],
        [`PATCH ${origin}/up/3`, 1000],
        [`PUT ${origin}/up/4`, 0],
        [`PATCH ${origin}/up/5`, 1000],
        [`PUT ${origin}/up/6`, 0]
      ])
    }))

  it.effect("is left to the chunks where a blob goes in several: the 404 of the last PUT is a lost session", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        opened(),
        opened(),
        opened(),
        noWhole,
        cancelled,
        opened("/up/2"),
        opened("/up/2"),
        opened("/up/2"),
        created
      ], { config: chunked })
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.deepStrictEqual(bodies(seen).slice(3), [
        [`PATCH ${origin}/up/2`, 400],
        [`PATCH ${origin}/up/2`, 400],
        [`PUT ${origin}/up/2`, 200]
      ])
    }))
})
