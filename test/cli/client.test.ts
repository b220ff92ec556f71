/** The command's clients: how often they try. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as client from "../../src/cli/client.js"
import { logins } from "../../src/cli/options.js"

const side = { registries: ["127.0.0.1:1"], login: logins.only, user: Option.none() }

/** Tries until there are no more, of a server that fails in these ways, in the last one for ever. */
const tries = Effect.fnUntraced(function*(...failures: ReadonlyArray<"ECONNREFUSED" | "ECONNRESET" | 503>) {
  let made = 0
  const http = HttpClient.make((request) =>
    Effect.suspend(() => {
      const failure = failures[Math.min(made++, failures.length - 1)]
      return typeof failure === "number"
        ? Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: failure })))
        : new HttpClientError.RequestError({ request, reason: "Transport", cause: { code: failure } })
    })
  )
  const fiber = yield* client.one([], side).pipe(
    Effect.flatMap((registry) => registry.checkExists("127.0.0.1:1/app:1.0")),
    Effect.provideService(HttpClient.HttpClient, http),
    Effect.exit,
    Effect.fork
  )
  // As long as half a second with its jitter, then as long as all others.
  yield* TestClock.adjust("650 millis")
  const soon = made
  yield* TestClock.adjust("1 minute")
  assert.isTrue(yield* Effect.map(Fiber.join(fiber), (exit) => exit._tag === "Failure"))
  return { soon, made }
})

describe("the command's clients", () => {
  it.effect("try a refused connection once more, after half a second", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* tries("ECONNREFUSED"), { soon: 2, made: 2 })
    }))

  it.effect("try other failures as often as the library does", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* tries("ECONNRESET"), { soon: 2, made: 5 })
      assert.deepStrictEqual(yield* tries(503), { soon: 2, made: 5 })
    }))

  it.effect("count the refusals alone", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* tries(503, "ECONNREFUSED", 503)).made, 5)
      assert.strictEqual((yield* tries(503, "ECONNREFUSED", "ECONNREFUSED")).made, 3)
    }))
})
