import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { vi } from "vitest"
import * as Auth from "../../../src/internal/http/auth.js"
import * as Host from "../../../src/internal/http/host.js"
import * as Scopes from "../../../src/internal/http/scope.js"
import * as ScopeIndex from "../../../src/internal/http/scopeIndex.js"

interface Entry {
  readonly wanted: ReadonlyArray<string>
  readonly given: ReadonlyArray<string>
}

const scope = FastCheck.constantFrom(
  "repository:a:pull",
  "repository:a:pull,push",
  "repository:b:pull",
  "repository:b:*",
  "repository(plugin):b:pull",
  "registry:catalog:*",
  "strange"
)
const scopes = FastCheck.array(scope, { maxLength: 3 }).map((list) => Scopes.union(list))

describe("the index of scopes", () => {
  it.prop(
    "finds what a look at all of them finds, in the same order",
    [FastCheck.array(FastCheck.record({ wanted: scopes, given: scopes, gone: FastCheck.boolean() })), scopes],
    ([made, need]) => {
      const index = ScopeIndex.make<Entry>(({ given }) => given)
      for (const entry of made) index.add(entry)
      for (const entry of made) if (entry.gone) index.remove(entry)
      const left = made.filter(({ gone }) => !gone)
      assert.deepStrictEqual([...index.all], left)
      assert.deepStrictEqual([...index.covering(need)], left.filter(({ given }) => Scopes.covers(given, need)))
      assert.deepStrictEqual(
        [...index.wanting(need)],
        left.filter(({ wanted }) => wanted.join(" ") === need.join(" "))
      )
    }
  )

  it("looks at few of many, also where all are good for a part of it", () => {
    let looked = 0
    const index = ScopeIndex.make<Entry>(({ given }) => (looked++, given))
    // The scope that they all have is once the first of the two and once the last.
    const both = (i: number) =>
      [`repository:${i % 2 === 0 ? "app" : "team"}-${i}:pull,push`, "repository:base:pull"].sort()
    for (let i = 0; i < 3000; i++) index.add({ wanted: both(i), given: both(i) })
    looked = 0
    assert.strictEqual([...index.covering(both(6))].length, 1)
    assert.strictEqual([...index.covering(both(7))].length, 1)
    assert.strictEqual([...index.covering(["repository:other:pull"])].length, 0)
    assert.strictEqual([...index.wanting(both(2000))].length, 1)
    assert.isAtMost(looked, 4)
  })
})

describe("tokens for many repositories", () => {
  const pull = (i: number) => [`repository:app-${i}:pull`]
  const setting = Effect.gen(function*() {
    let fetched = 0
    const host = yield* Host.make("example.com", {})
    const auth = Auth.make(
      { get: () => Effect.succeed(Option.none()) },
      ({ scopes }) =>
        Effect.clockWith((clock) =>
          Effect.map(clock.currentTimeMillis, (now) => {
            fetched++
            return { authorization: Redacted.make(`Bearer ${scopes.join()}`), renewAt: now + 60_000, scopes }
          })
        )
    )
    auth.learn(host, "Bearer realm=\"https://auth.example.com/token\"")
    const authorize = (i: number) => auth.authorize(host, pull(i))
    return { authorize, fetched: () => fetched }
  })

  it.effect("cost a request as much as those for one", () =>
    Effect.gen(function*() {
      const { authorize, fetched } = yield* setting
      // Every scope that is looked at is split there.
      const split = vi.spyOn(String.prototype, "lastIndexOf")
      const cost = (i: number) =>
        Effect.map(Effect.sync(() => split.mockClear()).pipe(Effect.zipRight(authorize(i))), () =>
          split.mock.calls.length)
      const first = yield* cost(0)
      const again = yield* cost(0)
      for (let i = 1; i < 3000; i++) {
        yield* authorize(i)
      }
      assert.strictEqual(yield* cost(3000), first)
      assert.strictEqual(yield* cost(0), again)
      assert.strictEqual(yield* cost(2999), again)
      assert.strictEqual(fetched(), 3001)
      split.mockRestore()
    }))

  it.effect("are got again when they have expired, whether others are looked for meanwhile or not", () =>
    Effect.gen(function*() {
      const { authorize, fetched } = yield* setting
      for (let i = 0; i < 100; i++) yield* authorize(i)
      yield* TestClock.adjust("2 minutes")
      for (let i = 1000; i < 1100; i++) yield* authorize(i)
      yield* authorize(1000)
      assert.strictEqual(fetched(), 200)
      for (let i = 0; i < 100; i++) yield* authorize(i)
      assert.strictEqual(fetched(), 300)
    }))
})
