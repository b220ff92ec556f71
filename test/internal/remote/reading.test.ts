/** What is asked for, read and believed where a registry answers oddly: manifests, lists and lists of referrers. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Digest from "../../../src/Digest.js"
import { exists } from "../../../src/internal/remote/manifests.js"
import * as MediaType from "../../../src/MediaType.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import { image, index } from "../../utils/samples.js"
import { type Answer, name, origin, registry, script } from "./scripted.js"
import { methods, said } from "./uploads.js"

const { manifest } = image(["layer"])
const { descriptor, raw } = manifest
const headers = {
  "content-type": MediaType.ociManifest,
  "content-length": String(raw.byteLength),
  "docker-content-digest": descriptor.digest
}
const blake = `blake3:${"0".repeat(64)}`
const all = <A, E>(stream: Stream.Stream<A, E>) => Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

/** Runs it with all its waits cut short. */
const within = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

describe("a manifest", () => {
  it.effect("is not there by a web page in answer to a HEAD", () =>
    Effect.gen(function*() {
      const page: Answer = { headers: { "content-type": "text/html; charset=utf-8" } }
      const { seen, session, transport } = yield* script([page, { status: 404 }, page, { headers, body: raw }])
      const isThere = exists({ transport, session, registry, name, config: {} })
      assert.isFalse(yield* isThere("v1"))
      assert.isTrue(yield* isThere("v1"))
      assert.deepStrictEqual(methods(seen), ["HEAD", "GET", "HEAD", "GET"])
    }))

  it.effect("is not asked for a second time while a proxy says that the registry is down", () =>
    Effect.gen(function*() {
      for (const status of [408, 502, 503, 504]) {
        const { repository, seen } = yield* script([{ status }])
        assert.strictEqual((yield* Effect.flip(repository.resolve("v1")))._tag, "UnexpectedStatus")
        assert.strictEqual(seen.length, 1)
      }
    }))

  it.effect("has no size of 0, and no digest that cannot be verified, by the headers of a HEAD", () =>
    Effect.gen(function*() {
      for (const wrong of [{ "content-length": "0" }, { "docker-content-digest": blake }]) {
        const { repository, seen } = yield* script([{ headers: { ...headers, ...wrong } }, { headers, body: raw }])
        assert.deepStrictEqual(yield* repository.resolve("v1"), descriptor)
        assert.deepStrictEqual(methods(seen), ["HEAD", "GET"])
      }
    }))

  it.effect("is named by another algorithm without a contradiction", () =>
    Effect.gen(function*() {
      const sha512 = Digest.fromBytes(raw, "sha512")
      const { repository } = yield* script([{ headers: { ...headers, "docker-content-digest": sha512 } }])
      assert.deepStrictEqual(yield* repository.resolve(descriptor.digest), descriptor)
    }))

  it.effect("is stored whatever the registry calls it by an algorithm that cannot be computed", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([{ status: 201, headers: { "docker-content-digest": blake } }])
      assert.strictEqual(yield* repository.putManifest(manifest, { tag: "v1" }), descriptor.digest)
    }))

  it.effect("that is refused with 422 is invalid, with what the registry says", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([said(422, "MANIFEST_INVALID")])
      const error = yield* Effect.flip(repository.putManifest(manifest, { tag: "v1" }))
      assert.strictEqual(error._tag, "ManifestInvalid")
      assert.include(error.message, "MANIFEST_INVALID")
    }))

  it.effect("that is refused keeps its refusal when it cannot be told what the tag names", () =>
    Effect.gen(function*() {
      const { repository } = yield* script([said(409, "TAG_IMMUTABLE"), { status: 503 }])
      const error = yield* Effect.flip(repository.putManifest(manifest, { tag: "v1" }))
      assert.strictEqual(error._tag, "ManifestInvalid")
      assert.include(error.message, "TAG_IMMUTABLE")
    }))
})

describe("a list in pages", () => {
  const page = (tags: ReadonlyArray<string>, link?: string): Answer => ({
    body: JSON.stringify({ name, tags }),
    headers: link === undefined ? {} : { link }
  })

  it.effect("may have any number of empty pages, but not one after another", () =>
    Effect.gen(function*() {
      const { repository } = yield* script((_, at) =>
        page(at % 10 === 9 ? [`t${at}`] : [], at === 49 ? undefined : `</${at}>; rel=next`)
      )
      assert.deepStrictEqual(yield* all(repository.tags), ["t9", "t19", "t29", "t39", "t49"])
    }))

  it.effect("does not begin again where its first page was asked for", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { ...page(["a"], `<${origin}/mirror/1>; rel=next`), at: `${origin}/mirror/1` }
      ])
      const error = yield* Effect.flip(all(repository.tags))
      assert.include(error.message, "has been read already")
      assert.strictEqual(seen.length, 1)
    }))

  it.effect("does not begin again where a page was asked for that came from elsewhere", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        page(["a"], `<${origin}/2>; rel=next`),
        { ...page(["b"], `<${origin}/2>; rel=next`), at: `${origin}/mirror/2` }
      ])
      const error = yield* Effect.flip(all(repository.tags))
      assert.include(error.message, "has been read already")
      assert.strictEqual(seen.length, 2)
    }))
})

describe("a list of referrers", () => {
  const subject = image(["subject"]).manifest.descriptor
  const { manifest: mine } = image([], { subject })
  const { manifest: theirs } = image([], { subject, annotations: { note: "theirs" } })
  const tag = subject.digest.replace(":", "-")
  const list = (of: ReadonlyArray<typeof mine>, etag?: string): Answer => ({
    body: index(of.map(({ descriptor }) => descriptor)).raw,
    headers: { "content-type": MediaType.ociIndex, ...(etag === undefined ? {} : { etag }) }
  })
  const onTag = (line: string) => line.endsWith(`/manifests/${tag}`)

  it.effect("ends with an error when it has more entries than can be remembered", () =>
    Effect.gen(function*() {
      const entry = JSON.stringify(mine.descriptor)
      const body = `{"schemaVersion":2,"manifests":[${Array.from({ length: 9999 }, () => entry).join()}]}`
      const { repository, seen } = yield* script((_, at) => ({
        body,
        headers: { "content-type": MediaType.ociIndex, link: `</${at}>; rel=next` }
      }), { config: { maxManifestSize: body.length } })
      const error = yield* Effect.flip(Stream.runDrain(repository.referrers(subject.digest)))
      assert.include(error.message, "more than 100000 entries")
      assert.strictEqual(seen.length, 11)
    }))

  it.effect("under a tag is not written again after a refusal that another try does not change", () =>
    Effect.gen(function*() {
      const { lines, repository } = yield* script([{ status: 201 }, { status: 404 }, list([theirs]), { status: 500 }])
      const error = yield* within(Effect.flip(repository.putManifest(mine)))
      assert.strictEqual(error._tag, "UnexpectedStatus")
      assert.strictEqual(lines().filter((line) => line.startsWith("PUT") && onTag(line)).length, 1)
    }))

  it.effect("under a tag is given up, after longer and longer waits, where others are always faster", () =>
    Effect.gen(function*() {
      const retries: Array<RegistryConfig.Retry> = []
      const onRetry = (retry: RegistryConfig.Retry) => Effect.sync(() => retries.push(retry))
      let version = 0
      const { repository } = yield* script(({ line }) => {
        if (line.includes("/referrers/")) return { status: 404 }
        if (!onTag(line)) return { status: 201 }
        return line.startsWith("GET") ? list([theirs], `"${version++}"`) : { status: 412 }
      }, { config: { onRetry } })
      const error = yield* within(Effect.flip(repository.putManifest(mine)))
      assert.include(error.message, "others overwrite this list of referrers")
      assert.deepStrictEqual(retries.map(({ attempt, reason }) => [attempt, reason]), [
        [1, "412"],
        [2, "412"],
        [3, "412"],
        [4, "412"],
        [5, "412"]
      ])
      assert.isTrue(retries.every(({ delay }) => Duration.toMillis(delay) > 0))
    }))

  it.effect("under a tag keeps its media type", () =>
    Effect.gen(function*() {
      const docker = (of: ReadonlyArray<typeof mine>): Answer => ({
        body: JSON.stringify({
          schemaVersion: 2,
          mediaType: MediaType.dockerManifestList,
          manifests: of.map(({ descriptor }) => ({ ...descriptor, platform: { os: "linux", architecture: "amd64" } }))
        }),
        headers: { "content-type": MediaType.dockerManifestList }
      })
      const { repository, seen } = yield* script([
        { status: 201 },
        { status: 404 },
        docker([theirs]),
        { status: 201 },
        docker([theirs, mine])
      ])
      yield* repository.putManifest(mine)
      assert.strictEqual(seen[3]?.request.body?.contentType, MediaType.dockerManifestList)
      assert.include(new TextDecoder().decode(seen[3]?.body), MediaType.dockerManifestList)
    }))

  it.effect("under a tag is not written for a removed manifest that is not in it", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { body: mine.raw, headers: { "content-type": MediaType.ociManifest } },
        { status: 202 },
        { status: 404 },
        list([theirs])
      ])
      yield* repository.deleteManifest(mine.descriptor.digest)
      assert.deepStrictEqual(methods(seen), ["GET", "DELETE", "GET", "GET"])
    }))

  it.effect("is left to a registry that has said once that it keeps it", () =>
    Effect.gen(function*() {
      const { repository, seen } = yield* script([
        { status: 201, headers: { "oci-subject": subject.digest } },
        { status: 201 }
      ])
      yield* repository.putManifest(mine)
      yield* repository.putManifest(theirs)
      assert.deepStrictEqual(methods(seen), ["PUT", "PUT"])
    }))
})
