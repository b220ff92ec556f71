import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { Transport } from "../../../src/internal/http/transport.js"
import { makeRepository } from "../../../src/internal/remote/repository.js"
import { listRepositories, ping } from "../../../src/internal/remote/tags.js"
import { type Answer, name, origin, registry, script } from "./scripted.js"

const all = <A, E>(stream: Stream.Stream<A, E>) => Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)
const path = `/v2/${name}/tags/list`
const page = (tags: unknown, link?: string): Answer => ({
  body: JSON.stringify({ name, tags }),
  headers: link === undefined ? {} : { link }
})

describe("tags", () => {
  it.effect("follows links until there is none, and keeps the registry's order", () =>
    Effect.gen(function*() {
      const next = `/v2/${name}/tags/list?token=a%20b~&n=2`
      const { lines, repository, seen } = yield* script([
        page(["z", "a"], `<${next}>; rel="next"`),
        page(["m"], `<${origin}/opaque/3>; rel=next`),
        page(["b"])
      ])
      assert.deepStrictEqual(yield* all(repository.tags), ["z", "a", "m", "b"])
      assert.deepStrictEqual(lines(), [`GET ${path}?n=1000`, `GET ${origin}${next}`, `GET ${origin}/opaque/3`])
      assert.deepStrictEqual(seen[0]?.request.scopes, [`repository:${name}:pull`])
    }))

  it.effect("asks for no more pages than are wanted", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([page(["a", "b"], "</2>; rel=next")])
      assert.deepStrictEqual(yield* all(Stream.take(repository.tags, 2)), ["a", "b"])
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("tolerates null for the list and in it, and leaves out what no tag can be", () =>
    Effect.gen(function*() {
      const digest = `sha256:${"0".repeat(64)}`
      const { repository } = yield* script([
        page(null, "</2>; rel=next"),
        page([null, "a", 7, digest, "", "b\u001b[31m", "../c", "d"], "</3>; rel=next"),
        { body: "{}" }
      ])
      assert.deepStrictEqual(yield* all(repository.tags), ["a", "d"])
    }))

  it.effect("takes all names in one page, but no end of them", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 20_000 }, (_, i) => `t${i}`)
      assert.deepStrictEqual(yield* all((yield* script([page(many)])).repository.tags), many)
      const { repository } = yield* script([{ body: `{"tags":[${"0,".repeat(1_000_001)}"a"]}` }])
      const error = yield* Effect.flip(all(repository.tags))
      assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Protocol")
      assert.match(error.message, /more than 1000000 entries/)
    }))

  it.effect("Cloudflare's serverless-registry: follows a link without angle brackets", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        page(["a"], `${path}?n=1&last=a; rel=next`),
        page(["b"], `${origin}${path}?n=1&last=b ; rel="next"`),
        page(["c"])
      ])
      assert.deepStrictEqual(yield* all(repository.tags), ["a", "b", "c"])
      assert.deepStrictEqual(lines().slice(1), [
        `GET ${origin}${path}?n=1&last=a`,
        `GET ${origin}${path}?n=1&last=b`
      ])
    }))

  for (
    const [what, first, second] of [
      ["itself", `<${path}?n=1000>; rel=next`, ""],
      ["itself, absolutely", `<${origin}${path}?n=1000>; rel=next`, ""],
      ["itself, without angle brackets", `${path}?n=1000; rel=next`, ""],
      ["the page before", "</2>; rel=next", `<${path}?n=1000>; rel=next`],
      ["the page before, by another spelling of it", "</2>; rel=next", `<${origin}/x/../2>; rel=next`]
    ] as const
  ) {
    it.effect(`fails when a page leads to ${what}: nothing comes twice, and nothing is lost without a word`, () =>
      Effect.gen(function*() {
        const { repository, seen } = yield* script([page(["a"], first), page(["b"], second)])
        const error = yield* Effect.flip(all(repository.tags))
        assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Protocol")
        assert.include(error.message, "has been read already")
        assert.strictEqual(seen.length, second === "" ? 1 : 2)
      }))
  }

  for (const link of ["<a", "junk", "/v2/x?last=b", "; rel=next", "<a>; rel=prev, junk", "</2>", "</2>; title=next"]) {
    it.effect(`fails when it cannot be told where ${JSON.stringify(link)} leads`, () =>
      Effect.gen(function*() {
        const { repository, seen } = yield* script([page(["a"], link)])
        const error = yield* Effect.flip(all(repository.tags))
        assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Protocol")
        assert.include(error.message, "Link")
        assert.strictEqual(seen.length, 1)
      }))
  }

  it.effect("ends where the links lead to no next page", () =>
    Effect.gen(function*() {
      for (const link of ["", " , ", "<https://docs.test/>; rel=help", "</1>; rel=\"prev first\""]) {
        const { repository } = yield* script([page(["a"], link)])
        assert.deepStrictEqual(yield* all(repository.tags), ["a"])
      }
    }))

  it.effect("does not follow empty pages for ever", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script((_, index) => page([], `</${index}>; rel=next`))
      assert.strictEqual((yield* Effect.flip(all(repository.tags)))._tag, "TransportError")
      assert.isBelow(seen.length, 20)
    }))

  it.effect("does not follow links for ever", () =>
    Effect.gen(function*() {
      const ten = Array.from({ length: 10 }, (_, i) => `t${i}`)
      for (
        const [config, tags, requests] of [
          [{}, ["again"], 1000],
          [{ maxPages: 2000 }, ["again"], 200],
          [{ maxPages: 200 }, ["again"], 100],
          [{ maxPages: 200 }, ten, 200],
          [{ maxPages: 10 }, ["again"], 10]
        ] as const
      ) {
        const { repository, seen } = yield* script((_, index) => page(tags, `</${index}>; rel=next`), { config })
        const error = yield* Effect.flip(Stream.runDrain(repository.tags))
        assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Protocol")
        assert.include(error.message, `the list does not end within ${requests} pages`)
        assert.strictEqual(seen.length, requests)
      }
    }))

  it.effect("reads short pages of a list that ends, however few pages there may be", () =>
    Effect.gen(function*() {
      const nine = Array.from({ length: 9 }, (_, i) => `t${i}`)
      const { repository } = yield* script([page(nine, "</2>; rel=next"), page(["u"])], { config: { maxPages: 10 } })
      assert.deepStrictEqual(yield* all(repository.tags), [...nine, "u"])
    }))

  it.effect("says of one page that it is one", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([page(["a"], "</2>; rel=next")], { config: { maxPages: 1 } })
      const error = yield* Effect.flip(all(repository.tags))
      assert.match(error.message, /does not end within 1 page\b/)
    }))

  it.effect("gives a list so much time altogether, in which what is done with its entries does not count", () =>
    Effect.gen(function*() {
      const slow = Effect.gen(function*() {
        const { seen, session, transport } = yield* script((_, index) => page(many, `</${index}>; rel=next`))
        const slowly: Transport = {
          ...transport,
          call: (request) => Effect.delay(transport.call(request), "1 minutes")
        }
        return { seen, tags: makeRepository({ transport: slowly, session, registry, name, config: {} }).tags }
      })
      const many = Array.from({ length: 10 }, (_, i) => `t${i}`)
      const endless = yield* slow
      const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(endless.tags)))
      yield* TestClock.adjust("1 hours")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Timeout")
      assert.include(error.message, "the list does not end within 10m, after 9 pages")

      const used = yield* slow
      const using = yield* Effect.fork(Stream.runDrain(Stream.take(
        Stream.mapEffect(used.tags, (tag) => Effect.delay(Effect.succeed(tag), "1 hours")),
        90
      )))
      yield* TestClock.adjust("91 hours")
      yield* Fiber.join(using)
      assert.isAtMost(used.seen.length, 10)
    }))

  it.effect("ends at a full page whose last entry no query can hold", () =>
    Effect.gen(function*() {
      const full = Array.from({ length: 1000 }, (_, i) => i === 999 ? "\ud800" : `t${i}`)
      const { repository, seen } = yield* script([page(full)])
      assert.strictEqual((yield* all(repository.tags)).length, 999)
      assert.strictEqual(seen.length, 1)
    }))

  for (
    const link of [
      "https://elsewhere.test/x",
      "https://10.0.0.1/x",
      "http://registry.test:81/x",
      "//elsewhere.test/x",
      "ftp://x",
      "https://"
    ]
  ) {
    it.effect(`does not follow a link to ${link}`, () =>
      Effect.gen(function*() {
        const { repository, seen } = yield* script([page(["a"], `<${link}>; rel=next`)])
        const error = yield* Effect.flip(all(repository.tags))
        assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Protocol")
        assert.strictEqual(seen.length, 1)
      }))
  }

  it.effect("goes on by the last tag where a full page comes without a link", () =>
    Effect.gen(function*() {
      const full = Array.from({ length: 1000 }, (_, i) => `t${i}`)
      const { lines, repository } = yield* script([page(full), page(["u"])])
      assert.strictEqual((yield* all(repository.tags)).length, 1001)
      assert.strictEqual(lines()[1], `GET ${path}?n=1000&last=t999`)
    }))

  it.effect("distribution 2.8: takes a list that pays no heed to `last` for what it is: whole", () =>
    Effect.gen(function*() {
      const full = Array.from({ length: 1000 }, (_, i) => `t${i}`)
      const { repository, seen } = yield* script([page(full), page(full)])
      assert.strictEqual((yield* all(repository.tags)).length, 1000)
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("does not do so once a link was given", () =>
    Effect.gen(function*() {
      const full = Array.from({ length: 1000 }, (_, i) => `t${i}`)
      const { repository, seen } = yield* script([page(["a"], "</2>; rel=next"), page(full)])
      assert.strictEqual((yield* all(repository.tags)).length, 1001)
      assert.strictEqual(seen.length, 2)
    }))

  it.effect("asks without a size when the registry finds it too large", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([
        { status: 400, body: JSON.stringify({ errors: [{ code: "PAGINATION_NUMBER_INVALID" }] }) },
        page(["a"])
      ])
      assert.deepStrictEqual(yield* all(repository.tags), ["a"])
      assert.strictEqual(lines()[1], `GET ${path}`)
    }))

  it.effect("fails with NotFound for a repository that is not there, and clearly for what is not a list", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 404 }, { body: "<html>" }, { body: "[]" }, {
        body: "{\"tags\":{}}"
      }])
      const missing = yield* Effect.flip(all(repository.tags))
      assert.strictEqual(missing.message, `repository ${registry}/${name} was not found`)
      for (let i = 0; i < 3; i++) {
        const error = yield* Effect.flip(all(repository.tags))
        assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "Protocol")
      }
    }))

  it.effect("sends nothing for a name that is none", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([], { name: "a//b" })
      assert.strictEqual((yield* Effect.flip(all(repository.tags)))._tag, "InvalidInput")
      assert.strictEqual(seen.length, 0)
    }))
})

describe("listRepositories", () => {
  it.effect("lists the catalog, page after page", () =>
    Effect.gen(function*() {
      const list = (repositories: unknown, link?: string): Answer => ({
        body: JSON.stringify({ repositories }),
        headers: link === undefined ? {} : { link }
      })
      const { lines, seen, transport } = yield* script([
        list(["a", "b/c"], "</v2/_catalog?last=b%2Fc>; rel=\"next\""),
        list(["d", "E", null])
      ])
      assert.deepStrictEqual(yield* all(listRepositories(transport, registry)), ["a", "b/c", "d"])
      assert.deepStrictEqual(lines(), ["GET /v2/_catalog?n=1000", `GET ${origin}/v2/_catalog?last=b%2Fc`])
      assert.deepStrictEqual(seen[0]?.request.scopes, ["registry:catalog:*"])
    }))

  it.effect("fails with NotFound where there is no catalog", () =>
    Effect.gen(function*() {
      const { transport } = yield* script([{ status: 404 }])
      assert.strictEqual((yield* Effect.flip(all(listRepositories(transport, registry))))._tag, "NotFound")
    }))
})

describe("ping", () => {
  it.effect("is one request, and tells a registry from what is none", () =>
    Effect.gen(function*() {
      const { lines, transport } = yield* script([{}, { status: 404 }, { status: 401 }])
      yield* ping(transport, registry)
      assert.deepStrictEqual(lines(), ["GET /v2/"])
      const error = yield* Effect.flip(ping(transport, registry))
      assert.strictEqual(error.message, `registry ${registry} was not found`)
      assert.strictEqual((yield* Effect.flip(ping(transport, registry)))._tag, "Unauthorized")
    }))
})
