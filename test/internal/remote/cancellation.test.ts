/** What is left of an upload session, or of a request for one, that is given up. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { type Answer, origin, registry, script } from "./scripted.js"
import { bad, blob, cancelled, chunked, content, created, digest, good, methods, opened, said } from "./uploads.js"

const late = (answer: Answer): Answer => ({ ...answer, delay: "200 millis" })

/** Interrupts it after so long, and gives its exit, which has to come within half a second. */
const interrupted = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("50 millis")
    const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
    yield* TestClock.adjust("500 millis")
    assert.strictEqual((yield* Fiber.poll(interruption))._tag, "Some", "the interruption is not over")
    return yield* Fiber.join(interruption)
  })

describe("a request for a session that is interrupted", () => {
  it.effect("is waited for, so that the session can be cancelled", () =>
    Effect.gen(function*() {
      const { lines, repository, seen } = yield* script([late(opened()), cancelled])
      assert.isTrue(Exit.isInterrupted(yield* interrupted(repository.putBlob(blob, content))))
      assert.deepStrictEqual(methods(seen), ["POST", "DELETE"])
      assert.strictEqual(lines()[1], `DELETE ${origin}/up/1`)
    }))

  it.effect("is waited for where it is a mount alone, too", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([late(opened()), cancelled])
      assert.isTrue(Exit.isInterrupted(yield* interrupted(repository.mountBlob(blob, "base/os"))))
      assert.deepStrictEqual(lines().slice(1), [`DELETE ${origin}/up/1`])
    }))

  it.effect("is given up when no answer comes soon", () =>
    Effect.gen(function*() {
      for (const what of ["putBlob", "mountBlob"] as const) {
        const { repository, seen } = yield* script([{ hang: true }])
        const run = what === "putBlob" ? repository.putBlob(blob, content) : repository.mountBlob(blob, "base/os")
        assert.isTrue(Exit.isInterrupted(yield* interrupted<unknown, unknown>(run)))
        assert.deepStrictEqual(seen.map(({ released }) => released), [true], what)
      }
    }))

  it.effect("is not waited for longer where its connection cannot be given up", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([{ stuck: true }])
      assert.isTrue(Exit.isInterrupted(yield* interrupted(repository.putBlob(blob, content))))
      assert.deepStrictEqual(methods(seen), ["POST"])
    }))
})

describe("bytes on their way that are interrupted", () => {
  for (const [what, config] of [["whole", {}], ["in chunks", chunked]] as const) {
    it.effect(`${what}: leave no request behind`, () =>
      Effect.gen(function*() {
        const { repository, seen } = yield* script([opened(), { hang: true }, cancelled], { config })
        assert.isTrue(Exit.isInterrupted(yield* interrupted(repository.putBlob(blob, content))))
        assert.deepStrictEqual(seen.map(({ released, request }) => [request.method, released]), [
          ["POST", true],
          [what === "whole" ? "PUT" : "PATCH", true],
          ["DELETE", true]
        ])
      }))
  }

  it.effect("of bytes that are all there: are waited for as well, and leave the blob", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened(), late(created)])
      const whole = Effect.map(Effect.void, () => new Uint8Array(1000))
      yield* interrupted(repository.putBlob(blob, whole, { isVerified: true }))
      assert.deepStrictEqual(methods(seen), ["POST", "PUT"])
    }))
})

describe("a cancellation", () => {
  it.effect("is not waited for where its connection cannot be given up", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([opened(), said(413, "TOO_LARGE"), { stuck: true }])
      const fiber = yield* Effect.fork(Effect.flip(repository.putBlob(blob, content)))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* Fiber.poll(fiber))._tag, "Some")
      assert.deepStrictEqual(methods(seen), ["POST", "PUT", "DELETE"])
    }))

  it.effect("does not change the outcome when it is refused", () =>
    Effect.gen(function*() {
      for (const answer of [{ status: 404 }, { status: 500 }, { status: 401 }]) {
        const { repository, seen } = yield* script([opened(), said(413, "TOO_LARGE"), answer])
        assert.strictEqual((yield* bad(repository.putBlob(blob, content)))._tag, "UploadInvalid")
        assert.strictEqual(seen.length, 3)
      }
    }))
})

describe("a mount", () => {
  const other = `sha256:${"0".repeat(64)}`
  const elsewhere: Answer = { status: 201, headers: { "docker-content-digest": other } }

  it.effect("alone: forgets that the blob is in the other repository when it is refused, not when the registry is down", () =>
    Effect.gen(function*() {
      for (const [status, known] of [[404, []], [403, []], [401, []], [405, []], [503, ["base/os"]]] as const) {
        const { repository, session } = yield* script([{ status }])
        session.markBlob(registry, "base/os", digest)
        yield* Effect.exit(good(Effect.either(repository.mountBlob(blob, "base/os"))))
        assert.deepStrictEqual(session.repositoriesWith(registry, digest), known, String(status))
      }
    }))

  it.effect("alone: is not asked for of what can never be one", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([])
      for (const wrong of [{ ...blob, size: -1 }, { ...blob, digest: "sha256:../../x" as typeof digest }]) {
        assert.strictEqual((yield* bad(repository.mountBlob(wrong, "base/os")))._tag, "InvalidInput")
      }
      assert.strictEqual(seen.length, 0)
    }))

  it.effect("alone: fails when the registry mounted something else", () =>
    Effect.gen(function*() {
      const { repository, session } = yield* script([elsewhere])
      assert.strictEqual((yield* bad(repository.mountBlob(blob, "base/os")))._tag, "DigestMismatch")
      assert.deepStrictEqual(session.repositoriesWith(registry, digest), [])
    }))

  it.effect("gives way to an upload when the registry mounted something else", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([elsewhere, opened(), created])
      assert.strictEqual(yield* good(repository.putBlob(blob, content, { mountFrom: "base/os" })), "Uploaded")
      assert.deepStrictEqual(methods(seen), ["POST", "POST", "PUT"])
    }))
})
