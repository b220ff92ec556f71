import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Credentials from "../../../src/Credentials.js"
import * as Host from "../../../src/internal/http/host.js"
import * as Rotation from "../../../src/internal/http/rotation.js"

describe("identity tokens that were replaced", () => {
  it.effect("are remembered as far as they are recent: a store with a new one each time fills no memory", () =>
    Effect.gen(function*() {
      const host = yield* Host.make("example.com", {})
      const sent: Array<string> = []
      const fetchToken = Rotation.make(({ credential }) => {
        const token = Option.isSome(credential) && credential.value._tag === "Identity"
          ? credential.value.token
          : undefined
        const text = token === undefined ? "none" : Redacted.value(token)
        sent.push(text)
        const refreshToken = Redacted.make(`new-${text}`)
        return Effect.succeed({ authorization: Redacted.make("Bearer T"), renewAt: 0, scopes: [], refreshToken })
      })
      const ask = (stored: string) =>
        fetchToken({
          host,
          issuer: { realm: "https://auth.example.com/t", service: undefined },
          scopes: [],
          repository: undefined,
          credential: Option.some(Credentials.identity(Redacted.make(stored)))
        })
      for (let i = 0; i < 65; i++) yield* ask(`stored-${i}`)
      yield* ask("stored-64")
      yield* ask("stored-0")
      assert.deepStrictEqual(sent.slice(65), ["new-stored-64", "stored-0"])
    }))
})
