import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { makeRegistry } from "../../src/cli/commands/serve.js"
import * as NodeRegistryServer from "../../src/NodeRegistryServer.js"
import * as Http from "../utils/http.js"

describe("serve", () => {
  it.scopedLive("keeps no log of its requests, which would grow as long as it runs", () =>
    Effect.gen(function*() {
      const registry = yield* makeRegistry(Option.none())
      const { url } = yield* NodeRegistryServer.serve(registry)
      assert.strictEqual((yield* Http.send(url, "GET", "/v2/")).status, 200)
      assert.deepStrictEqual(yield* registry.requests, [])
    }).pipe(Effect.provide(NodeHttpClient.layerUndici)))
})
