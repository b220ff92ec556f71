/** Copies that are ended at any moment, and then made again by a client that knows nothing of the first one. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as Credentials from "../src/Credentials.js"
import type * as Digest from "../src/Digest.js"
import * as RegistryClient from "../src/RegistryClient.js"
import * as RegistryTest from "../src/RegistryTest.js"
import type { Repository } from "../src/Repository.js"
import { image, index } from "./utils/samples.js"
import * as seed from "./utils/seed.js"
import { byTurns } from "./utils/turns.js"

const images = ["amd64", "arm64", "s390x"].map((name) => image(["shared", name, `${name} too`]))
const list = index(
  images.map(({ manifest }, n) => ({
    ...manifest.descriptor,
    platform: { os: "linux", architecture: ["amd64", "arm64", "s390x"][n] ?? "" }
  }))
)
const blobs = new Map(
  images.flatMap(({ config, layers }) => [config, ...layers]).map((blob) => [blob.descriptor.digest, blob])
)

const bytesOf = (repository: Repository, digest: Digest.Digest) =>
  Effect.map(Stream.runCollect(repository.getBlob({ digest })), (all) => Buffer.concat(Chunk.toReadonlyArray(all)))

/** The tag is there with all that belongs to it, byte for byte, and no other tag is. */
const isWhole = Effect.fnUntraced(function*(repository: Repository) {
  assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(repository.tags)), ["v1"])
  assert.deepStrictEqual((yield* repository.getManifest("v1")).raw, list.raw)
  for (const { manifest } of images) {
    assert.deepStrictEqual((yield* repository.getManifest(manifest.descriptor.digest)).raw, manifest.raw)
  }
  for (const [digest, { raw }] of blobs) assert.isTrue((yield* bytesOf(repository, digest)).equals(raw))
})

const missing = (repository: Repository) =>
  Effect.filter([...blobs.keys()], (digest) => Effect.map(repository.hasBlob(digest), (isThere) => !isThere))

const isThere = (repository: Repository, reference: string) =>
  Effect.match(repository.resolve(reference), { onFailure: () => false, onSuccess: () => true })

/** A destination, and how many times a client of it has sent a request or had an answer. */
const open = Effect.gen(function*() {
  const { client: http, registries } = yield* RegistryTest.make({
    registries: { "source.test": {}, "destination.test": {} }
  })
  const source = yield* registries.repository("source.test", "app")
  for (const each of images) yield* seed.putImage(source, each)
  yield* seed.putManifest(source, list, "v1")
  const destination = yield* registries.repository("destination.test", "app")
  const { openUploads } = yield* registries.server("destination.test")

  // Without delays all blobs would be at the same stage all the time.
  const random = Random.make("delays")
  const delay = Effect.flatMap(random.nextIntBetween(0, 50), (millis) => Effect.sleep(millis))

  /** A client that calls `onStep` at each step; a step may never end. */
  const copy = (onStep: Effect.Effect<void>) =>
    Effect.flatMap(RegistryClient.make(), (client) => client.copyIndex("source.test/app:v1", "destination.test/app:v1"))
      .pipe(
        Effect.provide(Credentials.layerAnonymous),
        Effect.provideService(
          HttpClient.HttpClient,
          HttpClient.transform(http, (answer, request) =>
            Effect.gen(function*() {
              yield* onStep
              // The moment at which a reader could first see the tag.
              if (request.method === "PUT" && request.url.endsWith("/manifests/v1")) {
                assert.deepStrictEqual(yield* Effect.orDie(missing(destination)), [])
                for (const { manifest } of images) {
                  assert.isTrue(yield* isThere(destination, manifest.descriptor.digest))
                }
              }
              yield* delay
              const response = yield* answer
              yield* onStep
              return response
            }))
        )
      )
  return { copy, destination, openUploads }
})

type Way = "interrupted" | "killed"

/**
 * Ends a copy when it comes to a step, which takes less than a second. Who is killed is not heard of any more, not even to
 * clear up.
 */
const endAt = Effect.fnUntraced(function*(
  { copy }: Effect.Effect.Success<typeof open>,
  way: Way,
  last: number
) {
  const reached = yield* Deferred.make<void>()
  let steps = 0
  const step = Effect.suspend(() => {
    steps++
    if (steps < last) return Effect.void
    const told = Deferred.succeed(reached, undefined)
    return way === "killed" ? Effect.zipRight(told, Effect.never) : Effect.asVoid(told)
  })
  const copying = yield* Effect.fork(copy(step))
  yield* Effect.raceFirst(Deferred.await(reached), Fiber.await(copying))
  // How long it takes is not asserted: what never ends fails the test.
  yield* Fiber.interrupt(copying)
})

const check = Effect.fnUntraced(function*(way: Way, last: number) {
  const registries = yield* open
  const { copy, destination, openUploads } = registries
  yield* endAt(registries, way, last)
  if (way === "interrupted") assert.strictEqual(yield* openUploads, 0)
  const tagged = yield* isThere(destination, "v1")
  if (tagged) yield* isWhole(destination)
  const lacking = yield* missing(destination)
  const result = yield* copy(Effect.void)
  assert.strictEqual(result.outcome, tagged ? "Skipped" : "Copied")
  const moved = result.blobs.filter(({ outcome }) => outcome === "Uploaded").map(({ descriptor }) => descriptor.digest)
  assert.deepStrictEqual([...moved].sort(), [...lacking].sort())
  yield* isWhole(destination)
  return { lacking: lacking.length, tagged }
})

describe("a copy", () => {
  for (const way of ["interrupted", "killed"] as const) {
    it.live(
      `50 times ${way} at a random moment, then made again: the end is the same, only what is missing moves`,
      () =>
        Effect.gen(function*() {
          const undisturbed = yield* open
          let steps = 0
          yield* undisturbed.copy(Effect.sync(() => void steps++))
          yield* isWhole(undisturbed.destination)
          const random = Random.make(`a copy that is ${way}`)
          const moments = yield* Effect.replicateEffect(random.nextIntBetween(1, steps + 1), 50)
          const ends = yield* Effect.forEach(
            moments,
            (last) =>
              Effect.catchAllCause(
                check(way, last),
                (cause) => Effect.dieMessage(`${way} at step ${last} of ${steps}: ${String(cause)}`)
              ),
            { concurrency: 4 }
          )
          // They are ended before, amid and after the blobs.
          assert.isAbove(new Set(ends.map(({ lacking }) => lacking)).size, 4)
        }).pipe(byTurns),
      240_000
    )
  }
})
