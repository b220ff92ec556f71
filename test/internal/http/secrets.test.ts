/** A registry, or a proxy before it, repeats what it was sent: nobody gets to see it. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Credentials from "../../../src/Credentials.js"
import * as Digest from "../../../src/Digest.js"
import { parseErrorBody } from "../../../src/internal/errorEntries.js"
import { make } from "../../../src/internal/http/secrets.js"
import { redact } from "../../../src/internal/http/url.js"
import { makeRepository } from "../../../src/internal/remote/repository.js"
import { make as makeSession } from "../../../src/internal/session.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import { processorTime } from "../../utils/processorTime.js"
import { visible } from "../../utils/visible.js"
import { base64, encodings } from "./encodings.js"
import { get, type Reply, scripted } from "./scripted.js"

/** Whether one of the forms is in the text, in whatever case and lines. */
const isSeen = (text: string, forms: ReadonlyArray<string>): boolean => {
  const plain = (one: string) => one.replaceAll(/\s/g, "").toLowerCase()
  return forms.some((form) => plain(text).includes(plain(form)))
}

const secret = FastCheck.oneof(
  FastCheck.string({
    unit: FastCheck.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789"),
    minLength: 8,
    maxLength: 40
  }),
  FastCheck.string({
    unit: FastCheck.constantFrom(..."aZ09!#$%&'()*,./:;<=>?@[\\]^_`{|}~\"äß€😀"),
    minLength: 8,
    maxLength: 40
  })
)
const encoding = FastCheck.constantFrom(...Object.keys(encodings))
const encode = (name: string, text: string) => (encodings[name] ?? redact)(text)

/** An address with so many values that are no words of the protocol. */
const longUrl = (parameters: number, seed: number): string =>
  `https://a.b/?${Array.from({ length: parameters }, (_, n) => `p${n}=value-${seed}-${n}`).join("&")}`

describe("Hide", () => {
  const hidden = (header: string, text: string) =>
    make("https://a.b").sent({ url: "https://a.b/", headers: [header] })(text)

  it.prop("finds a secret however it is written", [secret, encoding, FastCheck.string(), FastCheck.string()], ([
    text,
    name,
    before,
    after
  ]) => {
    const form = encode(name, text)
    const shown = hidden(`Bearer ${text}`, `${before} ${form} ${after}`)
    assert.isFalse(isSeen(shown.replace(before, ""), [form]), shown)
  })

  it.prop("finds the password of a user, and both together", [secret, encoding], ([password, name]) => {
    const header = `Basic ${base64(`somebody:${password}`)}`
    const forms = [password, header, `somebody:${password}`].map((text) => encode(name, text))
    for (const form of [...forms, base64(`other:${password}`)]) {
      assert.isFalse(isSeen(hidden(header, `bad header ${form}, really`), [form, password]))
    }
  })

  it("leaves what is no secret", () => {
    const text = "requested access to repository:team/app:pull is denied, see https://example.com/a&b%20c \\u0041"
    assert.strictEqual(hidden("Bearer abcdefgh", text), text)
  })

  it("hides a short secret only where it stands alone, and a shorter one only in what was sent", () => {
    const short = `Basic ${base64("ci:test")}`
    assert.strictEqual(hidden(short, "latest test, %22test%22 contest"), "latest ***, %22***%22 contest")
    const shorter = `Basic ${base64("ci:abc")}`
    assert.strictEqual(hidden(shorter, `abc, ci:abc, ${shorter}`), "abc, ***, Basic ***")
  })

  it("hides a secret whose end is cut off, and none that is cut by us", () => {
    const token = "0123456789abcdefghijklmnop"
    assert.strictEqual(hidden(`Bearer ${token}`, "bad token 0123456789abcdef…"), "bad token ***…")
    for (let n = 16_000; n < 16_400; n += 7) {
      assert.notInclude(hidden(`Bearer ${token}`, "-".repeat(n) + token + " ".repeat(20_000)), "0123")
    }
  })

  it("takes the query from whatever looks like an address", () => {
    assert.strictEqual(
      hidden("x", "GET https://a.b/c?sig=1&x=2 failed (\"/d?e=f\"), why? or/what?"),
      "GET https://a.b/c?*** failed (\"/d?***\"), why? or/what?"
    )
  })

  it("knows what was sent in an address or a form, but not what the protocol has there", () => {
    const secrets = make("https://a.b")
    const hide = secrets.sent({
      url: "https://a.b/v2/?_state=abcd%2Fefgh%3D&digest=sha256:0123456789&last=alpine-edge",
      headers: [],
      form: "grant_type=refresh_token&refresh_token=a+b%2Bcdefgh&scope=repository%3Ateam%2Fapp%3Apull"
    })
    for (const one of [hide, secrets.hide]) {
      assert.strictEqual(one("state abcd/efgh="), "state ***")
      assert.strictEqual(one("token a b+cdefgh, a%20b%2bcdefgh"), "token ***, ***")
      const plain = "sha256:0123456789 alpine-edge refresh_token repository:team/app:pull"
      assert.strictEqual(one(plain), plain)
    }
  })

  it("forgets what was sent long ago, except in the exchange itself", () => {
    const secrets = make("https://a.b")
    const first = secrets.sent({ url: "", headers: ["Bearer first-token"] })
    for (let n = 0; n < 1000; n++) secrets.sent({ url: "", headers: [`Bearer other-token-${n}`] })
    assert.strictEqual(secrets.hide("first-token other-token-999"), "first-token ***")
    assert.strictEqual(first("first-token other-token-999"), "*** ***")
  })

  it("remembers longest what was sent last, and hides all of a secret that another one is a part of", () => {
    const often = make("https://a.b")
    for (let n = 0; n < 200; n++) {
      for (const value of ["used-all-the-time", `used-once-${n}`]) {
        often.sent({ url: "https://a.b/", headers: [`Bearer ${value}`] })
      }
      assert.strictEqual(often.hide("used-all-the-time"), "***")
    }
    const nested = make("https://a.b")
    nested.sent({ url: "https://a.b/", headers: ["Bearer qwertzuiop-asdfghjkl-yxcvbnm", "Bearer asdfghjkl"] })
    assert.strictEqual(nested.hide("(qwertzuiop-asdfghjkl-yxcvbnm)"), "(***)")
  })

  it("remembers what was sent in headers and forms, however many parameters addresses have", () => {
    const secrets = make("https://a.b")
    secrets.sent({ url: "https://a.b/", headers: ["Bearer token-of-header"], form: "refresh_token=token-of-form" })
    for (let n = 0; n < 3; n++) secrets.sent({ url: longUrl(70, n), headers: [] })
    assert.strictEqual(
      secrets.shown("https://a.b/v2/token-of-header/token-of-form?x=y"),
      "https://a.b/v2/***/***"
    )
  })

  it("remembers the longest values of an address, and hides more of them in its own exchange", () => {
    const secrets = make("https://a.b")
    secrets.sent({ url: "https://a.b/?_state=state-of-another", headers: [] })
    const url = `${longUrl(70, 0)}&_state=the-longest-value-of-all`
    const hide = secrets.sent({ url, headers: [] })
    const values = Array.from(new URL(url).searchParams.values())
    assert.strictEqual(hide(values.join(" ")), values.map(() => "***").join(" "))
    assert.strictEqual(secrets.hide("state-of-another the-longest-value-of-all"), "*** ***")
    assert.strictEqual(secrets.hide(values.join(" ")).split(" ").filter((word) => word === "***").length, 8)
    const endless = secrets.sent({
      url: `${longUrl(2000, 1)}&_state=the-longest-value-of-all`,
      headers: ["Bearer bearer-token"]
    })
    assert.strictEqual(endless("the-longest-value-of-all, bearer-token"), "***, ***")
  })

  it("hides what goes out after it was made", () => {
    const secrets = make("https://a.b")
    const hide = secrets.sent({ url: "", headers: ["Bearer first-token"] })
    assert.strictEqual(hide("first-token second-token"), "*** second-token")
    secrets.sent({ url: "", headers: ["Bearer second-token"] })
    assert.strictEqual(hide("first-token second-token"), "*** ***")
  })

  it("takes little time for the largest error body, whatever was sent", () => {
    const secrets = make("https://a.b")
    for (let n = 0; n < 64; n++) {
      secrets.sent({ url: `https://a.b/?_state=${"s".repeat(40)}${n}`, headers: [`Bearer token-${n}`] })
    }
    const hide = secrets.sent({ url: longUrl(2000, 2), headers: ["Bearer bearer-token"] })
    const detail = Array.from({ length: 256 }, (_, n) => n % 2 === 0 ? n : `${n} ${"x".repeat(100)}`)
    const body = JSON.stringify({ errors: Array.from({ length: 32 }, () => ({ code: "X", detail })) })
    assert.isBelow(processorTime(() => assert.strictEqual(parseErrorBody(body, hide).length, 32)), 4000)
  })

  it("keeps the registry's own origin in addresses", () => {
    const secrets = make("https://registry.example")
    secrets.sent({ url: "", headers: ["Bearer registry.example"] })
    const path = "/v2/registry.example?x=y"
    assert.strictEqual(secrets.shown(`https://registry.example${path}`), "https://registry.example/v2/***")
    assert.strictEqual(secrets.shown(`https://u:p@registry.example.org${path}`), "https://***.org/v2/***")
  })
})

/** Where a registry repeats what it was sent. */
const positions: Readonly<Record<string, (form: string) => Reply>> = {
  "plain text": (form) => ({ status: 502, body: `bad header ${form} in request` }),
  "plain text with a length": (form) => {
    const body = `bad header ${form} in request`
    return { status: 400, headers: { "content-length": String(Buffer.byteLength(body)) }, body }
  },
  "the message": (form) => ({ status: 400, body: JSON.stringify({ errors: [{ code: "X", message: `bad ${form}` }] }) }),
  "the code": (form) => ({ status: 400, body: JSON.stringify({ errors: [{ code: form, message: "bad" }] }) }),
  "the detail": (form) => ({
    status: 403,
    body: JSON.stringify({ errors: [{ code: "X", detail: { [form]: [form, { headers: [`a: ${form}`] }] } }] })
  }),
  "a body cut behind it": (form) => ({ status: 500, body: `{"errors":[{"message":"${"x ".repeat(485)}${form}` }),
  "a warning": (form) => ({ status: 429, headers: { warning: `299 - "saw ${form.replaceAll(/["\\]/g, "\\$&")}"` } }),
  "a redirect's path": (form) => ({ status: 307, headers: { location: `/else/${encodeURIComponent(form)}/x?y=z` } }),
  "a redirect's host": (form) => ({ status: 307, headers: { location: `https://${form}.example.net/` } }),
  "a redirect to nowhere": (form) => ({ status: 307, headers: { location: `ftp://${form}/` } })
}

/** Headers have one byte a character. */
const isHeader = (text: string): boolean => /^[\x21-\x7e]*$/.test(text)

const run = (
  answer: (form: string) => Reply,
  write: (text: string) => string,
  credential: Credentials.Credential,
  challenge: string,
  options: RegistryConfig.Options = {}
) =>
  Effect.gen(function*() {
    const forms = new Set<string>()
    const { log, transport } = scripted((seen) => {
      const header = seen.headers["authorization"]
      const sent = header ?? (new URLSearchParams(seen.body).get("refresh_token") ?? undefined)
      if (seen.url.includes("/else/") || !seen.url.startsWith("https://example.com/v2/")) {
        return sent === undefined && seen.url.startsWith("https://auth.")
          ? { status: 200, body: "{\"token\":\"a-token-that-is-given\"}" }
          : { status: 418, body: `teapot, saw ${[...forms].join(" ")}` }
      }
      if (sent === undefined) return { status: 401, headers: { "www-authenticate": challenge } }
      const form = write(sent.replace(/^\w+ /, ""))
      forms.add(form)
      return answer(form)
    })
    const made = yield* transport({ retry: Schedule.recurs(1), ...options }, { "example.com": credential })
    return { forms, log, made }
  })

describe("what a registry repeats", () => {
  for (const [position, answer] of Object.entries(positions)) {
    it.live.prop(
      `in ${position} is seen by nobody`,
      [secret.filter(isHeader), encoding, FastCheck.boolean()],
      ([password, name, isPassword]) =>
        Effect.scoped(Effect.gen(function*() {
          const told: Array<unknown> = []
          const { forms, log, made } = yield* run(
            (form) => position.startsWith("a ") && !isHeader(form) ? { status: 404, body: form } : answer(form),
            (header) => encode(name, isPassword ? password : header),
            Credentials.basic("somebody", Redacted.make(password)),
            "Basic realm=\"x\"",
            { onRetry: (retry) => Effect.sync(() => void told.push(retry)) }
          )
          const { exit, texts } = yield* visible(Effect.asVoid(made.call(get("example.com"))))
          assert.isTrue(Exit.isFailure(exit))
          assert.isAbove(log.length, 1)
          for (const text of [...texts, JSON.stringify(told)]) {
            assert.isFalse(isSeen(text, [password, base64(`somebody:${password}`), ...forms]), `${[...forms]}: ${text}`)
          }
        })),
      { fastCheck: { numRuns: 12 } }
    )
  }

  for (const status of [200, 400, 403, 503]) {
    it.scopedLive(`by a token server with ${status} is seen by nobody`, () =>
      Effect.gen(function*() {
        const token = "identity-token+of/somebody"
        const { transport } = scripted((seen) => {
          if (!seen.url.startsWith("https://auth.")) {
            return { status: 401, headers: { "www-authenticate": "Bearer realm=\"https://auth.example/t\"" } }
          }
          return {
            status,
            body: JSON.stringify({ error: seen.body, error_description: `${seen.body} ${token}`, token: 1 })
          }
        })
        const made = yield* transport({ retry: Schedule.recurs(1) }, {
          "example.com": Credentials.identity(Redacted.make(token))
        })
        const { exit, texts } = yield* visible(made.call(get("example.com")))
        assert.isTrue(Exit.isFailure(exit))
        for (const text of texts) {
          assert.isFalse(isSeen(text, [token, encodeURIComponent(token)]), text)
        }
      }))
  }

  it.scopedLive("of an identity token that the token server gave is seen by nobody, before it is sent and after", () =>
    Effect.gen(function*() {
      const token = "refreshed-token+of/somebody"
      let tokens = 0
      const { log, transport } = scripted((seen) => {
        if (seen.url.startsWith("https://auth.")) {
          return ++tokens === 1
            ? { status: 200, body: JSON.stringify({ token: "a-token-that-is-given", refresh_token: token }) }
            : { status: 403, body: JSON.stringify({ error: seen.body, error_description: `${seen.body} ${token}` }) }
        }
        return seen.headers["authorization"] === undefined
          ? { status: 401, headers: { "www-authenticate": "Bearer realm=\"https://auth.example/t\"" } }
          : { status: 418, body: `teapot, saw ${token}` }
      })
      const made = yield* transport({ retries: 0 }, {
        "example.com": Credentials.identity(Redacted.make("identity-token"))
      })
      const other = get("example.com", { url: "/v2/other/manifests/1", scopes: ["repository:other:pull"] })
      for (const [request, requests] of [[get("example.com"), 3], [other, 4]] as const) {
        const { exit, texts } = yield* visible(made.call(request))
        assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("***"))
        assert.strictEqual(log.length, requests)
        for (const text of texts) assert.isFalse(isSeen(text, [token, encodeURIComponent(token)]), text)
      }
      assert.strictEqual(new URLSearchParams(log.at(-1)?.body).get("refresh_token"), token)
    }))

  it.scopedLive("as the address of a token server is seen by nobody", () =>
    Effect.gen(function*() {
      const password = "correct-horse-battery"
      const { transport } = scripted((seen) => ({
        status: 401,
        headers: {
          "www-authenticate": seen.headers["authorization"] === undefined
            ? "Basic realm=\"x\""
            : `Bearer realm="http://auth.example/${password}/${password}"`
        }
      }))
      const made = yield* transport({}, { "example.com": Credentials.basic("somebody", Redacted.make(password)) })
      // The second time the new challenge is believed.
      yield* Effect.flip(made.call(get("example.com")))
      const { exit, texts } = yield* visible(made.call(get("example.com")))
      assert.isTrue(
        Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("its token server at http://auth.example/***")
      )
      for (const text of texts) assert.notInclude(text, password)
    }))

  it.scopedLive("in a manifest that is none, or in the address of an upload, is seen by nobody", () =>
    Effect.gen(function*() {
      const password = "correct-horse-battery"
      const { transport } = scripted((seen) => {
        if (seen.headers["authorization"] === undefined) {
          return { status: 401, headers: { "www-authenticate": "Basic realm=\"x\"" } }
        }
        if (seen.method === "POST") {
          return { status: 202, headers: { location: `/v2/team/app/blobs/uploads/${password}?s=1` } }
        }
        if (seen.url.includes("/blobs/")) return { status: 500 }
        return {
          status: 200,
          headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" },
          body: JSON.stringify(
            seen.url.endsWith("/1") ? { mediaType: seen.headers["authorization"] } : { config: { a: password } }
          )
        }
      })
      const made = yield* transport({ retry: Schedule.recurs(0), retries: 0 }, {
        "example.com": Credentials.basic("somebody", Redacted.make(password))
      })
      const session = yield* makeSession
      const repository = makeRepository({
        transport: made,
        session,
        registry: "example.com",
        name: "team/app",
        config: { retries: 1 }
      })
      const effects: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        repository.getManifest("1"),
        repository.getManifest("2"),
        repository.putBlob(
          { digest: Digest.fromBytes(new TextEncoder().encode("x")), size: 1 },
          Stream.make(new TextEncoder().encode("x"))
        )
      ]
      for (const effect of effects) {
        const { exit, texts } = yield* visible(effect)
        assert.isTrue(Exit.isFailure(exit))
        for (const text of texts) assert.isFalse(isSeen(text, [password, base64(`somebody:${password}`)]), text)
      }
    }))
})
