import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Credentials from "../../../src/Credentials.js"
import * as Digest from "../../../src/Digest.js"
import { makeTransport } from "../../../src/internal/http/make.js"
import { makeRepository } from "../../../src/internal/remote/repository.js"
import { listRepositories, ping } from "../../../src/internal/remote/tags.js"
import { make as makeSession } from "../../../src/internal/session.js"
import * as MediaType from "../../../src/MediaType.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import type { Action, Fault, Kind } from "../../../src/RegistryFault.js"
import type { Quirks } from "../../../src/RegistryServer.js"
import * as RegistryTest from "../../../src/RegistryTest.js"
import { image, index, sample as described } from "../../utils/samples.js"
import * as seed from "../../utils/seed.js"
import { blobOf, collect, piecewise, sample } from "./scripted.js"

const registry = "registry.example"
const name = "team/app"
const bytes = sample(20_000)
const blob = blobOf(bytes)
const content = piecewise(bytes, 1000)
const { config, layers, manifest } = image(["one", "two"])
const chunked: RegistryConfig.Options = { hosts: { [registry]: { chunkSize: 6000 } } }

const environment = (options: RegistryTest.RegistryOptions = {}) =>
  Layer.merge(
    RegistryTest.layer({ registries: { [registry]: options, "elsewhere.example": { contentOf: registry } } }),
    Layer.orDie(Credentials.layerBasic({ registry, username: "ci", password: Redacted.make("hunter2") }))
  )
const users = { ci: "hunter2" }

const open = Effect.fnUntraced(function*(options: RegistryConfig.Options = {}) {
  const transport = yield* Effect.orDie(makeTransport(options))
  const session = yield* makeSession
  const at = (name: string) => makeRepository({ transport, session, registry, name, config: options })
  const registries = yield* RegistryTest.RegistryTest
  const server = yield* Effect.orDie(registries.server(registry))
  const store = yield* Effect.orDie(server.repository(name))
  const lines = Effect.map(server.requests, (all) => all.map((one) => `${one.method} ${one.status}`))
  return { at, lines, registries, repository: at(name), server, session, store, transport }
})

const run = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Exit.Exit<A, E>, never, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.exit(effect))
    yield* TestClock.adjust(Duration.minutes(5))
    return yield* Fiber.join(fiber)
  })
const good = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.flatMap(run(effect), (exit) => Effect.orDie(exit))
const all = <A, E, R>(stream: Stream.Stream<A, E, R>) => Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

describe("two repositories of one registry", () => {
  it.effect("share a token: an image with seven blobs goes from one to the other in 13 requests", () => {
    const seven = image(["1", "2", "3", "4", "5", "6"])
    const blobs = [seven.config, ...seven.layers].map(({ descriptor }) => descriptor)
    return Effect.gen(function*() {
      const { registries, session, store, transport } = yield* open()
      yield* seed.putImage(store, seven, "1")
      const at = (name: string, access: "read" | "write", also: string) =>
        makeRepository({ transport, session, registry, name, config: {}, access, also: [also] })
      const from = at(name, "read", "repository:copy/app:pull,push")
      const to = at("copy/app", "write", `repository:${name}:pull`)
      const before = Effect.all([from.resolve("1"), Effect.option(to.resolve("1"))], { concurrency: "unbounded" })
      yield* Effect.orDie(before)
      const manifest = yield* Effect.orDie(from.getManifest("1"))
      for (const blob of blobs) {
        assert.strictEqual(yield* Effect.orDie(to.putBlob(blob, from.getBlob(blob), { mountFrom: name })), "Mounted")
      }
      yield* Effect.orDie(to.putManifest(manifest, { tag: "1" }))
      const lines = (yield* registries.requests()).map(({ method, status }) => `${method} ${status}`)
      assert.deepStrictEqual(lines, [
        "HEAD 401",
        "GET 200",
        ...lines.slice(2, 4),
        "GET 200",
        ...blobs.map(() => "POST 201"),
        "PUT 201"
      ])
      assert.deepStrictEqual(lines.slice(2, 4).sort(), ["HEAD 200", "HEAD 404"])
      assert.strictEqual(lines.length, 13)
    }).pipe(Effect.provide(environment({ auth: { _tag: "Bearer", users } })))
  })

  it.effect("tag an index anew within one of them in six requests", () =>
    Effect.gen(function*() {
      const { at, registries, store, session, transport } = yield* open()
      yield* seed.putManifest(store, index([]), "1")
      const write = () => makeRepository({ transport, session, registry, name, config: {}, access: "write" })
      yield* Effect.orDie(
        Effect.all([write().resolve("1"), Effect.option(write().resolve("2"))], { concurrency: "unbounded" })
      )
      const manifest = yield* Effect.orDie(write().getManifest("1"))
      yield* Effect.orDie(write().putManifest(manifest, { tag: "2" }))
      assert.strictEqual((yield* registries.requests()).length, 6)
      // A repository that only reads finds the same token to be enough.
      yield* Effect.orDie(at(name).resolve("2"))
      assert.strictEqual((yield* registries.requests()).length, 7)
    }).pipe(Effect.provide(environment({ auth: { _tag: "Bearer", users } }))))
})

describe("a registry's repository", () => {
  it.effect("takes an image and gives it back, in as few requests as it can", () =>
    Effect.gen(function*() {
      const { lines, repository, server, transport } = yield* open()
      for (const { descriptor, raw } of [config, ...layers]) {
        assert.isFalse(yield* repository.hasBlob(descriptor.digest))
        assert.strictEqual(yield* good(repository.putBlob(descriptor, Stream.make(raw))), "Uploaded")
      }
      yield* repository.putManifest(manifest, { tag: "v1" })
      assert.deepStrictEqual(
        yield* lines,
        [...Array.from({ length: 3 }, () => ["HEAD 404", "POST 202", "PUT 201"]).flat(), "PUT 201"]
      )
      yield* server.clearRequests
      assert.deepStrictEqual(yield* repository.resolve("v1"), manifest.descriptor)
      assert.deepStrictEqual(yield* lines, ["HEAD 200"])
      assert.deepStrictEqual(Array.from((yield* repository.getManifest("v1")).raw), Array.from(manifest.raw))
      for (const { descriptor, raw } of layers) {
        assert.deepStrictEqual(Array.from(yield* collect(repository.getBlob(descriptor))), Array.from(raw))
      }
      assert.deepStrictEqual(yield* all(repository.tags), ["v1"])
      assert.deepStrictEqual(yield* all(listRepositories(transport, registry)), [name])
      yield* ping(transport, registry)
      yield* repository.deleteManifest("v1")
      yield* repository.deleteManifest(manifest.descriptor.digest)
      assert.strictEqual((yield* Effect.flip(repository.resolve(manifest.descriptor.digest)))._tag, "NotFound")
      yield* repository.deleteBlob(config.descriptor.digest)
      assert.isFalse(yield* repository.hasBlob(config.descriptor.digest))
    }).pipe(Effect.provide(environment())))

  it.effect("works with sha512, mounts, and empty blobs", () =>
    Effect.gen(function*() {
      const { at, lines, repository, server, store } = yield* open()
      const sha512 = blobOf(bytes, "sha512")
      const empty = blobOf(new Uint8Array(0))
      yield* good(repository.putBlob(sha512, content))
      yield* good(repository.putBlob(empty, Stream.empty))
      assert.deepStrictEqual(Array.from(yield* collect(store.getBlob(sha512))), Array.from(bytes))
      assert.strictEqual((yield* collect(repository.getBlob(empty))).byteLength, 0)
      const other = image(["x"], {}, "sha512").manifest
      yield* repository.putManifest(other, { tag: "wide" })
      assert.strictEqual(
        (yield* repository.getManifest(other.descriptor.digest)).descriptor.digest,
        other.descriptor.digest
      )
      yield* server.clearRequests
      assert.strictEqual(yield* good(at("copy").putBlob(sha512, content, { mountFrom: name })), "Mounted")
      assert.isTrue(yield* at("other").mountBlob(empty, name))
      assert.deepStrictEqual(yield* lines, ["POST 201", "POST 201"])
    }).pipe(Effect.provide(environment())))

  for (
    const auth of [
      { _tag: "Basic", users },
      { _tag: "Bearer", users }
    ] as const
  ) {
    it.effect(`pushes, mounts and deletes with ${auth._tag} credentials, without a word of them in what it asks`, () =>
      Effect.gen(function*() {
        const { at, repository, server } = yield* open()
        yield* good(repository.putBlob(blob, content))
        assert.strictEqual(yield* good(at("copy").putBlob(blob, content, { mountFrom: name })), "Mounted")
        yield* good(repository.putManifest(manifest, { tag: "v1" }))
        assert.deepStrictEqual(yield* repository.resolve("v1"), manifest.descriptor)
        yield* good(repository.deleteManifest("v1"))
        yield* good(repository.deleteBlob(blob.digest))
        assert.notInclude(JSON.stringify(yield* server.requests), "hunter2")
      }).pipe(Effect.provide(environment({ auth }))))
  }

  const quirks: ReadonlyArray<readonly [string, Quirks, RegistryConfig.Options?]> = [
    ["no digest header", { digestHeader: false }],
    ["text/plain for every manifest", { manifestContentType: "text/plain" }],
    ["202 for a manifest (Quay)", { putManifestStatus: 202 }],
    ["absolute Locations", { location: "absolute" }],
    ["Locations on another host", { location: "https://elsewhere.example" }],
    ["Locations that work once (Google)", { freshLocations: true, patchStatus: 204 }, chunked],
    ["201 for a PATCH and a stale Range (ECR)", { patchStatus: 201, staleRange: true }, chunked],
    ["sessions that cannot be asked (ECR Public)", { uploadStatus: false }, chunked],
    ["a smallest chunk", { chunkMinLength: 8000 }, chunked],
    ["no ranges", { blobRange: false }],
    ["blobs on another host", { blobsAt: "https://elsewhere.example" }],
    ["compressed answers", { contentEncoding: "gzip" }],
    ["no referrers API", { referrers: false }],
    ["mounts that are denied (Harbor)", { mount: "denied" }],
    ["mounts that open sessions", { mount: "off" }],
    ["small pages", { pageSize: 1 }]
  ]
  for (const [what, given, options] of quirks) {
    it.effect(`copes with ${what}`, () =>
      Effect.gen(function*() {
        const { at, repository, store } = yield* open(options)
        yield* good(repository.putBlob(blob, content))
        assert.deepStrictEqual(Array.from(yield* collect(store.getBlob(blob))), Array.from(bytes))
        assert.deepStrictEqual(Array.from(yield* good(collect(repository.getBlob(blob)))), Array.from(bytes))
        yield* good(at("copy").putBlob(blob, content, { mountFrom: name }))
        assert.isTrue(yield* at("copy").hasBlob(blob.digest))
        for (const tag of ["a", "b", "c"]) yield* good(repository.putManifest(manifest, { tag }))
        assert.deepStrictEqual(yield* repository.resolve("a"), manifest.descriptor)
        const referrers = ["x", "y"].map((note) => image([], { subject: manifest.descriptor, annotations: { note } }))
        for (const referrer of referrers) yield* good(repository.putManifest(referrer.manifest))
        const listed = yield* all(repository.referrers(manifest.descriptor.digest))
        assert.deepStrictEqual(
          listed.map(({ digest }) => digest).sort(),
          referrers.map((one) => one.manifest.descriptor.digest).sort()
        )
        const typed = yield* all(
          repository.referrers(manifest.descriptor.digest, { artifactType: MediaType.ociConfig })
        )
        assert.strictEqual(typed.length, 2)
        assert.deepStrictEqual(
          (yield* all(repository.tags)).filter((tag) => tag.length === 1),
          ["a", "b", "c"]
        )
        for (const referrer of referrers) yield* good(repository.deleteManifest(referrer.manifest.descriptor.digest))
        assert.deepStrictEqual(yield* all(repository.referrers(manifest.descriptor.digest)), [])
      }).pipe(Effect.provide(environment({ quirks: given }))))
  }

  const breaks: ReadonlyArray<readonly [string, Action]> = [
    ["a 500", { _tag: "Status", status: 500 }],
    ["a 503", { _tag: "Status", status: 503 }],
    ["a 429", { _tag: "RateLimit", retryAfter: 2 }],
    ["a reset before", { _tag: "Reset", at: "before" }],
    ["a reset after", { _tag: "Reset", at: "after" }],
    ["a refused connection", { _tag: "Refuse" }],
    ["a stall", { _tag: "Stall", at: "headers" }]
  ]
  const upload: ReadonlyArray<Kind> = ["startUpload", "putUpload", "patchUpload"]
  for (const kind of upload) {
    for (const [what, action] of [...breaks, ["a cut after 7777 bytes", { _tag: "CutUpload", after: 7777 }] as const]) {
      it.effect(`gets a blob there through ${what} at ${kind}, and leaves no session open`, () =>
        Effect.gen(function*() {
          const { repository, server, store } = yield* open(kind === "patchUpload" ? chunked : {})
          const fault: Fault = { kind, action }
          yield* server.setFaults([fault])
          assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
          assert.deepStrictEqual(Array.from(yield* collect(store.getBlob(blob))), Array.from(bytes))
          // An answer to a POST that is lost leaves a session of which nobody knows the address.
          const lost = kind === "startUpload" && action._tag === "Reset" && action.at === "after" ? 1 : 0
          assert.strictEqual(yield* server.openUploads, lost)
        }).pipe(Effect.provide(environment())))
    }
  }

  for (
    const [what, action] of [
      ...breaks,
      ["a cut body", { _tag: "CutBody", after: 7777 }],
      ["a stalled body", { _tag: "Stall", at: "body", after: 7777 }]
    ] satisfies typeof breaks
  ) {
    it.effect(`gets a blob through ${what}`, () =>
      Effect.gen(function*() {
        const { repository, server, store } = yield* open()
        yield* store.putBlob(blob, content)
        yield* server.setFaults([{ kind: "getBlob", action }])
        assert.deepStrictEqual(Array.from(yield* good(collect(repository.getBlob(blob)))), Array.from(bytes))
      }).pipe(Effect.provide(environment())))
  }

  it.effect("never gives out a changed blob as whole", () =>
    Effect.gen(function*() {
      const { repository, server, store } = yield* open()
      yield* store.putBlob(blob, content)
      for (const action of [{ _tag: "CorruptBody", offset: 9 }, { _tag: "TruncateBody", after: 99 }] as const) {
        yield* server.setFaults([{ kind: "getBlob", nth: "always", action }])
        assert.isTrue(Exit.isFailure(yield* run(collect(repository.getBlob(blob)))))
      }
    }).pipe(Effect.provide(environment())))

  it.effect("goes on with an upload after its token expired in the middle", () =>
    Effect.gen(function*() {
      const { repository, server, store } = yield* open(chunked)
      yield* server.setFaults([{ kind: "patchUpload", nth: 2, action: { _tag: "ExpireTokens" } }])
      assert.strictEqual(yield* good(repository.putBlob(blob, content)), "Uploaded")
      assert.isTrue(yield* store.hasBlob(blob.digest))
    }).pipe(Effect.provide(environment({ auth: { _tag: "Bearer", users } }))))

  it.effect("uploads content of unknown length in chunks, the last with the closing PUT", () =>
    Effect.gen(function*() {
      for (
        const [size, methods] of [[20_000, "PATCH PATCH PATCH PUT"], [6000, "PUT"], [6001, "PATCH PUT"], [0, "PUT"]]
      ) {
        const { repository, server, store } = yield* open(chunked)
        const whole = sample(Number(size))
        yield* server.clearRequests
        const uploaded = yield* good(repository.uploadBlob(piecewise(whole, 1000)))
        assert.deepStrictEqual(uploaded, blobOf(whole))
        assert.isTrue(yield* store.hasBlob(uploaded.digest))
        const sent = (yield* server.requests).filter(({ method }) => method === "PATCH" || method === "PUT")
        assert.strictEqual(sent.map(({ method }) => method).join(" "), methods)
        assert.strictEqual(yield* server.openUploads, 0)
      }
    }).pipe(Effect.provide(environment())))

  it.effect("goes on with content of unknown length after each kind of failure, and gives up without a trace", () =>
    Effect.gen(function*() {
      for (
        const fault of [
          { kind: "patchUpload", nth: 2, action: { _tag: "Status", status: 503 } },
          { kind: "patchUpload", nth: 2, action: { _tag: "CutUpload", after: 777 } },
          { kind: "patchUpload", nth: 2, action: { _tag: "Reset", at: "after" } },
          { kind: "putUpload", nth: 1, action: { _tag: "Reset", at: "before" } }
        ] satisfies ReadonlyArray<Fault>
      ) {
        const { repository, server, store } = yield* open(chunked)
        yield* server.setFaults([fault])
        assert.deepStrictEqual(yield* good(repository.uploadBlob(content)), blob)
        assert.isTrue(yield* store.hasBlob(blob.digest))
        yield* store.deleteBlob?.(blob.digest) ?? Effect.void
        assert.strictEqual(yield* server.openUploads, 0)
      }
      const { repository, server, store } = yield* open(chunked)
      const broken = Stream.concat(content, Stream.fail("the source broke" as const))
      assert.deepStrictEqual(yield* run(repository.uploadBlob(broken)), Exit.fail("the source broke" as const))
      assert.isFalse(yield* store.hasBlob(blob.digest))
      assert.strictEqual(yield* server.openUploads, 0)
    }).pipe(Effect.provide(environment())))

  it.effect("commits nothing of wrong content, and leaves no session open", () =>
    Effect.gen(function*() {
      for (const options of [{}, chunked]) {
        const { repository, server, store } = yield* open(options)
        const wrong = { ...blob, digest: Digest.fromBytes(sample(7)) }
        const exit = yield* run(repository.putBlob(wrong, content))
        assert.isTrue(Exit.isFailure(exit))
        assert.isFalse(yield* store.hasBlob(wrong.digest))
        assert.isFalse(yield* store.hasBlob(blob.digest))
        assert.strictEqual(yield* server.openUploads, 0)
      }
    }).pipe(Effect.provide(environment())))

  it.effect("cancels its session when it is interrupted in the middle of a PUT", () =>
    Effect.gen(function*() {
      const { repository, server } = yield* open()
      const stuck = Stream.concat(Stream.take(content, 3), Stream.never)
      const fiber = yield* Effect.fork(repository.putBlob(blob, stuck))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* server.openUploads, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* server.openUploads, 0)
    }).pipe(Effect.provide(environment())))

  it.effect("reports the references that a strict registry misses", () =>
    Effect.gen(function*() {
      const { repository } = yield* open()
      const error = yield* Effect.flip(repository.putManifest(manifest, { tag: "v1" }))
      assert.strictEqual(error._tag === "ManifestInvalid" ? error.errors.length : error._tag, 3)
    }).pipe(Effect.provide(environment({ strict: true }))))

  it.effect("says clearly that deletes are off", () =>
    Effect.gen(function*() {
      const { repository, store } = yield* open()
      yield* store.putManifest(described({ schemaVersion: 2, manifests: [] }, MediaType.ociIndex), { tag: "v1" })
      const error = yield* Effect.flip(repository.deleteManifest("v1"))
      assert.include(error.message, "UNSUPPORTED")
    }).pipe(Effect.provide(environment({ quirks: { deletes: false } }))))
})
