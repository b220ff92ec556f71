import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { make } from "../../src/internal/client.js"
import { type Reply, scripted } from "./http/scripted.js"

const registry = "example.com"
const url = `https://${registry}/v2/team/app/manifests/1`
const exists = (answer: (method: string) => Reply, reference = `${registry}/team/app:1`) =>
  Effect.gen(function*() {
    const { layer, log } = scripted(({ method }) => answer(method))
    const { checkExists } = yield* Effect.provide(make({ retries: 0 }), layer())
    const result = yield* Effect.either(checkExists(reference))
    return {
      asked: log.map(({ method, url }) => `${method} ${url}`),
      result: result._tag === "Right" ? result.right : result.left._tag === "GetImageError" && result.left.cause._tag
    }
  })
const json = { "content-type": "application/json" }

describe("checkExists", () => {
  it.effect("is one HEAD, whatever that tells beside its status", () =>
    Effect.gen(function*() {
      for (const headers of [{}, json, { "content-type": "text/plain", "content-length": "0" }]) {
        const found = yield* exists(() => ({ status: 200, headers }))
        assert.deepStrictEqual(found, { asked: [`HEAD ${url}`], result: true })
      }
      assert.deepStrictEqual(yield* exists(() => ({ status: 404 })), { asked: [`HEAD ${url}`], result: false })
    }))

  it.effect("asks with a GET where a HEAD is not possible, or was answered with a web page", () =>
    Effect.gen(function*() {
      const refused: ReadonlyArray<Reply> = [
        { status: 405 },
        { status: 403 },
        { status: 200, headers: { "content-type": "text/html; charset=utf-8" } }
      ]
      for (const head of refused) {
        const absent = yield* exists((method) => method === "HEAD" ? head : { status: 404 })
        assert.deepStrictEqual(absent, { asked: [`HEAD ${url}`, `GET ${url}`], result: false })
        const page = yield* exists((method) => method === "HEAD" ? head : { status: 200, body: "<html>" })
        assert.include<unknown>(["ManifestInvalid", "Denied"], page.result)
      }
    }))

  it.effect("fails on anything but a 404, and on another digest than the one asked for", () =>
    Effect.gen(function*() {
      for (const [status, tag] of [[401, "Unauthorized"], [429, "RateLimited"], [503, "UnexpectedStatus"]] as const) {
        assert.strictEqual((yield* exists(() => ({ status }))).result, tag)
      }
      const [one, two] = ["a", "b"].map((letter) => `sha256:${letter.repeat(64)}`)
      const headers = { "docker-content-digest": two! }
      const { result } = yield* exists(() => ({ status: 200, headers }), `${registry}/team/app@${one}`)
      assert.strictEqual(result, "DigestMismatch")
    }))
})
