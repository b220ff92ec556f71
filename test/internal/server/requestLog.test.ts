import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { embedded } from "../../utils/embedded.js"

describe("server/requestLog", () => {
  it.effect("keeps the latest requests, oldest first", () =>
    Effect.gen(function*() {
      const { send, server } = yield* embedded({ logSize: 3 })
      const paths = Effect.map(server.requests, (entries) => entries.map(({ path }) => path.slice("/v2/".length)))
      const ask = (...names: ReadonlyArray<string>) => Effect.forEach(names, (name) => send("GET", `/v2/${name}`))
      yield* ask("1", "2")
      assert.deepStrictEqual(yield* paths, ["1", "2"])
      yield* ask("3", "4", "5", "6", "7")
      assert.deepStrictEqual(yield* paths, ["5", "6", "7"])
      yield* server.clearRequests
      assert.deepStrictEqual(yield* paths, [])
      yield* ask("8", "9", "10", "11")
      assert.deepStrictEqual(yield* paths, ["9", "10", "11"])
    }))

  it.effect("keeps nothing when it is off", () =>
    Effect.gen(function*() {
      const { send, server } = yield* embedded({ logSize: 0 })
      assert.strictEqual((yield* send("GET", "/v2/")).status, 200)
      assert.deepStrictEqual(yield* server.requests, [])
    }))
})
