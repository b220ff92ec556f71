import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { Request } from "../../../src/internal/http/transport.js"
import { get, type Reply, scripted, type Seen } from "./scripted.js"

/** A body of which nothing ever comes. */
const silent = () => new ReadableStream<Uint8Array>({ pull: () => new Promise<void>(() => {}) })
const challenge: Reply = {
  status: 401,
  headers: { "www-authenticate": "Bearer realm=\"https://auth.example.com/token\"" }
}
const isToken = (seen: Seen) => seen.url.startsWith("https://auth.")
const unlimited = Stream.repeatEffect(Effect.as(Effect.sleep("5 millis"), new Uint8Array(1)))

const stages: ReadonlyArray<readonly [string, (seen: Seen) => Reply, Partial<Request>?]> = [
  ["waits for an answer", () => "hang"],
  ["reads an answer", () => ({ status: 200, body: silent() }), { buffer: 100 }],
  ["reads what an error says", () => ({ status: 404, body: silent() })],
  ["clears away a redirect", () => ({ status: 307, headers: { location: "/v2/x" }, body: silent() }), {
    method: "PUT",
    body: { _tag: "Stream", content: Stream.make(new Uint8Array(1)), contentType: "a/b", length: 1 }
  }],
  ["asks for a token", (seen) => isToken(seen) ? "hang" : challenge],
  ["reads a token", (seen) => isToken(seen) ? { status: 200, body: silent() } : challenge],
  ["reads why there is no token", (seen) => isToken(seen) ? { status: 403, body: silent() } : challenge],
  ["asks for the challenge", (seen) => seen.url.endsWith("/v2/") ? "hang" : { status: 401 }],
  ["waits for its next try", () => ({ status: 503, headers: { "retry-after": "30" } })],
  ["sends a body", () => "hang", {
    method: "PUT",
    body: { _tag: "Stream", content: unlimited, contentType: "a/b", length: undefined }
  }]
]

/** Everything that waits behind the first request as well: four fibers, and places for two. */
const interrupted = (request: Request, script: (seen: Seen) => Reply) =>
  Effect.gen(function*() {
    const { log, transport } = scripted(script)
    const { execute } = yield* transport({ hosts: { "example.com": { concurrency: 1 } } })
    const fibers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.fork(Effect.scoped(execute(request))))
    yield* TestClock.adjust("50 millis")
    const exits = yield* Fiber.interruptAll(fibers).pipe(Effect.zipRight(Effect.forEach(fibers, Fiber.await)))
    return { exits, log }
  })

/** The clock stands still from the interruption on: what waited for anything would not end. */
describe("what is interrupted ends at once", () => {
  for (const [name, script, options] of stages) {
    it.effect(`while it ${name}`, () =>
      Effect.gen(function*() {
        const { exits } = yield* interrupted(get("example.com", options), script)
        assert.isTrue(exits.every(Exit.isInterrupted))
      }))
  }

  it.effect("while a stream of an answer stalls", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({ status: 200, body: silent() }))
      const { execute } = yield* transport()
      const fiber = yield* Effect.fork(
        Effect.scoped(Effect.flatMap(execute(get("example.com")), (response) => Stream.runDrain(response.stream)))
      )
      yield* TestClock.adjust("50 millis")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
    }))

  it.effect("where it must not be interrupted but for its waits, as in a finalizer", () =>
    Effect.gen(function*() {
      const { transport } = scripted(() => ({ status: 404, body: silent() }))
      const { execute } = yield* transport()
      const fiber = yield* Effect.fork(
        Effect.uninterruptible(Effect.exit(Effect.scoped(execute(get("example.com")))))
      )
      yield* TestClock.adjust("50 millis")
      yield* Fiber.interrupt(fiber)
    }))
})
