import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as E from "../src/RegistryError.js"

const http = { method: "GET", url: "https://a.b/v2/c/manifests/1", status: 401, errors: [] }
const entry = (code: string, message?: string) => new E.ErrorEntry({ code, message })

const all = (text: string): ReadonlyArray<E.RegistryError> => {
  const answer = { method: text, url: text, status: 500, errors: [entry(text, text)] }
  return [
    new E.Unauthorized({ ...answer, credentials: text }),
    new E.Denied({ ...answer, credentials: text }),
    new E.RateLimited({ ...answer, retryAfter: Duration.seconds(1) }),
    new E.DigestMismatch({ resource: text, expected: text, actual: text }),
    new E.SizeMismatch({ resource: text, expected: 1, actual: 2 }),
    new E.ManifestInvalid({ resource: text, reason: text, errors: answer.errors }),
    new E.UnsupportedMediaType({ resource: text, mediaType: text, reason: text }),
    new E.UploadInvalid({ ...answer, reason: text }),
    new E.UnexpectedStatus(answer),
    new E.TransportError({ method: text, url: text, reason: "Reset", description: text }),
    new E.CredentialsError({ registry: text, reason: text }),
    new E.NotAnImage({ resource: text, mediaType: text, advice: text }),
    new E.NotAnIndex({ resource: text, mediaType: text, advice: text }),
    new E.InvalidInput({ field: text, reason: text }),
    new E.AlreadyExists({ reference: text, digest: text }),
    new E.AlreadyExists({ reference: text, digest: text, errors: answer.errors }),
    new E.StorageError({ path: text, reason: text })
  ]
}

describe("RegistryError", () => {
  it("says what was asked, what came, what was tried and what to do", () => {
    const errors = [entry("UNAUTHORIZED", "authentication required"), entry("DENIED")]
    assert.strictEqual(
      new E.Unauthorized({ ...http, errors, credentials: "basic credentials of user \"ci\"" }).message,
      "GET https://a.b/v2/c/manifests/1 was answered 401: UNAUTHORIZED (authentication required), DENIED; " +
        "tried basic credentials of user \"ci\": check these credentials, what they may do in this repository, and its " +
        "name: many registries answer 401 for a repository that does not exist"
    )
    assert.match(new E.Unauthorized({ ...http, credentials: "anonymous" }).message, /provide credentials/)
    assert.match(new E.RateLimited({ ...http, retryAfter: Duration.minutes(2) }).message, /asks to wait 2m$/)
    assert.match(new E.RateLimited({ ...http, retryAfter: Duration.infinity }).message, /wait/)
  })

  it("shows the first few of many entries", () => {
    const error = new E.UnexpectedStatus({ ...http, errors: Array.from({ length: 9 }, (_, i) => entry(`E${i}`)) })
    assert.match(error.message, /: E0, E1, E2, E3, E4, and 4 more$/)
    assert.strictEqual(error.errors.length, 9)
  })

  it.prop("has a clean, bounded message of any parts, and is sent and read back", [
    FastCheck.string({ unit: "binary" })
  ], ([text]) => {
    const codec = Schema.parseJson(E.RegistryError)
    for (const error of all(text)) {
      assert.isTrue(E.isRegistryError(error))
      assert.notMatch(error.message, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      assert.isAtMost(error.message.length, 16_385)
      const back = Schema.decodeSync(codec)(Schema.encodeSync(codec)(error))
      assert.strictEqual(back._tag, error._tag)
      assert.strictEqual(back.message, error.message)
    }
  })

  it("tells its own from others", () => {
    for (const other of [null, undefined, "x", {}, new Error("x"), { _tag: "Denied" }]) {
      assert.isFalse(E.isRegistryError(other))
    }
  })
})
