import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { inspect } from "node:util"
import { fromPlatform, isTransient, neverSent } from "../../../src/internal/http/failure.js"
import { coded } from "./scripted.js"

const request = HttpClientRequest.get("https://example.com/x?sig=S3CRET", { headers: { authorization: "S3CRET" } })
const from = (cause: unknown, reason: "Transport" | "Encode" | "InvalidUrl" = "Transport") =>
  fromPlatform("GET", request.url, new HttpClientError.RequestError({ request, reason, cause }))

describe("fromPlatform", () => {
  const table: ReadonlyArray<readonly [string, unknown, string, boolean, boolean]> = [
    ["refused", coded("ECONNREFUSED"), "Connect", true, true],
    ["several addresses", new AggregateError([coded("ECONNREFUSED"), coded("ETIMEDOUT")]), "Connect", true, true],
    ["fetch", new TypeError("fetch failed", { cause: coded("ECONNREFUSED") }), "Connect", true, true],
    ["no such name", coded("ENOTFOUND"), "Connect", false, true],
    ["reset", coded("ECONNRESET"), "Reset", true, false],
    ["expired", coded("CERT_HAS_EXPIRED"), "Tls", false, false],
    ["some certificate", coded("CERT_SIGNATURE_FAILURE"), "Tls", false, false],
    ["not HTTP", coded("HPE_INVALID_CONSTANT"), "Protocol", false, false],
    ["unknown", coded("ESOMETHING"), "Reset", true, false],
    ["no code", new Error("S3CRET"), "Reset", true, false],
    ["a name of ours", coded("constructor"), "Reset", true, false],
    ["nothing", undefined, "Reset", true, false]
  ]
  for (const [name, cause, reason, transient, unsent] of table) {
    it(`knows ${name}`, () => {
      const error = from(cause)
      assert.strictEqual(error.reason, reason)
      assert.strictEqual(isTransient(error), transient)
      assert.strictEqual(neverSent(error), unsent)
      assert.strictEqual(error.url, "https://example.com/x")
    })
  }
  it("ends with causes that go round", () => {
    const error: { cause?: unknown } = {}
    error.cause = error
    assert.strictEqual(from(error).reason, "Reset")
  })
  it("does not try again what cannot be written", () => assert.isFalse(isTransient(from(undefined, "InvalidUrl"))))
  it.prop("keeps nothing of the request or of the cause's text", [FastCheck.anything()], ([value]) => {
    const error = from({ code: value, cause: value, errors: value, message: "S3CRET" })
    assert.notInclude(inspect(error, { depth: 9, showHidden: true }), "S3CRET")
    assert.notInclude(JSON.stringify(error), "S3CRET")
  })
})
