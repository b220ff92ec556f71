/** The query of an address may be a signature: nothing shows it, whatever goes wrong. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { visible } from "../../utils/visible.js"
import { coded, get, type Reply, scripted } from "./scripted.js"

const broken = (): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    pull: (controller) => controller.error(coded("ECONNRESET"))
  }, { highWaterMark: 0 })

const signed = "https://example.com/v2/team/app/blobs/uploads/1?_state=SIGNATURE&digest=sha256%3Aaa"
const replies: ReadonlyArray<readonly [string, () => Reply]> = [
  ["an answer that cannot have a body", () => ({ status: 204 })],
  ["an accepted answer whose body breaks off", () => ({ status: 201, body: broken() })],
  ["a short body that breaks off", () => ({ status: 201, headers: { "content-length": "5" }, body: broken() })],
  ["a refusal whose body breaks off", () => ({ status: 400, body: broken() })],
  ["a refusal with a length whose body breaks off", () => ({
    status: 503,
    headers: { "content-length": "5" },
    body: broken()
  })],
  ["a redirect whose body breaks off", () => ({
    status: 307,
    headers: { location: "/elsewhere?sig=SIGNATURE" },
    body: broken()
  })],
  ["no answer", () => ({ cause: coded("ECONNRESET") })],
  ["a defect of the client", () => ({ cause: new Error("at https://example.com/?sig=SIGNATURE") })]
]

describe("the query of an address", () => {
  for (const [name, reply] of replies) {
    for (const buffer of [undefined, 1000]) {
      it.scopedLive(`is in no log, span or error after ${name}${buffer === undefined ? "" : ", wanted whole"}`, () =>
        Effect.gen(function*() {
          const { log, transport } = scripted((seen) =>
            seen.url.includes("/elsewhere") ? { status: 201, body: broken() } : reply()
          )
          const { call, execute } = yield* transport({ retry: Schedule.recurs(1) })
          const request = get("example.com", { method: "PUT", url: signed, accept: [201, 204], buffer })
          for (const effect of [call(request), Effect.scoped(execute(request))]) {
            const { exit, texts } = yield* visible(Effect.asVoid(effect))
            assert.isTrue(Exit.isSuccess(exit) || texts.length > 5)
            for (const text of texts) assert.notInclude(text, "SIGNATURE")
          }
          assert.isAbove(log.length, 1)
        }))
    }
  }
})
