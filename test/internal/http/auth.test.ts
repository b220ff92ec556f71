import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../../../src/Credentials.js"
import { makeTransport } from "../../../src/internal/http/make.js"
import type { TransportError, Unauthorized } from "../../../src/RegistryError.js"
import { get, type Reply, scripted, type Seen, utf8 } from "./scripted.js"

const ci = { "example.com": Credentials.basic("ci", Redacted.make("hunter2")) }
const challenge = (scope = "repository:team/app:pull"): Reply => ({
  status: 401,
  headers: {
    "www-authenticate": `Bearer realm="https://auth.example.com/token?keep=me",service="reg",scope="${scope}"`
  }
})
const isToken = (seen: Seen) => seen.url.startsWith("https://auth.")
const scopesOf = (seen: Seen | undefined) => new URL(seen?.url ?? "https://none").searchParams.getAll("scope")
const write = get("example.com", {
  method: "PUT",
  accept: [201],
  scopes: ["repository:team/app:pull,push"]
})

/** A registry behind a token server whose tokens are T1, T2, …; `valid` says which it takes. */
const guarded = (
  valid: (token: string | undefined, seen: Seen) => boolean,
  answer: (count: number, seen: Seen) => Reply = (count) => ({
    status: 200,
    body: JSON.stringify({ token: `T${count}`, expires_in: 300 })
  })
) => {
  let tokens = 0
  return scripted((seen) => {
    if (isToken(seen)) return answer(++tokens, seen)
    const token = seen.headers["authorization"]?.replace(/^Bearer /, "")
    return valid(token, seen) ? { status: seen.method === "PUT" ? 201 : 200, body: "hello" } : challenge()
  })
}

/** A transport whose store counts how often it is asked. */
const counting = (registry: ReturnType<typeof scripted>, credential: Credentials.Credential) => {
  const asked: Array<Credentials.Request> = []
  const store = Layer.succeed(Credentials.Credentials, {
    get: (request) => Effect.sync(() => (asked.push(request), Option.some(credential)))
  })
  return { asked, transport: makeTransport().pipe(Effect.provide(Layer.merge(registry.layer(), store))) }
}

describe("the store of credentials", () => {
  it.scoped.each<[string, string, Credentials.Credential, string]>([
    ["a password", "Basic realm=\"r\"", Credentials.basic("ci", Redacted.make("pw")), `Basic ${btoa("ci:pw")}`],
    [
      "a bearer token",
      "Bearer realm=\"https://auth.example.com/token\"",
      Credentials.bearer(Redacted.make("tok")),
      "Bearer tok"
    ]
  ])(
    "is asked once for %s, and again when it is refused",
    ([, challenge, credential, header]) =>
      Effect.gen(function*() {
        let open = true
        const registry = scripted((seen) =>
          open && seen.headers["authorization"] === header
            ? { status: 200 }
            : { status: 401, headers: { "www-authenticate": challenge } }
        )
        const { asked, transport } = counting(registry, credential)
        const { execute } = yield* transport
        yield* execute(get("example.com"))
        yield* execute(get("example.com"))
        assert.strictEqual(asked.length, 1)
        assert.strictEqual(registry.log.length, 3)
        open = false
        const error = yield* Effect.flip(execute(get("example.com")))
        assert.strictEqual(error._tag, "Unauthorized")
        assert.strictEqual(asked.length, 2)
        assert.strictEqual(registry.log.length, 4)
      })
  )
})

describe("bearer", () => {
  it.scoped("asks the registry first, then for a token, then again with it, and later has it up front", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded((token) => token === "T1")
      const { execute } = yield* transport({}, ci)
      const response = yield* execute(get("example.com"))
      assert.strictEqual(utf8(yield* response.bytes(100)), "hello")
      assert.deepStrictEqual(log.map((seen) => [seen.method, seen.url, seen.headers["authorization"]]), [
        ["GET", "https://example.com/v2/team/app/manifests/1", undefined],
        [
          "GET",
          "https://auth.example.com/token?keep=me&service=reg&scope=repository%3Ateam%2Fapp%3Apull",
          `Basic ${btoa("ci:hunter2")}`
        ],
        ["GET", "https://example.com/v2/team/app/manifests/1", "Bearer T1"]
      ])
      yield* execute(get("example.com"))
      assert.strictEqual(log.length, 4)
      assert.strictEqual(log[3]?.headers["authorization"], "Bearer T1")
    }))

  it.scoped("is anonymous without credentials, and with an empty user and password", () =>
    Effect.gen(function*() {
      for (const credentials of [{}, { "example.com": Credentials.basic("", Redacted.make("")) }]) {
        const { log, transport } = guarded((token) => token === "T1")
        const { execute } = yield* transport({}, credentials)
        yield* execute(get("example.com"))
        assert.strictEqual(log[1]?.headers["authorization"], undefined)
        assert.strictEqual(log.length, 3)
      }
    }))

  it.scoped("asks for a token once for requests that need the same one at the same time", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded((token) => token !== undefined)
      const { execute } = yield* transport({}, ci)
      yield* Effect.all(Array.from({ length: 8 }, () => execute(get("example.com"))), { concurrency: "unbounded" })
      assert.strictEqual(log.filter(isToken).length, 1)
      assert.strictEqual(log.length, 1 + 1 + 8)
    }))

  it.scoped("goes on for the others when the request that was first is interrupted", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen) =>
        isToken(seen)
          ? Effect.as(Effect.sleep("5 seconds"), { status: 200, body: "{\"token\":\"T1\"}" })
          : seen.headers["authorization"] === undefined
          ? challenge()
          : { status: 200 }
      )
      const { execute } = yield* transport()
      const first = yield* Effect.fork(execute(get("example.com")))
      yield* TestClock.adjust("1 seconds")
      const second = yield* Effect.fork(execute(get("example.com")))
      yield* TestClock.adjust("1 seconds")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(second)).status, 200)
      assert.strictEqual(log.filter(isToken).length, 1)
    }))

  it.scoped("stops the token request when nobody waits for it any more", () =>
    Effect.gen(function*() {
      const { log, signals, transport } = scripted((seen) => isToken(seen) ? "hang" : challenge())
      const { execute } = yield* transport()
      const only = yield* Effect.fork(execute(get("example.com")))
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(log.length, 2)
      yield* Fiber.interrupt(only)
      yield* TestClock.adjust("1 seconds")
      assert.isTrue(signals[1]?.aborted)
    }))

  it.scoped("renews a token a little before it expires, and not before", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded((token) => token !== undefined)
      const { execute } = yield* transport()
      yield* execute(get("example.com"))
      yield* TestClock.adjust("269 seconds")
      yield* execute(get("example.com"))
      assert.strictEqual(log.filter(isToken).length, 1)
      yield* TestClock.adjust("2 seconds")
      yield* execute(get("example.com"))
      assert.strictEqual(log.filter(isToken).length, 2)
      assert.strictEqual(log.filter((seen) => !isToken(seen) && seen.headers["authorization"] === undefined).length, 1)
    }))

  it.scoped("drops a token that the registry refuses and tries once more with a new one", () =>
    Effect.gen(function*() {
      let refused = "none"
      const { log, transport } = guarded((token) => token !== undefined && token !== refused)
      const { execute } = yield* transport()
      yield* execute(get("example.com"))
      refused = "T1"
      yield* execute(get("example.com"))
      assert.deepStrictEqual(log.slice(3).map((seen) => seen.headers["authorization"]), [
        "Bearer T1",
        undefined,
        "Bearer T2"
      ])
    }))

  it.scoped("gives up at the second 401 and says what was tried", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded(() => false)
      const { execute } = yield* transport({}, ci)
      const error = (yield* Effect.flip(execute(get("example.com")))) as Unauthorized
      assert.strictEqual(error._tag, "Unauthorized")
      assert.strictEqual(error.status, 401)
      assert.strictEqual(error.credentials, "basic credentials of user \"ci\"")
      assert.notInclude(error.message, "hunter2")
      assert.strictEqual(log.length, 3)
    }))

  it.scoped("says that it was anonymous", () =>
    Effect.gen(function*() {
      const { transport } = guarded(() => false)
      const { execute } = yield* transport()
      const error = (yield* Effect.flip(execute(get("example.com")))) as Unauthorized
      assert.strictEqual(error.credentials, "anonymous")
    }))

  it.scoped("does not answer a 403 with another token", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted(() => ({
        status: 403,
        body: JSON.stringify({ errors: [{ code: "DENIED", message: "no" }] })
      }))
      const { execute } = yield* transport()
      const error = yield* Effect.flip(execute(get("example.com")))
      assert.strictEqual(error._tag, "Denied")
      assert.include(error.message, "DENIED (no)")
      assert.strictEqual(log.length, 1)
    }))

  it.scoped("asks for what it needs and what the challenge says together", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen) =>
        isToken(seen)
          ? { status: 200, body: "{\"access_token\":\"A\"}" }
          : seen.headers["authorization"] === "Bearer A"
          ? { status: 201 }
          : challenge("repository:team/app:delete registry:catalog:*")
      )
      const { execute } = yield* transport()
      yield* execute(write)
      assert.deepStrictEqual(scopesOf(log[1]), ["registry:catalog:*", "repository:team/app:delete,pull,push"])
    }))

  it.scoped("reads with a token that was got for writing", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded((token) => token !== undefined)
      const { execute } = yield* transport()
      yield* execute(write)
      yield* execute(get("example.com"))
      assert.strictEqual(log.filter(isToken).length, 1)
      yield* execute(get("example.com", { scopes: ["repository:team/other:pull"] }))
      assert.strictEqual(log.filter(isToken).length, 2)
    }))

  it.scoped("asks again for the first repository alone when a mount's source is refused, and remembers that", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded(
        (token) => token !== undefined,
        (count, seen) =>
          scopesOf(seen).length > 1 ? { status: 400 } : { status: 200, body: JSON.stringify({ token: `T${count}` }) }
      )
      const { execute } = yield* transport({}, ci)
      const mount = { ...write, scopes: ["repository:team/app:pull,push", "repository:other/base:pull"] }
      yield* execute(mount)
      yield* execute(mount)
      const asked = log.filter(isToken).map(scopesOf)
      assert.deepStrictEqual(asked, [
        ["repository:other/base:pull", "repository:team/app:pull,push"],
        ["repository:team/app:pull,push"]
      ])
    }))

  it.scoped("does not offer refused credentials again with fewer scopes", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded(() => false, () => ({ status: 401 }))
      const { execute } = yield* transport({}, ci)
      const mount = { ...write, scopes: ["repository:team/app:pull,push", "repository:other/base:pull"] }
      const error = yield* Effect.flip(execute(mount))
      assert.strictEqual(error._tag, "Unauthorized")
      assert.strictEqual(log.filter(isToken).length, 1)
    }))

  it.scoped("sends a configured bearer token as it is, to the registry alone", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded((token) => token === "mine")
      const { execute } = yield* transport({}, { "example.com": Credentials.bearer(Redacted.make("mine")) })
      yield* execute(get("example.com"))
      assert.deepStrictEqual(log.map((seen) => seen.headers["authorization"]), [undefined, "Bearer mine"])
    }))
})

describe("a token for two repositories", () => {
  const source = "repository:team/app:pull"
  const destination = "repository:copy/app:pull,push"
  const readSource = get("example.com", { scopes: [source, destination] })
  const readDestination = get("example.com", { scopes: [destination, source] })

  it.scoped("is asked for once by both at the same time, and serves both from then on", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded((token) => token === "T1")
      const { execute } = yield* transport({}, ci)
      yield* Effect.all([execute(readSource), execute(readDestination)], { concurrency: "unbounded" })
      yield* execute(readDestination)
      assert.deepStrictEqual(log.filter(isToken).map(scopesOf), [[destination, source]])
      assert.strictEqual(log.length, 1 + 1 + 2 + 1)
    }))

  it.scoped("is not shared when their credentials differ; the store is asked once for each", () =>
    Effect.gen(function*() {
      const { layer, log } = guarded((token) => token !== undefined)
      const asked: Array<string | undefined> = []
      const store = Layer.succeed(Credentials.Credentials, {
        get: ({ repository }) =>
          Effect.sync(() => {
            asked.push(repository)
            return Option.some(Credentials.basic("ci", Redacted.make(`secret of ${repository}`)))
          })
      })
      const { execute } = yield* makeTransport().pipe(Effect.provide(Layer.merge(layer(), store)))
      for (const request of [readSource, readDestination, readSource, readDestination]) yield* execute(request)
      assert.deepStrictEqual(asked, ["team/app", "copy/app"])
      assert.deepStrictEqual(log.filter(isToken).map(({ headers }) => headers["authorization"]), [
        `Basic ${btoa("ci:secret of team/app")}`,
        `Basic ${btoa("ci:secret of copy/app")}`
      ])
    }))

  it.scoped.each([400, 403])(
    "that is refused with %s is asked for once, then each has its own",
    (status) =>
      Effect.gen(function*() {
        const { log, transport } = guarded(
          (token) => token !== undefined,
          (count, seen) =>
            scopesOf(seen).length > 1 ? { status } : { status: 200, body: JSON.stringify({ token: `T${count}` }) }
        )
        const { execute } = yield* transport({}, ci)
        yield* Effect.all([execute(readSource), execute(readDestination)], { concurrency: "unbounded" })
        for (const request of [readSource, readDestination, readSource, readDestination]) yield* execute(request)
        const [both, ...own] = log.filter(isToken).map(scopesOf)
        assert.deepStrictEqual(both, [destination, source])
        assert.deepStrictEqual(own.sort(), [[destination], [source]])
      })
  )

  it.scoped("does not fail for the one because the other may not be read", () =>
    Effect.gen(function*() {
      const { transport } = guarded(
        (token) => token !== undefined,
        (_, seen) => scopesOf(seen).includes(source) ? { status: 403 } : { status: 200, body: "{\"token\":\"T\"}" }
      )
      const { execute } = yield* transport({}, ci)
      const [read, write] = yield* Effect.all(
        [Effect.exit(execute(readSource)), Effect.exit(execute(readDestination))],
        {
          concurrency: "unbounded"
        }
      )
      assert.strictEqual(read._tag, "Failure")
      assert.strictEqual(write._tag, "Success")
    }))

  it.scoped("is replaced for both when the registry does not take it any more", () =>
    Effect.gen(function*() {
      let refused = "none"
      const { log, transport } = guarded((token) => token !== undefined && token !== refused)
      const { execute } = yield* transport({}, ci)
      yield* execute(readSource)
      yield* execute(readDestination)
      refused = "T1"
      yield* Effect.all([execute(readSource), execute(readDestination)], { concurrency: "unbounded" })
      assert.strictEqual(log.filter(isToken).length, 2)
    }))
})

describe("other challenges", () => {
  it.scoped("answers Basic with Basic, up front from then on", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen) =>
        seen.headers["authorization"] === `Basic ${btoa("ci:hunter2")}`
          ? { status: 200 }
          : { status: 401, headers: { "www-authenticate": "Basic realm=\"r\"" } }
      )
      const { execute } = yield* transport({}, ci)
      yield* execute(get("example.com"))
      yield* execute(get("example.com"))
      assert.strictEqual(log.length, 3)
    }))

  it.scoped("does not offer refused Basic credentials twice", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted(() => ({ status: 401, headers: { "www-authenticate": "Basic realm=\"r\"" } }))
      const { execute } = yield* transport({}, ci)
      yield* Effect.flip(execute(get("example.com")))
      const error = (yield* Effect.flip(execute(get("example.com")))) as Unauthorized
      assert.strictEqual(error.credentials, "basic credentials of user \"ci\"")
      assert.strictEqual(log.length, 3)
    }))

  it.scoped("asks /v2/ for the challenge when a 401 comes without one", () =>
    Effect.gen(function*() {
      const { log, transport } = scripted((seen) =>
        isToken(seen)
          ? { status: 200, body: "{\"token\":\"T\"}" }
          : seen.headers["authorization"] !== undefined
          ? { status: 200 }
          : seen.url.endsWith("/v2/")
          ? challenge()
          : { status: 401 }
      )
      const { execute } = yield* transport()
      assert.strictEqual((yield* execute(get("example.com"))).status, 200)
      assert.deepStrictEqual(log.map((seen) => new URL(seen.url).pathname), [
        "/v2/team/app/manifests/1",
        "/v2/",
        "/token",
        "/v2/team/app/manifests/1"
      ])
    }))

  it.scoped("takes Docker Hub's names for one, and its credentials for nobody else", () =>
    Effect.gen(function*() {
      const hub = { "index.docker.io": Credentials.basic("me", Redacted.make("pw")) }
      const { log, transport } = guarded((token) => token !== undefined)
      const { execute } = yield* transport({}, hub)
      yield* execute(get("docker.io"))
      yield* execute(get("registry-1.docker.io"))
      assert.strictEqual(log[0]?.url, "https://registry-1.docker.io/v2/team/app/manifests/1")
      assert.strictEqual(log[1]?.headers["authorization"], `Basic ${btoa("me:pw")}`)
      assert.strictEqual(log.length, 4)
      yield* execute(get("quay.io"))
      assert.deepStrictEqual(log.slice(4).map((seen) => seen.headers["authorization"]), [
        undefined,
        undefined,
        "Bearer T2"
      ])
    }))
})

describe("an identity token", () => {
  const old = { "example.com": Credentials.identity(Redacted.make("refresh-0")) }
  const sentOf = (seen: Seen) => new URLSearchParams(seen.body).get("refresh_token")
  const about = (name: string) =>
    get("example.com", { url: `/v2/${name}/manifests/1`, scopes: [`repository:${name}:pull`] })

  /** A token server with a script for the identity tokens that it is sent, and what it was sent with which method. */
  const rotating = (
    answer: (sent: string | null, count: number, seen: Seen) => Reply | Effect.Effect<Reply>,
    credentials: Readonly<Record<string, Credentials.Credential>> = old
  ) => {
    let count = 0
    const registry = scripted((seen) =>
      isToken(seen)
        ? answer(sentOf(seen), ++count, seen)
        : seen.headers["authorization"] === undefined
        ? { status: 401, headers: { "www-authenticate": "Bearer realm=\"https://auth.example.com/token\"" } }
        : { status: 200 }
    )
    const sent = () => registry.log.filter(isToken).map((seen) => seen.method === "POST" ? sentOf(seen) : seen.method)
    return { ...registry, sent, client: registry.transport({ retries: 0 }, credentials) }
  }
  const granted = (refresh_token?: unknown): Reply => ({
    status: 200,
    body: JSON.stringify({ access_token: "T", expires_in: 300, refresh_token })
  })

  it.scoped("is replaced by the newest that the token server gave, for all repositories and for good", () =>
    Effect.gen(function*() {
      const { client, sent } = rotating((_, count) => granted(count > 2 ? undefined : `refresh-${count}`))
      const { execute } = yield* client
      for (const name of ["a", "b", "c", "d"]) yield* execute(about(name))
      yield* TestClock.adjust("10 minutes")
      yield* execute(about("a"))
      assert.deepStrictEqual(sent(), ["refresh-0", "refresh-1", "refresh-2", "refresh-2", "refresh-2"])
    }))

  it.scoped("is still the same user when it was replaced: repositories share a token", () =>
    Effect.gen(function*() {
      const { client, sent } = rotating(() => granted("refresh-1"))
      const { execute } = yield* client
      const scopes = ["repository:a:pull", "repository:b:pull"]
      yield* execute(get("example.com", { url: "/v2/a/manifests/1", scopes }))
      yield* execute(about("b"))
      assert.deepStrictEqual(sent(), ["refresh-0"])
    }))

  it.scoped("is not replaced by what is no token", () =>
    Effect.gen(function*() {
      for (const bad of ["", 17, null, "a\nb", "ä", { a: 1 }, undefined]) {
        const { client, sent } = rotating(() => granted(bad))
        const { execute } = yield* client
        yield* execute(about("a"))
        yield* execute(about("b"))
        assert.deepStrictEqual(sent(), ["refresh-0", "refresh-0"])
      }
    }))

  it.scoped("is replaced for its own registry, token server and user only", () =>
    Effect.gen(function*() {
      const both = { ...old, "example.org": Credentials.identity(Redacted.make("refresh-0")) }
      const one = rotating(() => granted("refresh-1"), both)
      const first = yield* one.client
      yield* first.execute(about("a"))
      yield* first.execute({ ...about("a"), registry: "example.org" })
      assert.deepStrictEqual(one.sent(), ["refresh-0", "refresh-0"])

      let asked = 0
      const two = scripted((seen) =>
        isToken(seen) ? granted(`new-${sentOf(seen)}`) : seen.headers["authorization"] === undefined
          ? { status: 401, headers: { "www-authenticate": "Bearer realm=\"https://auth.example.com/token\"" } }
          : { status: 200 }
      )
      const store = Layer.succeed(Credentials.Credentials, {
        get: () => Effect.sync(() => Option.some(Credentials.identity(Redacted.make(`stored-${++asked}`))))
      })
      const second = yield* makeTransport().pipe(Effect.provide(Layer.merge(two.layer(), store)))
      yield* second.execute(about("a"))
      yield* second.execute(about("b"))
      assert.deepStrictEqual(two.log.filter(isToken).map(sentOf), ["stored-1", "stored-2"])
    }))

  it.scoped("is sent as it is stored to another token server than the one that replaced it", () =>
    Effect.gen(function*() {
      let tokens = 0
      const { log, transport } = scripted((seen) =>
        isToken(seen)
          ? { status: 200, body: JSON.stringify({ token: `T${++tokens}`, refresh_token: "refresh-1" }) }
          : seen.headers["authorization"] === "Bearer T2"
          ? { status: 200 }
          : {
            status: 401,
            headers: { "www-authenticate": `Bearer realm="https://auth.example.com/${seen.headers["authorization"]}"` }
          }
      )
      const { execute } = yield* transport({ retries: 0 }, old)
      yield* Effect.either(execute(about("a")))
      yield* Effect.either(execute(about("a")))
      const asked = log.filter(isToken)
      assert.strictEqual(new Set(asked.map((seen) => seen.url)).size, 2)
      assert.deepStrictEqual(asked.map(sentOf), ["refresh-0", "refresh-0"])
    }))

  it.scoped("that replaced the stored one is dropped when it is refused, and the stored one is asked with", () =>
    Effect.gen(function*() {
      const { client, sent } = rotating((token) =>
        token === "refresh-1" ? { status: 400 } : granted(token === null ? undefined : "refresh-1")
      )
      const { execute } = yield* client
      yield* execute(about("a"))
      yield* execute(about("b"))
      assert.deepStrictEqual(sent(), ["refresh-0", "refresh-1", "refresh-0"])
    }))

  it.scoped("that is refused with the stored one is an error after two tries", () =>
    Effect.gen(function*() {
      const { client, sent } = rotating((_, count) => count === 1 ? granted("refresh-1") : { status: 401 })
      const { execute } = yield* client
      yield* execute(about("a"))
      const error = yield* Effect.flip(execute(about("b")))
      assert.deepInclude(error, { _tag: "Unauthorized", credentials: "the configured identity token" })
      yield* Effect.flip(execute(about("b")))
      assert.deepStrictEqual(sent(), ["refresh-0", "refresh-1", "refresh-0", "refresh-0"])
    }))

  it.scoped("that was replaced while it was on its way is sent again as the newest", () =>
    Effect.gen(function*() {
      const { client, sent } = rotating((token, count) =>
        count === 1
          ? granted()
          : token === "refresh-1"
          ? granted()
          : count === 2
          ? granted("refresh-1")
          : Effect.as(Effect.sleep("1 seconds"), { status: 400 })
      )
      const { execute } = yield* client
      yield* execute(about("known"))
      const fiber = yield* Effect.fork(
        Effect.all([execute(about("a")), execute(about("b"))], { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(sent(), ["refresh-0", "refresh-0", "refresh-0", "refresh-1"])
    }))
})

describe("the realm", () => {
  const refused: ReadonlyArray<readonly [string, string, string]> = [
    ["https to http", "example.com", "http://auth.example.com/token"],
    ["a loopback address", "example.com", "https://127.0.0.1/token"],
    ["a private address in IPv6 notation", "example.com", "https://[::ffff:10.0.0.1]/token"],
    ["the metadata address", "example.com", "https://169.254.169.254/token"],
    ["a number for an address", "example.com", "https://2130706433/token"],
    ["localhost", "example.com", "https://sub.localhost/token"],
    ["an address that a translator resolves", "example.com", "https://[::ffff:0:808:808]/token"],
    ["Teredo", "example.com", "https://[2001:0:808:808::1]/token"],
    ["6to4 of a private address", "example.com", "https://[2002:a9fe:a9fe::]/token"],
    ["multicast", "example.com", "https://224.0.0.1/token"],
    ["multicast in IPv6", "example.com", "https://[ff02::1]/token"],
    ["a reserved address", "example.com", "https://240.0.0.1/token"],
    ["no http", "example.com", "file:///etc/passwd"]
  ]
  for (const [name, registry, realm] of refused) {
    it.scoped(`is not asked: ${name}`, () =>
      Effect.gen(function*() {
        const { log, transport } = scripted(() => ({
          status: 401,
          headers: { "www-authenticate": `Bearer realm="${realm}"` }
        }))
        const { execute } = yield* transport({}, ci)
        const error = yield* Effect.flip(execute(get(registry)))
        assert.strictEqual(error._tag, "CredentialsError")
        assert.strictEqual(log.length, 1)
      }))
  }

  it.scoped("may be inside when the registry is, or when it is permitted", () =>
    Effect.gen(function*() {
      const inside = () =>
        scripted((seen) =>
          seen.url.includes("/token")
            ? { status: 200, body: "{\"token\":\"T\"}" }
            : seen.headers["authorization"] === undefined
            ? { status: 401, headers: { "www-authenticate": "Bearer realm=\"https://10.0.0.7/token\"" } }
            : { status: 200 }
        )
      const one = yield* inside().transport()
      assert.strictEqual((yield* one.execute(get("localhost:5000"))).status, 200)
      const two = yield* inside().transport({ hosts: { "example.com": { allowPrivate: true } } })
      assert.strictEqual((yield* two.execute(get("example.com"))).status, 200)
    }))

  it.scoped("that redirects is not followed with the credentials", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded(
        () => false,
        (_, seen) =>
          seen.url.startsWith("https://auth.example.com")
            ? { status: 302, headers: { location: "https://auth.elsewhere.com/token" } }
            : { status: 401 }
      )
      const { execute } = yield* transport({}, ci)
      yield* Effect.flip(execute(get("example.com")))
      assert.strictEqual(log[2]?.url, "https://auth.elsewhere.com/token")
      assert.strictEqual(log[2]?.headers["authorization"], undefined)
    }))

  it.scoped("that cannot be reached is a transport error after its retries", () =>
    Effect.gen(function*() {
      const { log, transport } = guarded(() => false, () => ({ cause: { code: "ECONNREFUSED" } }))
      const { execute } = yield* transport({ retries: 2 })
      const fiber = yield* Effect.fork(Effect.flip(execute(get("example.com"))))
      yield* TestClock.adjust("1 minutes")
      const error = (yield* Fiber.join(fiber)) as TransportError
      assert.strictEqual(error.reason, "Connect")
      assert.strictEqual(error.url, "https://auth.example.com/token")
      assert.strictEqual(log.filter(isToken).length, 3)
    }))
})
