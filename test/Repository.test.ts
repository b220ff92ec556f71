import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Repository from "../src/Repository.js"
import { repositoryContract } from "./utils/repositoryContract.js"
import { image } from "./utils/samples.js"

const { config } = image(["one"])

describe("Repository.makeMemory", () => {
  repositoryContract(Repository.makeMemory())

  it.effect("mounts between repositories of one registry and session only", () =>
    Effect.gen(function*() {
      const session = yield* Repository.makeSession
      const one = yield* Repository.makeMemory({ name: "one", session })
      const two = yield* Repository.makeMemory({ name: "two", session })
      const elsewhere = yield* Repository.makeMemory({ registry: "other", name: "two", session })
      const { descriptor, raw } = config
      yield* one.putBlob(descriptor, Stream.make(raw))
      assert.isFalse(yield* two.hasBlob(descriptor.digest))
      assert.isFalse(yield* elsewhere.mountBlob!(descriptor, "one"))
      const never = Stream.dieMessage("not to be read")
      assert.strictEqual(yield* two.putBlob(descriptor, never, { mountFrom: "one" }), "Mounted")
      assert.isTrue(yield* two.hasBlob(descriptor.digest))
      assert.deepStrictEqual(session.repositoriesWith("memory", descriptor.digest), ["one", "two"])
      const again = yield* Repository.makeMemory({ name: "two", session })
      assert.isTrue(yield* again.hasBlob(descriptor.digest))
      assert.strictEqual((yield* Effect.flip(Repository.makeMemory({ name: "No/Name" })))._tag, "InvalidInput")
    }))
})
