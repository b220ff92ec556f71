/** The query of an address may be a signature: nothing shows it, whatever goes wrong. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { make } from "../../../src/internal/http/secrets.js"
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

describe("a query in a text", () => {
  const { hide } = make("https://a.b")
  const twice = (text: string) => encodeURIComponent(encodeURIComponent(text))
  const signed = "https://h.example/p?a=b c&sig=SIGNATURE"
  const texts: ReadonlyArray<readonly [string, string]> = [
    ["saw https://h.example/p?a='b'&sig=SIGNATURE, sorry", "saw https://h.example/p?*** sorry"],
    ["saw 'https://h.example/p?a='b'&sig=SIGNATURE'.", "saw 'https://h.example/p?***'."],
    ["saw 'https://h.example/p?a='b'&sig=SIGNATURE", "saw 'https://h.example/p?***"],
    ["saw h.example?sig=SIGNATURE here", "saw h.example?*** here"],
    ["saw h.example?SIGNATURE here", "saw h.example?*** here"],
    ["saw localhost:5000?sig=SIGNATURE here", "saw localhost:5000?*** here"],
    ["saw ?sig=SIGNATURE here", "saw ?*** here"],
    ["what?https://h.example/p?SIGNATURE", "what?***"],
    [`saw ${encodeURIComponent(signed)} here`, "saw https%3A%2F%2Fh.example%2Fp%3F*** here"],
    [`saw ${encodeURIComponent(signed).toLowerCase()}`, "saw https%3a%2f%2fh.example%2fp%3f***"],
    [`saw ${twice(signed)} here`, "saw https%253A%252F%252Fh.example%252Fp%253F*** here"],
    ["saw localhost%3Fsig%3DSIGNATURE here", "saw localhost%3F*** here"],
    ["{\\u0022a\\u0022:\\u0022/p\\u003fsig=SIGNATURE\\u0022}", "{\\u0022a\\u0022:\\u0022/p\\u003f***"],
    [
      "{\"a\":\"https:\\/\\/h.example\\/p?sig=SIGNATURE\",\"b\":\"c\"}",
      "{\"a\":\"https:\\/\\/h.example\\/p?***\",\"b\":\"c\"}"
    ],
    ["saw https://h.example/p&#63;sig&#61;SIGNATURE", "saw https://h.example/p&#63;***"]
  ]
  for (const [text, shown] of texts) {
    it(`is not shown: ${text}`, () => assert.strictEqual(hide(text), shown))
  }

  it("is none where there is no address", () => {
    const prose = "Is it there? yes=1, \"or/not?\" (what?) Really?Yes, why?! a/b?, 100%3, c/d?' sha256:3f3f%3f, e/f?"
    assert.strictEqual(hide(prose), prose)
  })
})
