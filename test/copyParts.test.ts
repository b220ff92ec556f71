/** What several parts of a copy share is done once, and each part is told of as what happened to it. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Copy from "../src/Copy.js"
import type { CopyEvent } from "../src/CopyEvent.js"
import type * as Descriptor from "../src/Descriptor.js"
import * as Manifest from "../src/Manifest.js"
import { Denied, ErrorEntry, ManifestInvalid } from "../src/RegistryError.js"
import * as Repository from "../src/Repository.js"
import { recorded } from "./utils/recorded.js"
import { image, index, sample } from "./utils/samples.js"
import * as seed from "./utils/seed.js"

const memory = (registry: string, name = "app") => Effect.map(Repository.makeMemory({ registry, name }), recorded)

const denied = new Denied({ method: "POST", url: "https://x.test/", status: 403, errors: [], credentials: "anonymous" })

const one = image(["shared", "one"])
const two = image(["shared", "two"])

/** Each entry of the list as often as it is there. */
const counts = (calls: ReadonlyArray<string>): Record<string, number> => {
  const all: Record<string, number> = {}
  for (const call of calls) all[call] = (all[call] ?? 0) + 1
  return all
}

const told = (events: Array<CopyEvent>) => (event: CopyEvent) => Effect.sync(() => void events.push(event))

describe("an image of an index", () => {
  it.effect("is asked for, read, put and told of once, though two nested indexes name it", () =>
    Effect.gen(function*() {
      const source = yield* memory("one.test")
      const destination = yield* memory("two.test")
      yield* seed.putImage(source.repository, one)
      const inner = ["a", "b"].map((which) => index([one.manifest.descriptor], { annotations: { which } }))
      const outer = index(inner.map(({ descriptor }) => descriptor))
      for (const each of inner) yield* seed.putManifest(source.repository, each)
      yield* seed.putManifest(source.repository, outer, "v1")
      source.calls.length = 0
      const events: Array<CopyEvent> = []
      yield* Copy.run({ repository: source.repository, reference: "v1" }, {
        repository: destination.repository,
        tag: "v1"
      }, { onEvent: told(events) })
      const { digest } = one.manifest.descriptor
      assert.strictEqual(counts(source.calls)[`getManifest ${digest}`], 1)
      assert.deepInclude(counts(destination.calls), { [`resolve ${digest}`]: 1, [`putManifest ${digest}`]: 1 })
      const pushed = events.flatMap((event) => event._tag === "ManifestPushed" ? [event.descriptor.digest] : [])
      assert.sameMembers(pushed, [digest, ...inner.map((each) => each.descriptor.digest), outer.descriptor.digest])
    }))

  it.effect("is read once where what refers to it is wanted as well", () =>
    Effect.gen(function*() {
      const source = yield* memory("one.test")
      const destination = yield* memory("two.test")
      yield* seed.putImage(source.repository, one)
      const signature = image(["signature"], { subject: one.manifest.descriptor, artifactType: "application/x.sig" })
      yield* seed.putImage(source.repository, signature)
      const over = image(["over"], { subject: signature.manifest.descriptor, artifactType: "application/x.sig" })
      yield* seed.putImage(source.repository, over)
      const list = index([one.manifest.descriptor])
      yield* seed.putManifest(source.repository, list, "v1")
      source.calls.length = 0
      const listed: Array<string> = []
      const listing: Repository.Repository = {
        ...source.repository,
        // What refers to the image refers to the signature as well, so that there is a ring.
        referrers: (digest) => {
          listed.push(digest)
          const all = [signature, over].map(({ manifest }) => manifest.descriptor)
          return Stream.fromIterable(digest === list.descriptor.digest ? [] : all)
        }
      }
      yield* Copy.run(
        { repository: listing, reference: "v1" },
        { repository: destination.repository, tag: "v1" },
        { referrers: "recursive" }
      )
      assert.strictEqual(counts(source.calls)[`getManifest ${one.manifest.descriptor.digest}`], 1)
      assert.strictEqual(counts(source.calls)[`getManifest ${signature.manifest.descriptor.digest}`], 1)
      assert.strictEqual(new Set(listed).size, listed.length)
      assert.include(listed, over.manifest.descriptor.digest)
    }))
})

describe("two copies of one client", () => {
  it.effect("send a blob once that both need at the same moment", () =>
    Effect.gen(function*() {
      const session = yield* Repository.makeSession
      const source = recorded(yield* Repository.makeMemory({ registry: "one.test", name: "app", session }))
      const destination = recorded(yield* Repository.makeMemory({ registry: "two.test", name: "app", session }))
      yield* seed.putImage(source.repository, one, "one")
      yield* seed.putImage(source.repository, two, "two")
      source.calls.length = 0
      const shared = one.layers[0]!.descriptor.digest
      const own = [one, two].map(({ layers }) => layers[1]!.descriptor.digest)
      const moving = yield* Deferred.make<void>()
      let others = 0
      // The shared one comes only when both copies have begun to send what each has of its own.
      const slow: Repository.Repository = {
        ...source.repository,
        readBlob: undefined,
        getBlob: (blob) => {
          const content = source.repository.getBlob(blob)
          if (blob.digest === shared) return Stream.unwrap(Effect.as(Deferred.await(moving), content))
          const isSecond = own.includes(blob.digest) && ++others === own.length
          return isSecond ? Stream.concat(Stream.execute(Deferred.succeed(moving, undefined)), content) : content
        }
      }
      yield* Effect.forEach(
        ["one", "two"],
        (tag) => Copy.run({ repository: slow, reference: tag }, { repository: destination.repository, tag }),
        { concurrency: 2, discard: true }
      )
      assert.strictEqual(counts(source.calls)[`getBlob ${shared}`], 1)
      assert.strictEqual(counts(destination.calls)[`putBlob ${shared}`], 1)
    }))
})

describe("the result of a copy", () => {
  it.effect("names the manifests and the blobs that were there, and those that were sent", () =>
    Effect.gen(function*() {
      const source = yield* memory("one.test")
      const destination = yield* memory("two.test")
      for (const each of [one, two]) yield* seed.putImage(source.repository, each)
      const list = index([one.manifest.descriptor, two.manifest.descriptor])
      yield* seed.putManifest(source.repository, list, "v1")
      yield* seed.putImage(destination.repository, one)
      const events: Array<CopyEvent> = []
      const result = yield* Copy.run(
        { repository: source.repository, reference: "v1" },
        { repository: destination.repository, tag: "v1" },
        { onEvent: told(events) }
      )
      const outcomes = (parts: ReadonlyArray<{ descriptor: Descriptor.Descriptor; outcome: string }>) =>
        Object.fromEntries(parts.map(({ descriptor, outcome }) => [descriptor.digest, outcome]))
      assert.deepStrictEqual(outcomes(result.manifests), {
        [one.manifest.descriptor.digest]: "Existed",
        [two.manifest.descriptor.digest]: "Pushed",
        [list.descriptor.digest]: "Pushed"
      })
      const [shared, own] = two.layers.map(({ descriptor }) => descriptor.digest)
      const config = two.config.descriptor.digest
      assert.deepStrictEqual(outcomes(result.blobs), {
        [shared!]: "Existed",
        [own!]: "Uploaded",
        [config]: "Uploaded"
      })
      const of = (tag: CopyEvent["_tag"]) =>
        events.flatMap((event) =>
          event._tag === tag && "descriptor" in event && event.descriptor !== undefined
            ? [event.descriptor.digest]
            : []
        )
      assert.deepStrictEqual(of("BlobExisted"), [shared])
      assert.sameMembers(of("BlobUploaded"), [own, config])
    }))

  it.effect("says where a blob was mounted from", () =>
    Effect.gen(function*() {
      const source = yield* memory("one.test", "staging")
      yield* seed.putImage(source.repository, one, "v1")
      const { repository } = yield* memory("one.test", "production")
      // As of one registry: it takes a mount for what it says.
      const mounting: Repository.Repository = {
        ...repository,
        session: source.repository.session,
        mountBlob: () => Effect.succeed(true),
        putBlob: (blob, content, options) =>
          options?.mountFrom === "staging" ? Effect.succeed("Mounted") : repository.putBlob(blob, content, options)
      }
      const events: Array<CopyEvent> = []
      yield* Copy.run({ repository: source.repository, reference: "v1" }, { repository: mounting, tag: "v1" }, {
        onEvent: told(events)
      })
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "BlobMounted" ? [event.from] : []),
        ["staging", "staging", "staging"]
      )
    }))
})

describe("a destination that fails", () => {
  const layer = (n: number) => `${n}`.repeat(1024 * 1024 + 1)

  /** Copies an image of such layers to two destinations, by a clock that nobody moves: a wait would have no end. */
  const copied = Effect.fnUntraced(function*(layers: number, putBlob: Repository.Repository["putBlob"]) {
    const source = yield* memory("one.test")
    const large = image(Array.from({ length: layers }, (_, n) => layer(n)))
    yield* seed.putImage(source.repository, large, "v1")
    const good = yield* memory("two.test")
    const { repository } = yield* memory("three.test")
    const bad: Repository.Repository = { ...repository, mountTells: true, putBlob }
    return yield* Copy.runTo({ repository: source.repository, reference: "v1" }, [
      { repository: good.repository, tag: "v1" },
      { repository: bad, tag: "v1" }
    ], { concurrency: 1 })
  })

  it.effect("before it has said whether it needs a large blob does not hold up the others", () =>
    Effect.gen(function*() {
      const outcomes = yield* copied(1, () => Effect.fail(denied))
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Success", "Failure"])
    }))

  it.effect("before the turn of a large blob has come does not hold up the others", () =>
    Effect.gen(function*() {
      // More than are on their way at once.
      const outcomes = yield* copied(6, () => Effect.fail(denied))
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Success", "Failure"])
    }))

  it.effect("for which an image is read does not stop the reading for the others", () =>
    Effect.gen(function*() {
      const source = yield* memory("one.test")
      for (const each of [one, two]) yield* seed.putImage(source.repository, each)
      const list = index([one.manifest.descriptor, two.manifest.descriptor])
      yield* seed.putManifest(source.repository, list, "v1")
      const all = [yield* memory("two.test"), yield* memory("three.test")]
      // The images are there, so that they are read only when the index is refused.
      for (const { repository } of all) for (const each of [one, two]) yield* seed.putImage(repository, each)
      const reading = yield* Deferred.make<void>()
      const joined = yield* Deferred.make<void>()
      const failed = yield* Deferred.make<void>()
      const slow: Repository.Repository = {
        ...source.repository,
        getManifest: (reference, options) => {
          const manifest = source.repository.getManifest(reference, options)
          return reference === two.manifest.descriptor.digest
            ? Effect.zipRight(Deferred.succeed(reading, undefined), Effect.zipRight(Deferred.await(failed), manifest))
            : manifest
        }
      }
      const isMissing = new ManifestInvalid({
        resource: "app",
        reason: "refused",
        errors: [ErrorEntry.make({ code: "MANIFEST_UNKNOWN" })]
      })
      /** A destination that refuses the index the first time, after `before`; `put` is what becomes of an image then. */
      const refusing = (
        repository: Repository.Repository,
        before: Effect.Effect<void>,
        put: Effect.Effect<unknown, Denied>
      ): Repository.Repository => {
        let times = 0
        return {
          ...repository,
          putManifest: (manifest, options) =>
            Effect.suspend(() => {
              const stored = repository.putManifest(manifest, options)
              if (options?.tag === undefined) return Effect.zipRight(put, stored)
              return times++ === 0 ? Effect.zipRight(before, Effect.fail(isMissing)) : stored
            })
        }
      }
      const [first, second] = all
      const wait = Effect.repeatN(Effect.yieldNow(), 100)
      const denying = refusing(
        first!.repository,
        Effect.void,
        Deferred.await(joined).pipe(
          Effect.zipRight(wait),
          Effect.zipRight(Effect.forkDaemon(Effect.zipRight(wait, Deferred.succeed(failed, undefined)))),
          Effect.zipRight(Effect.fail(denied))
        )
      )
      const good = refusing(
        second!.repository,
        Deferred.await(reading),
        Deferred.succeed(joined, undefined)
      )
      const outcomes = yield* Copy.runTo({ repository: slow, reference: "v1" }, [
        { repository: denying, tag: "v1" },
        { repository: good, tag: "v1" }
      ])
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Failure", "Success"])
    }))
})

describe("the destination's blobs", () => {
  it.effect("are asked for while manifests are still being read", () =>
    Effect.gen(function*() {
      const source = yield* memory("one.test")
      const destination = yield* memory("two.test")
      for (const each of [one, two]) yield* seed.putImage(source.repository, each)
      const list = index([one.manifest.descriptor, two.manifest.descriptor])
      yield* seed.putManifest(source.repository, list, "v1")
      const asked = yield* Deferred.make<void>()
      const read = yield* Deferred.make<void>()
      const slow: Repository.Repository = {
        ...source.repository,
        getManifest: (reference, options) => {
          const manifest = source.repository.getManifest(reference, options)
          return reference === two.manifest.descriptor.digest
            ? Effect.zipRight(Deferred.await(asked), Effect.zipLeft(manifest, Deferred.succeed(read, undefined)))
            : manifest
        }
      }
      const { repository } = destination
      const asking: Repository.Repository = {
        ...repository,
        // The answer comes after what asked for it is long done.
        hasBlob: (digest, options) =>
          Effect.zipRight(
            Deferred.succeed(asked, undefined),
            Effect.zipRight(Deferred.await(read), repository.hasBlob(digest, options))
          )
      }
      const result = yield* Copy.run({ repository: slow, reference: "v1" }, { repository: asking, tag: "v1" })
      assert.strictEqual(result.outcome, "Copied")
    }))
})

describe("the manifests of one copy", () => {
  it.effect("are refused when they would fill the memory", () =>
    Effect.gen(function*() {
      const source = yield* memory("one.test")
      const destination = yield* memory("two.test")
      const size = 8 * 1024 * 1024
      // Thirty-three of them are more than 256 MiB. Their bytes are the same ones here, so that the test needs few.
      const raw = new Uint8Array(size)
      const small = yield* Manifest.decode(one.manifest.raw, { resource: "one" })
      const entries = Array.from({ length: 33 }, (_, n): Descriptor.Descriptor => ({
        ...sample(`${n}`, one.manifest.descriptor.mediaType).descriptor,
        size
      }))
      const list = index(entries)
      yield* seed.putManifest(source.repository, list, "v1")
      let reads = 0
      const filling: Repository.Repository = {
        ...source.repository,
        getManifest: (reference, options) => {
          const descriptor = entries.find(({ digest }) => digest === reference)
          if (descriptor === undefined) return source.repository.getManifest(reference, options)
          return Effect.sync(() => {
            reads++
            return { ...small, descriptor, raw }
          })
        },
        getBlob: () => Stream.die("no blob is read before all is known")
      }
      const error = yield* Effect.flip(
        Copy.run({ repository: filling, reference: "v1" }, { repository: destination.repository, tag: "v1" })
      )
      assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "ManifestInvalid")
      assert.include(error.message, "bytes of manifests")
      assert.isAtMost(reads, 33)
      assert.deepStrictEqual(destination.writes(), [])
    }))
})
