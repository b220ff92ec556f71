import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Scope from "../../../src/internal/http/scope.js"

const scope = FastCheck.tuple(
  FastCheck.constantFrom("repository", "registry", "other"),
  FastCheck.constantFrom("a", "team/app", "host:5000/x"),
  FastCheck.array(FastCheck.constantFrom("pull", "push", "delete", "*", ""), { maxLength: 3 })
).map(([type, name, actions]) => `${type}:${name}:${actions.join(",")}`)
const scopes = FastCheck.array(FastCheck.oneof(scope, FastCheck.constantFrom("aws", "x:", ":y", "a:b")))

describe("parse", () => {
  it("splits at the first and the last colon", () =>
    assert.deepStrictEqual(Scope.parse("repository:host:5000/team/app:push,pull"), {
      type: "repository",
      name: "host:5000/team/app",
      actions: ["pull", "push"]
    }))
  it("drops the class", () => assert.strictEqual(Scope.parse("repository(plugin):a/b:pull")?.type, "repository"))
  it("does not know other shapes", () => {
    for (const text of ["", "a", "a:b", ":b:c", "a::c", "::"]) assert.strictEqual(Scope.parse(text), undefined, text)
  })
})

describe("union", () => {
  it("merges actions, sorts, and lets * take in the others", () =>
    assert.deepStrictEqual(
      Scope.union(["repository:b:push", "repository:a:pull"], [
        "repository:b:pull  registry:catalog:*",
        "repository:a:*"
      ]),
      ["registry:catalog:*", "repository:a:*", "repository:b:pull,push"]
    ))
  it("drops what has no action and keeps what it does not know", () =>
    assert.deepStrictEqual(Scope.union(["repository:a:", "aws", "aws", "repository:b:,"]), ["aws"]))
  it.prop("is idempotent, commutative, and covers its parts", [scopes, scopes], ([a, b]) => {
    const both = Scope.union(a, b)
    assert.deepStrictEqual(Scope.union(both), both)
    assert.deepStrictEqual(Scope.union(b, a), both)
    assert.isTrue(Scope.covers(both, Scope.union(a)))
    assert.isTrue(Scope.covers(both, Scope.union(b)))
  })
})

describe("covers", () => {
  it("knows more from less", () => {
    assert.isTrue(Scope.covers(["repository:a:pull,push"], ["repository:a:pull"]))
    assert.isTrue(Scope.covers(["repository:a:*"], ["repository:a:delete"]))
    assert.isTrue(Scope.covers([], []))
    assert.isFalse(Scope.covers(["repository:a:pull"], ["repository:a:pull,push"]))
    assert.isFalse(Scope.covers(["repository:a:pull"], ["repository:b:pull"]))
    assert.isFalse(Scope.covers(["repository:a:pull"], ["aws"]))
  })
})

describe("what credentials are asked for", () => {
  const list = ["registry:catalog:*", "repository:team/app:pull,push", "repository:base:pull"]
  it("is the first repository and its actions", () => {
    assert.strictEqual(Scope.repository(list), "team/app")
    assert.deepStrictEqual(Scope.actions(list, "team/app"), ["pull", "push"])
    assert.deepStrictEqual(Scope.actions(["repository:a:*"], "a"), ["pull", "push", "delete"])
    assert.deepStrictEqual(Scope.actions(list, undefined), [])
    assert.strictEqual(Scope.repository(["registry:catalog:*"]), undefined)
  })
  it("leaves out other repositories", () =>
    assert.deepStrictEqual(Scope.ofRepository(list, "team/app"), list.slice(0, 2)))
})
