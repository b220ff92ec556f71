import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Credentials from "../../../src/Credentials.js"
import * as Host from "../../../src/internal/http/host.js"
import * as Rotation from "../../../src/internal/http/rotation.js"
import { type RegistryError, Unauthorized } from "../../../src/RegistryError.js"

/** What a token server does with an identity token: its new one, if any. */
type Grant = (sent: string, count: number) => Effect.Effect<string | undefined, RegistryError>

/** Asks for tokens of `example.com`, with a log of the identity tokens that are sent. */
const asking = (grant: Grant) =>
  Effect.map(Host.make("example.com", {}), (host) => {
    const sent: Array<string> = []
    const fetchToken = Rotation.make(({ credential }) => {
      const token = Option.isSome(credential) && credential.value._tag === "Identity"
        ? Redacted.value(credential.value.token)
        : "none"
      return Effect.map(Effect.suspend(() => grant(token, sent.push(token))), (fresh) => ({
        authorization: Redacted.make("Bearer T"),
        renewAt: 0,
        scopes: [],
        refreshToken: fresh === undefined ? undefined : Redacted.make(fresh)
      }))
    })
    const ask = (stored = "stored", service = "s") =>
      fetchToken({
        host,
        issuer: { realm: "https://auth.example.com/t", service },
        scopes: [],
        repository: undefined,
        credential: Option.some(Credentials.identity(Redacted.make(stored)))
      })
    return { ask, sent }
  })

const refused = (status: number) =>
  new Unauthorized({ method: "POST", url: "https://auth.example.com/t", status, errors: [], credentials: "a token" })

/** Lets other fibers run until they wait. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow(), { discard: true })

/** Each answer waits for its turn; `answer` gives the oldest one that is waited for. */
const gated = (grant: Grant) => {
  const waiting: Array<Deferred.Deferred<void>> = []
  const held: Grant = (sent, count) =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      waiting.push(gate)
      yield* Deferred.await(gate)
      return yield* grant(sent, count)
    })
  const answer = Effect.suspend(() => {
    const gate = waiting.shift()
    return gate === undefined ? Effect.void : Effect.zipRight(Deferred.succeed(gate, undefined), settle)
  })
  return { held, answer }
}

describe("identity tokens that were replaced", () => {
  it.effect("are remembered as far as they are recent: a store with a new one each time fills no memory", () =>
    Effect.gen(function*() {
      const { ask, sent } = yield* asking((sent) => Effect.succeed(`new-${sent}`))
      for (let i = 0; i < 65; i++) yield* ask(`stored-${i}`)
      yield* ask("stored-64")
      yield* ask("stored-0")
      assert.deepStrictEqual(sent.slice(65), ["new-stored-64", "stored-0"])
    }))

  it.effect("are sent once by each request when they are refused and nothing newer is known", () =>
    Effect.gen(function*() {
      const { ask, sent } = yield* asking(() => Effect.fail(refused(400)))
      yield* Effect.flip(ask())
      yield* Effect.flip(ask())
      assert.deepStrictEqual(sent, ["stored", "stored"])
    }))

  it.effect("are never sent once they have ended, by however many requests at the same time", () =>
    Effect.gen(function*() {
      let valid = "stored"
      const { ask, sent } = yield* asking((sent, count) =>
        Effect.zipRight(
          settle,
          Effect.suspend(() => sent === valid ? Effect.succeed(valid = `new-${count}`) : Effect.fail(refused(400)))
        )
      )
      yield* Effect.forEach(Array.from({ length: 300 }), () => ask(), { concurrency: "unbounded" })
      assert.deepStrictEqual(sent, ["stored", ...Array.from({ length: 299 }, (_, n) => `new-${n + 1}`)])
    }))
})

describe("requests with one identity token", () => {
  it.effect("go at the same time when the first one was answered without a new one", () =>
    Effect.gen(function*() {
      const { answer, held } = gated(() => Effect.succeed(undefined))
      const { ask, sent } = yield* asking(held)
      yield* Effect.fork(Effect.forEach([1, 2, 3], () => ask(), { concurrency: "unbounded" }))
      yield* settle
      assert.deepStrictEqual(sent, ["stored"])
      yield* answer
      assert.deepStrictEqual(sent, ["stored", "stored", "stored"])
      yield* Effect.fork(ask())
      yield* settle
      assert.strictEqual(sent.length, 4)
    }))

  it.effect("go at the same time when the token server gives the one back that it was sent", () =>
    Effect.gen(function*() {
      const { answer, held } = gated((sent) => Effect.succeed(sent))
      const { ask, sent } = yield* asking(held)
      yield* Effect.fork(Effect.forEach([1, 2, 3], () => ask(), { concurrency: "unbounded" }))
      yield* settle
      yield* answer
      assert.deepStrictEqual(sent, ["stored", "stored", "stored"])
    }))

  it.effect("go one at a time from the first new one on", () =>
    Effect.gen(function*() {
      const { answer, held } = gated((_, count) => Effect.succeed(count === 2 ? "new-2" : undefined))
      const { ask, sent } = yield* asking(held)
      yield* Effect.fork(ask())
      yield* settle
      yield* answer
      yield* Effect.fork(ask())
      yield* settle
      yield* answer
      yield* Effect.fork(Effect.forEach([1, 2], () => ask(), { concurrency: "unbounded" }))
      yield* settle
      assert.deepStrictEqual(sent, ["stored", "stored", "new-2"])
      yield* answer
      assert.deepStrictEqual(sent, ["stored", "stored", "new-2", "new-2"])
    }))

  it.effect("wait for no other identity token, and for no other service", () =>
    Effect.gen(function*() {
      const { held } = gated((sent) => Effect.succeed(`new-${sent}`))
      const { ask, sent } = yield* asking(held)
      yield* Effect.fork(ask())
      yield* Effect.fork(ask("other"))
      yield* Effect.fork(ask("stored", "other service"))
      yield* settle
      assert.deepStrictEqual(sent, ["stored", "other", "stored"])
    }))

  for (const fails of [true, false]) {
    it.effect(`go on, one at a time, when the first one ${fails ? "fails" : "is interrupted"}`, () =>
      Effect.gen(function*() {
        const { answer, held } = gated((_, count) =>
          fails && count === 1 ? Effect.fail(refused(401)) : Effect.succeed(`new-${count}`)
        )
        const { ask, sent } = yield* asking(held)
        const first = yield* Effect.fork(ask())
        yield* settle
        const others = yield* Effect.forEach([2, 3, 4], () => Effect.fork(ask()))
        yield* settle
        assert.deepStrictEqual(sent, ["stored"])
        if (!fails) yield* Fiber.interrupt(first)
        // One that only waits takes no turn with it.
        yield* Effect.forEach(others.slice(1, 2), Fiber.interrupt)
        yield* answer
        assert.deepStrictEqual(sent, ["stored", "stored"])
        yield* answer
        yield* answer
        yield* answer
        assert.deepStrictEqual(sent, ["stored", "stored", "new-2"])
        const exits = yield* Effect.forEach([first, ...others], Fiber.await)
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [false, true, false, true])
      }))
  }
})
