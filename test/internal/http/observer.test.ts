import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/TestClock"
import { CurrentObserver } from "../../../src/internal/observer.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import * as RegistryMetrics from "../../../src/RegistryMetrics.js"
import { get, scripted } from "./scripted.js"

const registry = "metrics.example"

describe("observer and metrics", () => {
  it.scoped("see every request that goes out, redirects and tokens too, and every retry", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen, count) => {
        const url = new URL(seen.url)
        if (url.pathname === "/token") {
          return count === 2 ? { status: 503 } : { status: 200, body: "{\"token\":\"T\"}" }
        }
        if (url.hostname === "store.example") return { status: 200, body: "hello" }
        return seen.headers["authorization"] === undefined
          ? { status: 401, headers: { "www-authenticate": `Bearer realm="https://auth.example/token"` } }
          : { status: 307, headers: { location: "https://store.example/x" } }
      })
      const { execute } = yield* transport()
      let requests = 0
      const retries: Array<RegistryConfig.Retry> = []
      const fiber = yield* execute(get(registry)).pipe(
        Effect.provideService(CurrentObserver, {
          onRequest: () => void requests++,
          onRetry: (retry) => void retries.push(retry)
        }),
        Effect.fork
      )
      yield* TestClock.adjust("1 minutes")
      yield* Fiber.join(fiber)
      // 401, token 503, token, redirect, its target
      assert.strictEqual(log.length, 5)
      assert.strictEqual(requests, 5)
      assert.deepStrictEqual(retries.map(({ attempt, reason, url }) => [url, attempt, reason]), [
        ["https://auth.example/token", 1, "503"]
      ])
      const gets = RegistryMetrics.requests.pipe(Metric.tagged("registry", registry), Metric.tagged("method", "GET"))
      assert.strictEqual((yield* Metric.value(gets)).count, 5)
      const retried = Metric.tagged(RegistryMetrics.retries, "registry", registry)
      assert.strictEqual((yield* Metric.value(retried)).count, 1)
    }))
})
