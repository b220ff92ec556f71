import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Progress from "../../src/cli/progress.js"
import * as Digest from "../../src/Digest.js"

const terminal = (isTTY: boolean) => {
  const written: Array<string> = []
  return { isTTY, written, write: (text: string) => written.push(text) }
}

/** Reads what is sent to it. */
const sink = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make((request) =>
    Effect.as(
      request.body._tag === "Stream" ? Stream.runDrain(request.body.stream).pipe(Effect.orDie) : Effect.void,
      HttpClientResponse.fromWeb(request, new Response())
    )
  )
)

const upload = HttpClient.put("http://localhost/", {
  body: HttpBody.stream(Stream.make(new Uint8Array(1000), new Uint8Array(2000)), "application/octet-stream", 3000)
})

const work = Effect.gen(function*() {
  yield* upload
  yield* Effect.sleep("5 seconds")
  return "done"
}).pipe(Progress.watch)

describe("progress", () => {
  it.effect("says nothing for two seconds, then how it goes, and leaves an empty line", () =>
    Effect.gen(function*() {
      const screen = terminal(true)
      const fiber = yield* Effect.fork(Effect.provide(work, Progress.layer(sink, screen)))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(screen.written, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(screen.written, ["\r\u001b[K3 s, 2.9 KiB uploaded"])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.strictEqual(screen.written.at(-1), "\r\u001b[K")
      const { length } = screen.written
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(screen.written.length, length)
    }))

  it.effect("writes nothing where there is no terminal", () =>
    Effect.gen(function*() {
      const screen = terminal(false)
      const program = Effect.zipLeft(work, Progress.note("a note"))
      const fiber = yield* Effect.fork(Effect.provide(program, Progress.layer(sink, screen)))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.deepStrictEqual(screen.written, [])
    }))

  it("tells what a copy did", () => {
    const digest = Digest.fromBytes(new Uint8Array())
    const blob = (outcome: "Uploaded" | "Mounted" | "Existed") => ({
      descriptor: { mediaType: "application/octet-stream", digest, size: 0 },
      outcome
    })
    assert.strictEqual(
      Progress.summary({ outcome: "Skipped", blobs: [], bytes: 0 }),
      "it was there already; nothing was written"
    )
    assert.strictEqual(
      Progress.summary({
        outcome: "Copied",
        blobs: [blob("Uploaded"), blob("Uploaded"), blob("Existed")],
        bytes: 3 * 1024 * 1024
      }),
      "copied; blobs: 2 uploaded (3.0 MiB), 1 there already"
    )
  })

  it("writes sizes", () => {
    assert.deepStrictEqual(
      [0, 1, 1023, 1024, 1536, 1024 ** 2, 5.5 * 1024 ** 3].map(Progress.formatBytes),
      ["0 B", "1 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.5 GiB"]
    )
  })
})
