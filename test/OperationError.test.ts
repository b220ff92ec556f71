import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as E from "../src/OperationError.js"
import { ErrorEntry, isRegistryError, ManifestInvalid, TransportError } from "../src/RegistryError.js"

const cause = new TransportError({
  method: "GET",
  url: "https://a.b/v2/",
  reason: "Connect",
  description: "connection refused"
})
const notFound = (side: E.Side, errors: ReadonlyArray<ErrorEntry> = []) =>
  new E.NotFound({ resource: "manifest", reference: "a.b/c:1", side, errors })

const all = (text: string): ReadonlyArray<E.OperationError> => {
  const invalid = new ManifestInvalid({ resource: text, reason: text, errors: [] })
  const copy = new E.CopyError({ source: text, destination: text, side: "source", cause: invalid })
  return [
    new E.ParseReferenceError({ input: text, role: "image", reason: "BadFormat", description: text }),
    new E.ParsePlatformError({ input: text, description: text }),
    new E.NotFound({ resource: "blob", reference: text, side: "none", errors: [new ErrorEntry({ code: text })] }),
    new E.PlatformNotFound({ reference: text, platform: text, available: [text, text] }),
    new E.GetImageError({ reference: text, cause: invalid }),
    new E.GetImageIndexError({ reference: text, cause: invalid }),
    copy,
    new E.PushManifestError({ reference: text, cause: copy }),
    new E.RegistryOperationError({ operation: text, reference: text, cause: invalid })
  ]
}

describe("OperationError", () => {
  it("names the reference, the side and the cause", () => {
    const failure = "GET https://a.b/v2/ failed (Connect): connection refused"
    assert.strictEqual(
      new E.CopyError({ source: "a", destination: "b", side: "destination", cause }).message,
      `could not copy a to b: destination: ${failure}`
    )
    assert.strictEqual(new E.GetImageError({ reference: "a", cause }).message, `could not get image a: ${failure}`)
    assert.strictEqual(notFound("none").message, "manifest a.b/c:1 was not found")
    assert.strictEqual(
      notFound("source", [new ErrorEntry({ code: "NAME_UNKNOWN" })]).message,
      "source manifest a.b/c:1 was not found: NAME_UNKNOWN"
    )
    assert.strictEqual(
      new E.PushManifestError({ reference: "a", cause: notFound("source") }).message,
      "could not push manifest list a: source manifest a.b/c:1 was not found"
    )
    assert.match(
      new E.PlatformNotFound({ reference: "a", platform: "linux/s390x", available: ["linux/amd64"] }).message,
      /no image for linux\/s390x; available: linux\/amd64$/
    )
    assert.match(new E.PlatformNotFound({ reference: "a", platform: "b", available: [] }).message, /no platform$/)
  })

  it.effect("is caught by its tag", () =>
    Effect.gen(function*() {
      const program: Effect.Effect<never, E.OperationError> = Effect.fail(notFound("none"))
      const result = yield* Effect.catchTag(program, "NotFound", (e) => Effect.succeed(e.reference))
      assert.strictEqual(result, "a.b/c:1")
    }))

  it.prop("has a clean, bounded message of any parts", [FastCheck.string({ unit: "binary" })], ([text]) => {
    for (const error of all(text)) {
      assert.isTrue(E.isOperationError(error))
      assert.isFalse(isRegistryError(error))
      assert.notMatch(error.message, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      assert.isAtMost(error.message.length, 16_385)
    }
  })

  it("tells its own from others", () => {
    for (const other of [null, undefined, {}, cause, { _tag: "NotFound" }]) assert.isFalse(E.isOperationError(other))
  })
})
