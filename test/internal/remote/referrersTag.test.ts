/** Lists of referrers kept under a tag, by several clients at the same time; over the real transport. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../../../src/Credentials.js"
import * as Descriptor from "../../../src/Descriptor.js"
import { together } from "../../../src/internal/remote/referrersEdits.js"
import { tagOf } from "../../../src/internal/remote/referrersTag.js"
import { makeRepository } from "../../../src/internal/remote/repository.js"
import { make as makeSession } from "../../../src/internal/session.js"
import * as MediaType from "../../../src/MediaType.js"
import * as RegistryClient from "../../../src/RegistryClient.js"
import type { Quirks } from "../../../src/RegistryServer.js"
import * as RegistryTest from "../../../src/RegistryTest.js"
import type { CompleteRepository } from "../../../src/Repository.js"
import { image, index } from "../../utils/samples.js"
import { type Answer, name, script } from "./scripted.js"

const registry = "registry.example"
const subject = image(["subject"]).manifest.descriptor
const tag = tagOf(subject.digest)
const referrers = (from: string, count: number) =>
  Array.from({ length: count }, (_, i) => image([], { subject, annotations: { note: `${from}${i}` } }).manifest)

const environment = (quirks: Quirks) =>
  Layer.merge(
    RegistryTest.layer({ registries: { [registry]: { quirks: { referrers: false, ...quirks } } } }),
    Credentials.layerAnonymous
  )

/** The repository by a client of its own. */
const client = Effect.flatMap(
  RegistryClient.make(),
  (service) => service.repository(`${registry}/${name}`, { access: "write" })
)

const within = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const pushAll = (
  repository: CompleteRepository,
  manifests: ReadonlyArray<{ readonly descriptor: Descriptor.Descriptor; readonly raw: Uint8Array }>
) => Effect.forEach(manifests, (manifest) => repository.putManifest(manifest), { concurrency: "unbounded" })

const listed = (repository: CompleteRepository) =>
  Effect.map(
    Stream.runCollect(repository.referrers(subject.digest)),
    (found) => Chunk.toReadonlyArray(found).map(({ digest }) => digest)
  )

const server = Effect.flatMap(RegistryTest.RegistryTest, (registries) => registries.server(registry))

/** Requests for the list. */
const onList = Effect.map(
  Effect.flatMap(server, ({ requests }) => requests),
  (all) => all.filter(({ path }) => path.endsWith(tag)).map(({ method, status }) => `${method} ${status}`)
)

describe("the list of referrers under a tag", () => {
  for (
    const [what, quirks] of [
      ["obeys conditions", {}],
      ["ignores conditions", { conditionalPut: false }]
    ] as const
  ) {
    it.effect(`has the entries of two clients, of a registry that ${what}`, () =>
      Effect.gen(function*() {
        const [one, two] = [yield* client, yield* client]
        const [ones, twos] = [referrers("one", 10), referrers("two", 10)]
        yield* within(Effect.all([pushAll(one, ones), pushAll(two, twos)], { concurrency: 2 }))
        assert.sameMembers(
          yield* listed(one),
          [...ones, ...twos].map(({ descriptor }) => descriptor.digest)
        )
        // They did get in each other's way: four writes would have done.
        const puts = (yield* onList).filter((line) => line.startsWith("PUT"))
        assert.isAbove(puts.length, 4)
        assert.strictEqual(puts.includes("PUT 412"), what === "obeys conditions")
      }).pipe(Effect.provide(environment(quirks))))
  }

  it.effect("is written a few times for many pushes of one client", () =>
    Effect.gen(function*() {
      const repository = yield* client
      const many = referrers("many", 20)
      yield* within(pushAll(repository, many))
      assert.strictEqual((yield* listed(repository)).length, 20)
      const puts = (yield* onList).filter((line) => line.startsWith("PUT"))
      assert.isAtMost(puts.length, 3)
    }).pipe(Effect.provide(environment({}))))

  it.effect("is read again after a 412, and gets what was missing", () =>
    Effect.gen(function*() {
      const repository = yield* client
      const [first, second] = referrers("r", 2)
      yield* repository.putManifest(first!)
      const { clearRequests, setFaults } = yield* server
      yield* clearRequests
      yield* setFaults([{ kind: "putManifest", path: tag, action: { _tag: "Status", status: 412 } }])
      yield* within(repository.putManifest(second!))
      assert.deepStrictEqual(yield* onList, ["GET 200", "PUT 412", "GET 200", "PUT 201", "GET 200"])
      assert.strictEqual((yield* listed(repository)).length, 2)
    }).pipe(Effect.provide(environment({}))))

  it.effect("is not asked for by the API again once that was not there", () =>
    Effect.gen(function*() {
      const repository = yield* client
      const [one] = referrers("r", 1)
      yield* repository.putManifest(one!)
      for (let i = 0; i < 3; i++) assert.strictEqual((yield* listed(repository)).length, 1)
      yield* repository.deleteManifest(one!.descriptor.digest)
      assert.deepStrictEqual(yield* listed(repository), [])
      const { requests } = yield* server
      assert.strictEqual((yield* requests).filter(({ kind }) => kind === "referrers").length, 1)
    }).pipe(Effect.provide(environment({}))))
})

const entry = (note: string) => referrers(note, 1)[0]!
const mine = entry("mine")
const theirs = entry("theirs")
const list = (...of: ReadonlyArray<typeof mine>): Answer => ({
  body: index(of.map(({ descriptor }) => descriptor)).raw,
  headers: { "content-type": MediaType.ociIndex, etag: `"${of.length}"` }
})
const conditions = (
  seen: ReadonlyArray<{ readonly line: string; readonly headers: Readonly<Record<string, string>> }>
) => seen.filter(({ line }) => line === `PUT /v2/${name}/manifests/${tag}`).map(({ headers }) => headers)

describe("a list that others write too", () => {
  it.effect("is merged again when it was overwritten", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { status: 201 },
        { status: 404 },
        list(),
        { status: 201 },
        list(theirs),
        list(theirs),
        { status: 201 },
        list(theirs, mine)
      ])
      yield* within(repository.putManifest(mine))
      assert.strictEqual(seen.length, 8)
      const written = JSON.parse(new TextDecoder().decode(seen[6]?.body)) as {
        manifests: ReadonlyArray<{ digest: string }>
      }
      assert.deepStrictEqual(
        written.manifests.map(({ digest }) => digest),
        [theirs, mine].map((one) => one.descriptor.digest)
      )
    }))

  it.effect("is given up, with a clear error, when that does not end", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script((one) => {
        if (one.line.includes("/referrers/")) return { status: 404 }
        return one.line.startsWith("GET") ? list(theirs) : { status: 201 }
      })
      const error = yield* within(Effect.flip(repository.putManifest(mine)))
      assert.strictEqual(error._tag, "ManifestInvalid")
      assert.include(error.message, "others overwrite this list of referrers")
      assert.strictEqual(conditions(seen).length, 5)
    }))

  it.effect("is written without a condition that cannot be met", () =>
    Effect.gen(function*() {
      let stored = false
      const { repository, seen } = yield* script(({ headers, line }) => {
        if (line.includes("/referrers/")) return { status: 404 }
        if (!line.endsWith(tag)) return { status: 201 }
        if (line.startsWith("GET")) return stored ? list(mine) : list()
        if (headers["if-match"] !== undefined) return { status: 412 }
        stored = true
        return { status: 201 }
      })
      yield* within(repository.putManifest(mine))
      assert.deepStrictEqual(conditions(seen), [{ "if-match": "\"0\"" }, {}])
    }))

  it.effect("has no condition by a weak ETag, which would never hold", () =>
    Effect.gen(function*() {
      const weak = { ...list(), headers: { "content-type": MediaType.ociIndex, etag: "W/\"0\"" } }
      const { repository, seen } = yield* script([{ status: 201 }, { status: 404 }, weak, { status: 201 }, list(mine)])
      yield* repository.putManifest(mine)
      assert.deepStrictEqual(conditions(seen), [{}])
    }))

  it.effect("is another one for each subject, repository and registry, though one client changes them at the same time", () =>
    Effect.gen(function*() {
      const stored = new Map<string, Uint8Array>()
      const { session, transport } = yield* script(({ line, request: { body, method, registry, url } }): Answer => {
        const key = `${registry}${url}`
        const delay = "1 second"
        if (line.includes("/referrers/")) return { status: 404 }
        if (!url.includes("/manifests/sha256-")) return { status: 201 }
        if (method === "GET") {
          const list = stored.get(key)
          return list === undefined
            ? { status: 404, delay }
            : { body: list, headers: { "content-type": MediaType.ociIndex }, delay }
        }
        if (body?._tag === "Bytes") stored.set(key, body.bytes)
        return { status: 201, delay }
      })
      const other = image(["other"]).manifest.descriptor
      const lists = [[registry, name, subject], [registry, name, other], [registry, "other/app", subject], [
        "other.example",
        name,
        subject
      ]] as const
      const pushed = lists.flatMap(([registry, name, subject], at) =>
        [0, 1].map((i) => {
          const { manifest } = image([], { subject, annotations: { note: `${at} ${i}` } })
          const put = makeRepository({ transport, session, registry, name, config: {} }).putManifest(manifest)
          return {
            put,
            digest: manifest.descriptor.digest,
            key: `${registry}/v2/${name}/manifests/${tagOf(subject.digest)}`
          }
        })
      )
      yield* within(Effect.all(pushed.map(({ put }) => put), { concurrency: "unbounded" }))
      assert.strictEqual(stored.size, lists.length)
      for (const [key, list] of stored) {
        const { manifests } = JSON.parse(new TextDecoder().decode(list)) as {
          manifests: ReadonlyArray<{ digest: string }>
        }
        assert.sameMembers(
          manifests.map(({ digest }) => digest),
          pushed.filter((one) => one.key === key).map(({ digest }) => digest)
        )
      }
    }))

  it.effect("does not make the API's absence of a repository that is not there yet", () =>
    Effect.gen(function*() {
      const unknown = { status: 404, body: JSON.stringify({ errors: [{ code: "NAME_UNKNOWN" }] }) }
      const { repository, lines } = yield* script([unknown, { status: 404 }, list(mine)])
      assert.deepStrictEqual(yield* listed(repository), [])
      assert.deepStrictEqual(yield* listed(repository), [mine.descriptor.digest])
      assert.strictEqual(lines().filter((line) => line.includes("/referrers/")).length, 2)
    }))
})

describe("together", () => {
  it.effect("takes all that wait along, and leaves those of an interrupted change to the next", () =>
    Effect.gen(function*() {
      const session = yield* makeSession
      const started = yield* Deferred.make<void>()
      const runs: Array<number> = []
      const change = together(session, "list", (entries) => entries, (edits) =>
        Effect.zipRight(
          Effect.sync(() => runs.push(edits.length)),
          runs.length === 0 ? Effect.zipRight(Deferred.succeed(started, undefined), Effect.never) : Effect.void
        ))
      const first = yield* Effect.fork(change)
      yield* Deferred.await(started)
      const others = yield* Effect.forEach([1, 2, 3], () => Effect.fork(change))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(others[0]!)
      yield* Fiber.interrupt(first)
      for (const other of others.slice(1)) assert.isTrue(Exit.isSuccess(yield* Fiber.await(other)))
      assert.deepStrictEqual(runs, [1, 2])
    }))

  it.effect("leaves what an interrupted change took along to the next, before what came later", () =>
    Effect.gen(function*() {
      const session = yield* makeSession
      const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const runs: Array<ReadonlyArray<unknown>> = []
      const change = (name: string) =>
        together(session, "list", (entries) => [...entries, name], (edits) =>
          Effect.suspend(() => {
            const gate = gates[runs.length]
            runs.push(edits.reduce<ReadonlyArray<unknown>>((entries, edit) => edit(entries), []))
            return gate === undefined ? Effect.void : Deferred.await(gate)
          }))
      const begin = (name: string) => Effect.zipLeft(Effect.fork(change(name)), Effect.yieldNow())
      const first = yield* begin("first")
      const taker = yield* begin("taker")
      const taken = yield* begin("taken")
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* Fiber.join(first)
      const later = yield* begin("later")
      yield* Fiber.interrupt(taker)
      yield* Fiber.join(taken)
      yield* Fiber.join(later)
      assert.deepStrictEqual(runs, [["first"], ["taker", "taken"], ["taken", "later"]])
    }))

  it.effect("fails all that it took along", () =>
    Effect.gen(function*() {
      const session = yield* makeSession
      const gate = yield* Deferred.make<void>()
      let runs = 0
      const change = together(session, "list", (entries) => entries, () =>
        Effect.zipRight(
          Deferred.await(gate),
          Effect.suspend(() => ++runs === 1 ? Effect.void : Effect.fail(runs))
        ))
      const changes = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Effect.either(change)))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(gate, undefined)
      const ends = yield* Effect.forEach(changes, Fiber.join)
      assert.deepStrictEqual(ends.map(({ _tag }) => _tag), ["Right", "Left", "Left"])
      assert.strictEqual(runs, 2)
    }))
})
