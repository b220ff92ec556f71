/** What an upload does when answers are lost, refused, put off or never come; over the real transport. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../../../src/Credentials.js"
import { makeTransport } from "../../../src/internal/http/make.js"
import { makeRepository } from "../../../src/internal/remote/repository.js"
import { make as makeSession } from "../../../src/internal/session.js"
import * as RegistryClient from "../../../src/RegistryClient.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import type { Fault } from "../../../src/RegistryFault.js"
import type { Quirks } from "../../../src/RegistryServer.js"
import * as RegistryTest from "../../../src/RegistryTest.js"
import * as Pair from "../../utils/pair.js"
import { image } from "../../utils/samples.js"
import * as seed from "../../utils/seed.js"
import { blobOf, collect, name, piecewise, sample } from "./scripted.js"

const registry = "registry.example"
const bytes = sample(20_000)
const blob = blobOf(bytes)
const content = piecewise(bytes, 1000)
const chunked: RegistryConfig.Options = { hosts: { [registry]: { chunkSize: 6000 } } }
const telling: RegistryConfig.Options = { hosts: { [registry]: { blobCheck: "mount" } } }

const environment = (quirks: Quirks = {}) =>
  Layer.merge(RegistryTest.layer({ registries: { [registry]: { quirks } } }), Credentials.layerAnonymous)

const open = Effect.fnUntraced(function*(config: RegistryConfig.Options = {}, faults: ReadonlyArray<Fault> = []) {
  const retries: Array<RegistryConfig.Retry> = []
  const options = { ...config, onRetry: (retry: RegistryConfig.Retry) => Effect.sync(() => retries.push(retry)) }
  const transport = yield* Effect.orDie(makeTransport(options))
  const session = yield* makeSession
  const repository = makeRepository({ transport, session, registry, name, config: options })
  const registries = yield* RegistryTest.RegistryTest
  const server = yield* Effect.orDie(registries.server(registry))
  const store = yield* Effect.orDie(server.repository(name))
  yield* server.setFaults(faults)
  const lines = Effect.map(server.requests, (all) => all.map((one) => `${one.method} ${one.status ?? "lost"}`))
  return { lines, repository, retries, server, session, store }
})

const within = <A, E, R>(effect: Effect.Effect<A, E, R>, time: Duration.DurationInput = "1 hour") =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

const lostAnswer: Fault = { kind: "putUpload", action: { _tag: "Reset", at: "after" } }

describe("a closing PUT whose answer is lost", () => {
  for (
    const [what, config, sent] of [
      ["of a whole blob", {}, ["PUT lost"]],
      ["of the last chunk", chunked, ["PATCH 202", "PATCH 202", "PATCH 202", "PUT lost"]]
    ] as const
  ) {
    it.effect(`${what} costs one HEAD, and no byte is moved twice`, () =>
      Effect.gen(function*() {
        const { lines, repository, server, store } = yield* open(config, [lostAnswer])
        assert.strictEqual(yield* within(repository.putBlob(blob, content)), "Uploaded")
        assert.deepStrictEqual(yield* lines, ["POST 202", ...sent, "GET 404", "HEAD 200"])
        assert.deepStrictEqual(Array.from(yield* collect(store.getBlob(blob))), Array.from(bytes))
        assert.strictEqual(yield* server.openUploads, 0)
      }).pipe(Effect.provide(environment())))
  }

  it.effect("is looked into for a blob of unknown length too", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* open({}, [lostAnswer])
      assert.deepStrictEqual(yield* within(repository.uploadBlob(content)), blob)
      assert.deepStrictEqual(yield* lines, ["POST 202", "PUT lost", "GET 404", "HEAD 200"])
    }).pipe(Effect.provide(environment())))

  it.effect("is not looked into when the bytes had not all gone out", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* open({}, [{
        kind: "putUpload",
        action: { _tag: "CutUpload", after: 7777 }
      }])
      assert.strictEqual(yield* within(repository.putBlob(blob, content)), "Uploaded")
      assert.notInclude((yield* lines).join(), "HEAD")
    }).pipe(Effect.provide(environment({ uploadStatus: false }))))

  it.effect("is sent again when the registry does not have the blob", () =>
    Effect.gen(function*() {
      const { lines, repository, store } = yield* open({}, [{
        kind: "putUpload",
        action: { _tag: "Status", status: 502 }
      }, { kind: "headBlob", action: { _tag: "Status", status: 404 } }])
      assert.strictEqual(yield* within(repository.putBlob(blob, content)), "Uploaded")
      const all = yield* lines
      assert.deepStrictEqual(all.slice(0, 2), ["POST 202", "PUT 502"])
      assert.strictEqual(all.at(-1), "PUT 201")
      assert.isTrue(yield* store.hasBlob(blob.digest))
    }).pipe(Effect.provide(environment({ uploadStatus: false }))))
})

describe("a registry with answers of its own", () => {
  const odd = { kind: "putUpload", action: { _tag: "Status", status: 202 } } as const

  it.effect("gets the bytes once more after a 202 that left no blob, and not a third time", () =>
    Effect.gen(function*() {
      const { lines, repository, server, store } = yield* open({}, [odd])
      assert.strictEqual(yield* within(repository.putBlob(blob, content)), "Uploaded")
      const once = ["POST 202", "PUT 202", "HEAD 404", "DELETE 204"]
      assert.deepStrictEqual(yield* lines, [...once, "POST 202", "PUT 201"])
      assert.deepStrictEqual(Array.from(yield* collect(store.getBlob(blob))), Array.from(bytes))
      yield* store.deleteBlob!(blob.digest)
      yield* server.clearRequests
      yield* server.setFaults([{ ...odd, nth: "always" }])
      const error = yield* within(Effect.flip(repository.putBlob(blob, content)))
      assert.strictEqual(error._tag, "UploadInvalid")
      assert.deepStrictEqual(yield* lines, [...once, ...once])
      assert.strictEqual(yield* server.openUploads, 0)
    }).pipe(Effect.provide(environment())))

  const sample = image(["one", "two", "three"])
  const blobs = sample.layers.length + 1
  const healthCheck = {
    kind: "startUpload",
    nth: [1, 2],
    action: { _tag: "Status", status: 200, body: "Healthcheck requested" }
  } as const

  for (
    const [what, quirks, faults, expected] of [
      ["202 for a blob that is stored", { putBlobStatus: 202 }, [], { headBlob: 2, startUpload: 1, putUpload: 1 }],
      ["a health check in place of sessions", {}, [healthCheck], { headBlob: 1, startUpload: 1, putUpload: 1 }],
      [
        "404 for a PUT of a whole blob",
        { wholePut: false },
        [],
        { headBlob: 1, startUpload: 2, patchUpload: 1, putUpload: 2 }
      ]
    ] as const
  ) {
    it.effect(`gets whole images: ${what}`, () =>
      Effect.gen(function*() {
        const { destination, source } = yield* Pair.Pair
        const from = yield* Effect.orDie(source.server.repository("app"))
        yield* seed.putImage(from, sample, "v1")
        yield* destination.server.setFaults(faults)
        const client = yield* RegistryClient.RegistryClient
        const copied = yield* within(client.copyImage(`${source.name}/app:v1`, `${destination.name}/app:v1`))
        assert.strictEqual(copied.digest, sample.manifest.descriptor.digest)
        const to = yield* Effect.orDie(destination.server.repository("app"))
        for (const one of [sample.config, ...sample.layers]) {
          assert.deepStrictEqual(Array.from(yield* collect(to.getBlob(one.descriptor))), Array.from(one.raw))
        }
        const kinds = yield* Pair.kinds(destination)
        const spent = faults.length === 0 ? 0 : healthCheck.nth.length
        for (const [kind, times] of Object.entries(expected)) {
          const extra = kind === "startUpload" ? spent : 0
          assert.strictEqual(kinds.filter((one) => one === kind).length, times * blobs + extra, kind)
        }
        assert.strictEqual(yield* destination.server.openUploads, 0)
      }).pipe(
        Effect.provide(Pair.client()),
        Effect.provide(Pair.memory({ destination: { quirks } }))
      ))
  }
})

describe("a registry that asks to wait", () => {
  for (const [kind, config] of [["putUpload", {}], ["patchUpload", chunked]] as const) {
    it.effect(`is given the time at ${kind}, and the bytes are sent again`, () =>
      Effect.gen(function*() {
        const { repository, retries, store } = yield* open(config, [{
          kind,
          action: { _tag: "RateLimit", retryAfter: 30 }
        }])
        const start = yield* Clock.currentTimeMillis
        const done = Effect.zipRight(repository.putBlob(blob, content), Clock.currentTimeMillis)
        assert.isAtLeast((yield* within(done)) - start, 30_000)
        assert.deepStrictEqual(Array.from(yield* collect(store.getBlob(blob))), Array.from(bytes))
        assert.deepStrictEqual(
          retries.map(({ attempt, delay, reason }) => [attempt, Duration.toSeconds(delay), reason]),
          [
            [1, 30, "429"]
          ]
        )
      }).pipe(Effect.provide(environment())))

    it.effect(`with a 503 at ${kind} gets the blob in the end`, () =>
      Effect.gen(function*() {
        const { repository, retries, store } = yield* open(config, [{
          kind,
          action: { _tag: "Status", status: 503, headers: { "retry-after": "3" } }
        }])
        assert.strictEqual(yield* within(repository.putBlob(blob, content)), "Uploaded")
        assert.deepStrictEqual(Array.from(yield* collect(store.getBlob(blob))), Array.from(bytes))
        assert.deepStrictEqual(retries.map(({ attempt, reason, registry }) => [attempt, reason, registry]), [
          [1, "503", "registry.example"]
        ])
        assert.match(retries[0]?.url ?? "", /^https:\/\/registry\.example\/v2\/team\/app\/blobs\/uploads\/[0-9a-f-]+$/)
      }).pipe(Effect.provide(environment())))
  }

  it.effect("tells of a download that goes on", () =>
    Effect.gen(function*() {
      const { repository, retries, store } = yield* open({}, [{
        kind: "getBlob",
        action: { _tag: "CutBody", after: 7777 }
      }])
      yield* store.putBlob(blob, content)
      assert.strictEqual((yield* within(collect(repository.getBlob(blob)))).byteLength, bytes.byteLength)
      assert.deepStrictEqual(
        retries.map(({ attempt, method, reason, registry, url }) => ({ attempt, method, reason, registry, url })),
        [
          {
            attempt: 1,
            method: "GET",
            reason: "Reset",
            registry,
            url: `https://${registry}/v2/${name}/blobs/${blob.digest}`
          }
        ]
      )
    }).pipe(Effect.provide(environment())))
})

describe("damage on the way", () => {
  it.effect("costs a manifest one more GET", () =>
    Effect.gen(function*() {
      const { lines, repository, server, store } = yield* open()
      const raw = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, manifests: [] }))
      const descriptor = { mediaType: "application/vnd.oci.image.index.v1+json", ...blobOf(raw) }
      yield* store.putManifest({ descriptor, raw }, { tag: "v1" })
      const corrupt = { kind: "getManifest", action: { _tag: "CorruptBody", offset: 3 } } as const
      for (const reference of ["v1", descriptor.digest]) {
        yield* server.clearRequests
        yield* server.setFaults([corrupt])
        assert.deepStrictEqual(Array.from((yield* repository.getManifest(reference)).raw), Array.from(raw))
        assert.deepStrictEqual(yield* lines, ["GET 200", "GET 200"])
        yield* server.setFaults([{ ...corrupt, nth: "always" }])
        assert.strictEqual((yield* Effect.flip(repository.getManifest(reference)))._tag, "DigestMismatch")
      }
    }).pipe(Effect.provide(environment())))
})

describe("an answer that breaks off", () => {
  it.effect("costs a list, a manifest and a small blob one more GET", () =>
    Effect.gen(function*() {
      const { lines, repository, server, store } = yield* open()
      const { config, layers, manifest } = image(["layer"])
      for (const { descriptor, raw } of [config, ...layers]) yield* store.putBlob(descriptor, Stream.make(raw))
      yield* store.putManifest(manifest, { tag: "v1" })
      for (
        const [kind, read] of [
          ["tags", Stream.runDrain(repository.tags)],
          ["getManifest", repository.getManifest("v1")],
          ["getBlob", repository.readBlob!(config.descriptor)],
          ["referrers", Stream.runDrain(repository.referrers(manifest.descriptor.digest))]
        ] as const
      ) {
        yield* server.clearRequests
        yield* server.setFaults([{ kind, action: { _tag: "CutBody", after: 1 } }])
        yield* within<unknown, unknown, never>(read)
        assert.strictEqual((yield* lines).length, 2, kind)
      }
    }).pipe(Effect.provide(environment())))
})

describe("a mount from the repository itself", () => {
  it.effect("tells that the blob is there, or opens the session that is used", () =>
    Effect.gen(function*() {
      const { lines, repository, server, session } = yield* open(telling)
      assert.isTrue(repository.mountTells)
      assert.strictEqual(yield* repository.putBlob(blob, content, { mountFrom: name }), "Uploaded")
      assert.strictEqual(yield* repository.putBlob(blob, Stream.die("run"), { mountFrom: name }), "Mounted")
      assert.deepStrictEqual(yield* lines, ["POST 202", "PUT 201", "POST 201"])
      const query = `mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(name)}`
      assert.deepStrictEqual((yield* server.requests).map((one) => one.kind === "mount" ? one.query : one.kind), [
        query,
        "putUpload",
        query
      ])
      assert.deepStrictEqual(session.repositoriesWith(registry, blob.digest), [name])
    }).pipe(Effect.provide(environment())))

  it.effect("is not tried a second time: not after a refusal, and not when the upload starts over", () =>
    Effect.gen(function*() {
      const { repository, server } = yield* open(telling, [
        { kind: "mount", action: { _tag: "Status", status: 403 } },
        { kind: "putUpload", action: { _tag: "Status", status: 400, code: "DIGEST_INVALID" } }
      ])
      assert.strictEqual(yield* within(repository.putBlob(blob, content, { mountFrom: name })), "Uploaded")
      assert.deepStrictEqual((yield* server.requests).map(({ kind }) => kind), [
        "mount",
        "startUpload",
        "putUpload",
        "deleteUpload",
        "startUpload",
        "putUpload"
      ])
    }).pipe(Effect.provide(environment())))

  it.effect("is not thought of where it is not asked for", () =>
    Effect.gen(function*() {
      const { repository, server } = yield* open()
      assert.isFalse(repository.mountTells)
      yield* repository.putBlob(blob, content, { mountFrom: name })
      assert.deepStrictEqual((yield* server.requests).map(({ kind }) => kind), ["startUpload", "putUpload"])
    }).pipe(Effect.provide(environment())))
})

describe("the gate", () => {
  it.effect("is round the bytes of each session, and never round a mount", () =>
    Effect.gen(function*() {
      const { lines, repository, server, store } = yield* open({}, [{
        kind: "putUpload",
        action: { _tag: "Status", status: 400, code: "SIZE_INVALID" }
      }])
      const log: Array<string> = []
      const note = (what: string) =>
        Effect.flatMap(lines, (all) => Effect.sync(() => log.push(`${what} ${all.join()}`)))
      const gate = <A, E, R>(send: Effect.Effect<A, E, R>) =>
        Effect.acquireUseRelease(note("in"), () => send, () => note("out"))
      assert.strictEqual(yield* within(repository.putBlob(blob, content, { gate })), "Uploaded")
      const first = "POST 202,PUT 400"
      const second = `${first},DELETE 204,POST 202`
      assert.deepStrictEqual(log, ["in POST 202", `out ${first}`, `in ${second}`, `out ${second},PUT 201`])
      const other = yield* server.repository("other/app")
      yield* other.putBlob(blob, content)
      yield* store.deleteBlob!(blob.digest)
      log.length = 0
      assert.strictEqual(yield* repository.putBlob(blob, content, { gate, mountFrom: "other/app" }), "Mounted")
      assert.deepStrictEqual(log, [])
    }).pipe(Effect.provide(environment())))
})

describe("interruption", () => {
  it.effect("of several uploads is over within a second, though no cancellation is answered", () =>
    Effect.gen(function*() {
      const { repository, server } = yield* open({}, [
        { kind: "putUpload", nth: "always", action: { _tag: "Stall", at: "headers" } },
        { kind: "deleteUpload", nth: "always", action: { _tag: "Stall", at: "headers" } }
      ])
      const blobs = [1, 2, 3, 4].map((n) => sample(1000 + n))
      const copy = yield* Effect.fork(
        Effect.forEach(blobs, (one) => repository.putBlob(blobOf(one), piecewise(one, 100)), {
          concurrency: "unbounded",
          discard: true
        })
      )
      yield* TestClock.adjust("1 second")
      const interruption = yield* Effect.fork(Fiber.interrupt(copy))
      yield* TestClock.adjust("999 millis")
      assert.strictEqual((yield* Fiber.poll(interruption))._tag, "Some")
      const kinds = (yield* server.requests).map(({ kind }) => kind)
      assert.strictEqual(kinds.filter((kind) => kind === "deleteUpload").length, 4)
    }).pipe(Effect.provide(environment())))
})
