/** What an interrupted copy leaves of its uploads in a registry that takes a cancellation only now and then. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { basename, join } from "node:path"
import * as Copy from "../../src/Copy.js"
import * as NodeRegistry from "../../src/NodeRegistry.js"
import * as Repository from "../../src/Repository.js"
import { image } from "../utils/samples.js"
import * as seed from "../utils/seed.js"
import { connect } from "./clients.js"
import * as Registry from "./registry.js"
import { suite } from "./suite.js"

const large = 3 * 1024 * 1024
const sample = image(["x".repeat(large), "small"])

/** What a registry of distribution keeps of a session: its bytes, and when it began. */
const left = Effect.fnUntraced(function*({ storage }: Registry.Registry) {
  const fs = yield* FileSystem.FileSystem
  const folder = join(storage, "docker/registry/v2/repositories/copy/_uploads")
  const files = (yield* fs.exists(folder)) ? yield* fs.readDirectory(folder, { recursive: true }) : []
  return files.filter((file) => ["data", "startedat"].includes(basename(file)))
})

interface Moment {
  /** So many requests of the method have been answered. */
  readonly method: string
  readonly answered: number
  /** The client hears of these answers only when it has been interrupted. */
  readonly isHeld?: boolean
  readonly chunkSize?: number
}

/** Interrupts a copy whose source gives `bytes` of each blob, and no end. */
const interrupted = Effect.fnUntraced(function*(bytes: number, { answered, chunkSize, isHeld, method }: Moment) {
  const registry = yield* Registry.start()
  const memory = yield* Repository.makeMemory({ registry: "memory", name: "app" })
  yield* seed.putImage(memory, sample, "1")
  const source: Repository.Repository = {
    ...memory,
    readBlob: undefined,
    getBlob: (blob) =>
      Stream.concat(bytes === 0 ? Stream.empty : memory.getBlob(blob, { offset: 0, length: bytes }), Stream.never)
  }
  const release = yield* Deferred.make<void>()
  const http = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      (http) =>
        HttpClient.transform(http, (answer, request) =>
          isHeld === true && request.method === method
            ? Effect.zipLeft(answer, Deferred.await(release))
            : answer)
    )
  ).pipe(Layer.provide(NodeRegistry.layerHttp({ proxy: false })))
  const client = yield* connect(undefined, { http, options: { hosts: { [registry.host]: { chunkSize } } } })
  const fiber = yield* Effect.fork(Copy.run(
    { repository: source, reference: "1" },
    { repository: yield* client.repository(`${registry.host}/copy`), tag: "1" }
  ))
  const count = Effect.map(registry.requests, (log) => log.filter((one) => one.method === method).length)
  yield* Effect.repeat(count, { until: (n) => n >= answered, schedule: Schedule.spaced("20 millis") })
  assert.isNotEmpty(yield* left(registry))
  const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
  yield* Effect.sleep("10 millis")
  yield* Deferred.succeed(release, undefined)
  yield* Fiber.join(interruption)
  return registry
})

suite("an interrupted copy to docker-registry", { tools: ["docker-registry"] }, () => {
  it.scopedLive("leaves nothing of sessions for which no byte has come", () =>
    Effect.gen(function*() {
      const registry = yield* interrupted(0, { method: "POST", answered: 3 })
      assert.deepStrictEqual(yield* left(registry), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("leaves nothing of a blob in chunks between two of them", () =>
    Effect.gen(function*() {
      const chunkSize = 512 * 1024
      const registry = yield* interrupted(3 * chunkSize + 1000, {
        method: "PATCH",
        answered: 3,
        chunkSize
      })
      assert.deepStrictEqual(yield* left(registry), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("leaves nothing of a blob in chunks when the answer to one comes soon after", () =>
    Effect.gen(function*() {
      const chunkSize = 512 * 1024
      const registry = yield* interrupted(3 * chunkSize, { method: "PATCH", answered: 1, isHeld: true, chunkSize })
      assert.deepStrictEqual(yield* left(registry), [])
    }).pipe(Effect.provide(NodeContext.layer)))
})
