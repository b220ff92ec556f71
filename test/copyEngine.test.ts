/** What the engine does beyond a plain copy: plans, events, several destinations, subsets, referrers, tags. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as Copy from "../src/Copy.js"
import type { CopyEvent } from "../src/CopyEvent.js"
import * as Manifest from "../src/Manifest.js"
import { Denied, DigestMismatch, SizeMismatch } from "../src/RegistryError.js"
import * as RegistryMetrics from "../src/RegistryMetrics.js"
import * as Repository from "../src/Repository.js"
import { recorded } from "./utils/recorded.js"
import { image, index } from "./utils/samples.js"
import * as seed from "./utils/seed.js"

const amd64 = { os: "linux", architecture: "amd64" }
const arm64 = { os: "linux", architecture: "arm64", variant: "v8" }
const first = image(["shared", "first"])
const second = image(["shared", "second"], { annotations: { which: "second" } })
const attestation = image(["attestation"])
const both = index([
  { ...first.manifest.descriptor, platform: amd64 },
  { ...second.manifest.descriptor, platform: arm64 },
  {
    ...attestation.manifest.descriptor,
    platform: { os: "unknown", architecture: "unknown" },
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": second.manifest.descriptor.digest
    }
  }
])

const memory = (registry: string, name = "app") => Effect.map(Repository.makeMemory({ registry, name }), recorded)

const setting = Effect.gen(function*() {
  const source = yield* memory("one.test")
  yield* seed.putImage(source.repository, first, "first")
  yield* seed.putImage(source.repository, second)
  yield* seed.putImage(source.repository, attestation)
  yield* seed.putManifest(source.repository, both, "both")
  source.calls.length = 0
  return { source, from: (reference: string): Copy.Endpoint => ({ repository: source.repository, reference }) }
})

const names = (events: ReadonlyArray<CopyEvent>) => events.map(({ _tag }) => _tag)
const denied = new Denied({ method: "PUT", url: "https://x.test/", status: 403, errors: [], credentials: "anonymous" })

describe("the copy engine", () => {
  it.effect("plans in reads alone, and says what the copy then does", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const destination = yield* memory("two.test")
      yield* seed.putBlob(destination.repository, first.layers[0]!)
      destination.calls.length = 0
      const to = { repository: destination.repository, tag: "v1" }
      const plan = yield* Copy.plan(from("both"), to)
      assert.deepStrictEqual(destination.writes(), [])
      assert.strictEqual(plan.outcome, "Copy")
      assert.deepStrictEqual(plan.manifests.map(({ action, tag }) => [action, tag]), [
        ["Push", undefined],
        ["Push", undefined],
        ["Push", undefined],
        ["Push", "v1"]
      ])
      assert.strictEqual(plan.blobs.filter(({ action }) => action === "Exists").length, 1)
      assert.strictEqual(plan.bytes.exist, first.layers[0]!.descriptor.size)
      assert.strictEqual(plan.bytes.total, plan.bytes.upload + plan.bytes.exist)
      const result = yield* Copy.run(from("both"), to)
      assert.strictEqual(result.bytes, plan.bytes.upload)
      assert.strictEqual((yield* Copy.plan(from("both"), to)).outcome, "Skip")
    }))

  it.effect("plans what is there already, and what comes for the sake of the image", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const signature = image(["signature"], { subject: both.descriptor, artifactType: "application/x.sig" })
      yield* seed.putImage(source.repository, signature)
      const destination = yield* memory("two.test")
      const { repository } = destination
      yield* seed.putImage(repository, first)
      const plan = yield* Copy.plan(from("both"), { repository, tag: "v1" }, { referrers: "direct" })
      const digests = (wanted: "Exists" | "Push") =>
        plan.manifests.flatMap(({ action, descriptor: { digest } }) => action === wanted ? [digest] : [])
      assert.deepStrictEqual(digests("Exists"), [first.manifest.descriptor.digest])
      assert.sameMembers(
        digests("Push"),
        [second.manifest, attestation.manifest, signature.manifest, both].map(({ descriptor }) => descriptor.digest)
      )
      source.calls.length = 0
      const error = yield* Effect.flip(Copy.plan(from("both"), { repository, tag: "no tag" }))
      assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "InvalidInput")
      assert.deepStrictEqual(source.calls, [])
    }))

  it.effect("tells what happens, the totals first and the result last", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const destination = yield* memory("two.test")
      const to = { repository: destination.repository, tag: "v1" }
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(Copy.stream(from("first"), to)))
      assert.strictEqual(events[0]?._tag, "Planned")
      assert.strictEqual(names(events).filter((name) => name === "BlobStarted").length, 3)
      assert.strictEqual(names(events).filter((name) => name === "BlobUploaded").length, 3)
      assert.deepStrictEqual(names(events).slice(-2), ["ManifestPushed", "Completed"])
      const told: Array<CopyEvent> = []
      yield* Copy.run(from("first"), to, { onEvent: (event) => Effect.sync(() => void told.push(event)) })
      assert.deepStrictEqual(names(told), ["Planned", "Completed"])
      const failed = yield* Effect.flip(Stream.runDrain(Copy.stream(from("absent"), to)))
      assert.strictEqual(failed._tag, "NotFound")
    }))

  it.effect("reads each blob once for three destinations, each with its own outcome", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const all = yield* Effect.forEach(["two.test", "three.test", "four.test"], (registry) => memory(registry))
      const refusing: Repository.Repository = { ...all[1]!.repository, putManifest: () => Effect.fail(denied) }
      const outcomes = yield* Copy.runTo(from("both"), [
        { repository: all[0]!.repository, tag: "v1" },
        { repository: refusing, tag: "v1" },
        { repository: all[2]!.repository, tag: "v1" }
      ])
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Success", "Failure", "Success"])
      const refused = outcomes[1]
      assert.deepInclude(refused?._tag === "Failure" ? refused.error : {}, { _tag: "CopyError", side: "destination" })
      const reads = source.calls.filter((call) => call.startsWith("getBlob"))
      assert.strictEqual(new Set(reads).size, reads.length)
      for (const { repository } of [all[0]!, all[2]!]) {
        assert.deepStrictEqual((yield* repository.getManifest("v1")).raw, both.raw)
        assert.isTrue(yield* repository.hasBlob(second.config.descriptor.digest))
      }
    }))

  it.effect("reads a small blob for the others when the destination ends that had begun to", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const { digest } = first.layers[1]!.descriptor
      const reading = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      let reads = 0
      // Nothing comes of it before the first destination has failed.
      const slow: Repository.Repository = {
        ...source.repository,
        readBlob: undefined,
        getBlob: (blob) =>
          blob.digest !== digest ? source.repository.getBlob(blob) : Stream.unwrap(
            Effect.sync(() => reads++).pipe(
              Effect.zipRight(Deferred.succeed(reading, undefined)),
              Effect.zipRight(Deferred.await(ended)),
              Effect.as(source.repository.getBlob(blob))
            )
          )
      }
      const [one, other] = [yield* memory("two.test"), yield* memory("three.test")]
      const failing: Repository.Repository = {
        ...one.repository,
        putBlob: (blob, content, options) =>
          blob.digest === digest
            ? Effect.onInterrupt(
              one.repository.putBlob(blob, content, options),
              () => Deferred.succeed(ended, undefined)
            )
            : Effect.zipRight(Deferred.await(reading), Effect.fail(denied))
      }
      const outcomes = yield* Copy.runTo({ ...from("first"), repository: slow }, [
        { repository: failing, tag: "v1" },
        { repository: other.repository, tag: "v1" }
      ])
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Failure", "Success"])
      assert.strictEqual(reads, 1)
      assert.isTrue(yield* other.repository.hasBlob(digest))
    }))

  it.effect("writes two tags of one repository with each blob sent once", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const { repository, writes } = yield* memory("two.test")
      const outcomes = yield* Copy.runTo(from("both"), ["1.0", "latest"].map((tag) => ({ repository, tag })))
      assert.isTrue(outcomes.every(({ _tag }) => _tag === "Success"))
      assert.strictEqual(new Set(writes()).size, writes().length)
      assert.strictEqual(source.calls.filter((call) => call.startsWith("getBlob")).length, 7)
    }))

  it.effect("copies a subset of platforms with their attestations, and says that the digest is another", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const { repository } = yield* memory("two.test")
      const result = yield* Copy.run(from("both"), { repository, tag: "arm" }, { platforms: ["linux/arm64"] })
      assert.strictEqual(result.sourceDigest, both.descriptor.digest)
      const copied = yield* repository.getManifest("arm")
      assert.strictEqual(result.digest, copied.descriptor.digest)
      assert.deepStrictEqual(Manifest.references(copied).manifests.map(({ digest }) => digest), [
        second.manifest.descriptor.digest,
        attestation.manifest.descriptor.digest
      ])
      assert.isFalse(yield* repository.hasBlob(first.config.descriptor.digest))
      const sparse = yield* Copy.run(from("both"), { repository, tag: "sparse" }, {
        platforms: ["linux/arm64"],
        index: "sparse"
      })
      assert.strictEqual(sparse.digest, both.descriptor.digest)
      const none = yield* Effect.flip(
        Copy.run(from("both"), { repository, tag: "none" }, { platforms: ["linux/s390x"] })
      )
      assert.strictEqual(none._tag, "PlatformNotFound")
    }))

  it.effect("copies what refers to the image and its parts before the tag, and only once", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const signature = image(["signature"], { subject: second.manifest.descriptor, artifactType: "application/x.sig" })
      const over = image(["over"], { subject: signature.manifest.descriptor, artifactType: "application/x.sig" })
      yield* seed.putImage(source.repository, signature)
      yield* seed.putImage(source.repository, over)
      const cosign = image(["cosign"])
      const tag = `${both.descriptor.digest.replace(":", "-")}.sig`
      yield* seed.putImage(source.repository, cosign, tag)
      const destination = yield* memory("two.test")
      const { repository } = destination
      const to = { repository, tag: "v1" }
      yield* Copy.run(from("both"), to)
      const found = (subject: typeof second) =>
        Effect.map(Stream.runCollect(repository.referrers!(subject.manifest.descriptor.digest)), Chunk.size)
      assert.strictEqual(yield* found(second), 0)
      assert.strictEqual((yield* Copy.run(from("both"), to, { referrers: "direct" })).outcome, "Copied")
      assert.strictEqual(yield* found(second), 1)
      assert.strictEqual(yield* found(signature), 0)
      assert.strictEqual((yield* repository.resolve(tag)).digest, cosign.manifest.descriptor.digest)
      yield* Copy.run(from("both"), to, { referrers: "recursive" })
      assert.strictEqual(yield* found(signature), 1)
      destination.calls.length = 0
      assert.strictEqual((yield* Copy.run(from("both"), to, { referrers: "recursive" })).outcome, "Skipped")
      assert.deepStrictEqual(destination.writes(), [])
      const fresh = yield* memory("three.test")
      yield* Copy.run(from("both"), { repository: fresh.repository, tag: "v1" }, { referrers: "recursive" })
      assert.strictEqual(fresh.writes().at(-1), "putManifest v1")
      for (const { manifest: { descriptor } } of [signature, over]) {
        assert.strictEqual((yield* fresh.repository.resolve(descriptor.digest)).digest, descriptor.digest)
      }
    }))

  it.effect("copies what refers to the images of nested indexes, and all that it names", () =>
    Effect.gen(function*() {
      const { source } = yield* setting
      const signature = image(["signature"], { subject: second.manifest.descriptor, artifactType: "application/x.sig" })
      yield* seed.putImage(source.repository, signature)
      // It speaks of the one image and names the other, which is left out of the copy itself.
      const bundle = index([first.manifest.descriptor], {
        subject: second.manifest.descriptor,
        artifactType: "application/x.bundle"
      })
      yield* seed.putManifest(source.repository, bundle)
      yield* seed.putManifest(source.repository, index([both.descriptor]), "nested")
      const { repository } = yield* memory("two.test")
      yield* Copy.run(
        { repository: source.repository, reference: "nested" },
        { repository, tag: "v1" },
        { referrers: "direct", platforms: ["linux/arm64"], index: "sparse" }
      )
      const there = yield* Stream.runCollect(repository.referrers!(second.manifest.descriptor.digest))
      assert.sameMembers(
        Chunk.toReadonlyArray(there).map(({ digest }) => digest),
        [signature.manifest, bundle].map(({ descriptor }) => descriptor.digest)
      )
      assert.deepStrictEqual(
        (yield* repository.getManifest(first.manifest.descriptor.digest)).raw,
        first.manifest.raw
      )
      assert.isTrue(yield* repository.hasBlob(first.config.descriptor.digest))
    }))

  it.effect("overwrites or keeps what one of cosign's tags names, as it does with the tag itself", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const [here, there] = [image(["cosign"]), image(["another"])]
      const tag = `${first.manifest.descriptor.digest.replace(":", "-")}.sig`
      yield* seed.putImage(source.repository, here, tag)
      const destination = yield* memory("two.test")
      const { repository } = destination
      yield* seed.putImage(repository, there, tag)
      const digest = Effect.map(repository.resolve(tag), (descriptor) => descriptor.digest)
      for (const onExisting of ["skip", "fail"] as const) {
        yield* Copy.run(from("first"), { repository, tag: "v1" }, { digestTags: true, onExisting })
        assert.strictEqual(yield* digest, there.manifest.descriptor.digest)
      }
      const fresh = yield* memory("three.test")
      yield* Copy.run(from("first"), { repository: fresh.repository, tag: "v1" }, {
        digestTags: true,
        onExisting: "skip"
      })
      assert.strictEqual((yield* fresh.repository.resolve(tag)).digest, here.manifest.descriptor.digest)
      yield* Copy.run(from("first"), { repository, tag: "v1" }, { digestTags: true })
      assert.strictEqual(yield* digest, here.manifest.descriptor.digest)
      destination.calls.length = 0
      yield* Copy.run(from("first"), { repository, tag: "v1" }, { digestTags: true })
      assert.deepStrictEqual(destination.writes(), [])
    }))

  it.effect("plans for each of several destinations what that one lacks", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const all = [yield* memory("two.test"), yield* memory("three.test"), yield* memory("four.test")]
      yield* seed.putImage(all[1]!.repository, first, "v1")
      yield* seed.putImage(all[2]!.repository, second, "v1")
      const plans = new Map<string, Copy.Plan>()
      yield* Copy.runTo(from("first"), all.map(({ repository }) => ({ repository, tag: "v1" })), {
        onExisting: "skip",
        onEvent: (event) =>
          Effect.sync(() => event._tag === "Planned" ? void plans.set(event.destination, event.plan) : undefined)
      })
      const size = [first.config, ...first.layers].reduce((sum, { descriptor }) => sum + descriptor.size, 0)
      const said = ["two.test", "three.test", "four.test"].map((registry) => {
        const plan = plans.get(`${registry}/app:v1`)
        return [plan?.outcome, plan?.digest, plan?.bytes.upload, plan?.manifests.length]
      })
      assert.deepStrictEqual(said, [
        ["Copy", first.manifest.descriptor.digest, size, 1],
        ["Skip", first.manifest.descriptor.digest, 0, 0],
        ["Skip", second.manifest.descriptor.digest, 0, 0]
      ])
    }))

  it.effect("overwrites, keeps or minds what a tag names", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const { repository, writes } = yield* memory("two.test")
      const to = { repository, tag: "v1" }
      yield* Copy.run(from("first"), to)
      const before = writes().length
      const kept = yield* Copy.run(from("both"), to, { onExisting: "skip" })
      assert.deepInclude(kept, {
        outcome: "Skipped",
        digest: first.manifest.descriptor.digest,
        sourceDigest: both.descriptor.digest
      })
      const error = yield* Effect.flip(Copy.run(from("both"), to, { onExisting: "fail" }))
      assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "AlreadyExists")
      assert.strictEqual((yield* Copy.run(from("first"), to, { onExisting: "fail" })).outcome, "Skipped")
      assert.strictEqual(writes().length, before)
      yield* Copy.run(from("both"), to)
      assert.strictEqual((yield* repository.resolve("v1")).digest, both.descriptor.digest)
    }))

  it.effect("copies the tags that are meant, and goes on after one that fails", () =>
    Effect.gen(function*() {
      const { source } = yield* setting
      for (const tag of ["1.0", "1.1", "2.0"]) yield* seed.putManifest(source.repository, first.manifest, tag)
      const broken = image(["broken"], { annotations: { is: "broken" } })
      yield* seed.putManifest(source.repository, broken.manifest, "1.2")
      const { repository } = yield* memory("two.test")
      const outcomes = Chunk.toReadonlyArray(
        yield* Stream.runCollect(Copy.runTags(source.repository, repository, { tags: { semver: "^1" } }))
      )
      assert.deepStrictEqual(outcomes.map(({ _tag, tag }) => `${tag} ${_tag}`).sort(), [
        "1.0 Success",
        "1.1 Success",
        "1.2 Failure"
      ])
      const patterns = yield* Stream.runCollect(
        Copy.runTags(source.repository, repository, { tags: { include: ["*.0"], exclude: [/^1/] } })
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(patterns).map(({ tag }) => tag), ["2.0"])
      const wrong = yield* Effect.flip(Stream.runDrain(Copy.runTags(source.repository, repository, {
        tags: { semver: "not a range" }
      })))
      assert.strictEqual(wrong._tag, "InvalidInput")
      for (const tagConcurrency of [0, 1.5]) {
        const refused = yield* Effect.flip(
          Stream.runDrain(Copy.runTags(source.repository, repository, { tagConcurrency }))
        )
        assert.strictEqual(refused._tag, "InvalidInput")
      }
    }))

  it.effect.each<readonly ["small" | "large", typeof DigestMismatch | typeof SizeMismatch]>([
    ["small", DigestMismatch],
    ["large", DigestMismatch],
    ["small", SizeMismatch]
  ])("reads a %s blob again whose bytes came wrong, but not for ever", ([kind, Wrong]) =>
    Effect.gen(function*() {
      const source = yield* memory("one.test")
      const app = image(["base", kind.repeat(kind === "large" ? 300_000 : 1)])
      yield* seed.putImage(source.repository, app, "app")
      const { digest, size } = app.layers[1]!.descriptor
      const resource = `blob ${digest}`
      const wrong = Wrong === SizeMismatch
        ? new SizeMismatch({ resource, expected: size, actual: 1 })
        : new DigestMismatch({ resource, expected: digest, actual: digest })
      const flaky = (times: number): Repository.Repository => {
        let reads = 0
        return {
          ...source.repository,
          getBlob: (blob) =>
            Stream.suspend(() =>
              blob.digest === digest && ++reads <= times
                ? Stream.concat(Stream.make(new Uint8Array(1)), Stream.fail(wrong))
                : source.repository.getBlob(blob)
            )
        }
      }
      const { repository } = yield* memory("two.test")
      const copy = (times: number) =>
        Copy.run({ repository: flaky(times), reference: "app" }, { repository, tag: "v1" })
      const error = yield* Effect.flip(copy(3))
      assert.deepInclude(error, { _tag: "CopyError", side: "source" })
      assert.strictEqual((yield* Effect.flip(repository.resolve("v1")))._tag, "NotFound")
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void warnings.push(`${logLevel.label} ${String(message)}`))
      const result = yield* Effect.provide(copy(2), Logger.replace(Logger.defaultLogger, logger))
      assert.strictEqual(result.outcome, "Copied")
      assert.strictEqual(warnings.length, 2)
      for (const warning of warnings) assert.match(warning, /^WARN the source gave wrong bytes/)
      assert.deepStrictEqual((yield* repository.getManifest("v1")).raw, app.manifest.raw)
    }))

  it.effect("refuses an empty blob that is said to be another one", () =>
    Effect.gen(function*() {
      const source = yield* memory("one.test")
      const lying = image([], { layers: [{ ...first.layers[0]!.descriptor, size: 0 }] })
      yield* seed.putBlob(source.repository, lying.config)
      yield* seed.putManifest(source.repository, lying.manifest, "lying")
      const { repository } = yield* memory("two.test")
      const error = yield* Effect.flip(
        Copy.run({ repository: source.repository, reference: "lying" }, { repository, tag: "v1" })
      )
      assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "DigestMismatch")
      assert.strictEqual((yield* Effect.flip(repository.resolve("v1")))._tag, "NotFound")
    }))

  it.effect("dies of a defect of a destination, and takes it for no failure of its own", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const [one, other] = [yield* memory("two.test"), yield* memory("three.test")]
      const broken: Repository.Repository = { ...one.repository, putManifest: () => Effect.die("a defect") }
      const exit = yield* Effect.exit(Copy.runTo(from("first"), [
        { repository: broken, tag: "v1" },
        { repository: other.repository, tag: "v1" }
      ]))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }))

  it.effect("counts blobs and bytes", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const { repository } = yield* memory("metrics.test")
      const value = (outcome: string) =>
        Effect.map(Metric.value(Metric.tagged(RegistryMetrics.blobs, "outcome", outcome)), ({ count }) => count)
      const counts = Effect.all({ uploaded: value("Uploaded"), existed: value("Existed") })
      const before = yield* counts
      const bytes = (registry: string, direction: string) =>
        RegistryMetrics.bytes.pipe(Metric.tagged("registry", registry), Metric.tagged("direction", direction))
      const read = Effect.map(Metric.value(bytes("one.test", "download")), ({ count }) => count)
      const readBefore = yield* read
      const result = yield* Copy.run(from("first"), { repository, tag: "v1" })
      assert.strictEqual((yield* Metric.value(bytes("metrics.test", "upload"))).count, result.bytes)
      assert.strictEqual((yield* read) - readBefore, result.bytes)
      yield* Copy.run(from("both"), { repository, tag: "v2" })
      const after = yield* counts
      // Three of the first image, then four more; what both images share is there by then.
      assert.deepStrictEqual(
        [after.uploaded - before.uploaded, after.existed - before.existed],
        [7, 1]
      )
    }))

  it.effect("refuses options that make no sense before it asks for anything", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const { repository } = yield* memory("two.test")
      const to = { repository, tag: "v1" }
      const onEvent = () => Effect.void
      for (
        const options of [
          { concurrency: 0 },
          { platform: amd64, platforms: ["linux/*"] },
          { progressInterval: 0, onEvent }
        ]
      ) {
        const error = yield* Effect.flip(Copy.run(from("both"), to, options))
        assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "InvalidInput")
      }
      assert.deepStrictEqual(source.calls, [])
    }))

  it.effect("tells destinations apart that are named alike", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const [one, other] = [yield* memory("two.test"), yield* memory("two.test")]
      yield* seed.putManifest(one.repository, first.manifest)
      const outcomes = yield* Copy.runTo(from("both"), [
        { repository: one.repository, tag: "v1" },
        { repository: other.repository, tag: "v1" }
      ])
      assert.deepStrictEqual(outcomes.map(({ _tag }) => _tag), ["Success", "Success"])
      assert.deepStrictEqual((yield* other.repository.getManifest("v1")).raw, both.raw)
      assert.deepStrictEqual(
        (yield* other.repository.getManifest(first.manifest.descriptor.digest)).raw,
        first.manifest.raw
      )
      assert.isTrue(yield* other.repository.hasBlob(first.config.descriptor.digest))
    }))

  it.effect("sends a blob that is left out by one of its descriptors and not by another", () =>
    Effect.gen(function*() {
      const { source } = yield* setting
      const [layer] = first.layers
      const foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
      const layers = [{ ...layer!.descriptor, mediaType: foreign, urls: ["https://example.com"] }, layer!.descriptor]
      const mixed = image([], { layers })
      yield* seed.putImage(source.repository, mixed, "mixed")
      const { repository } = yield* memory("two.test")
      yield* Copy.run({ repository: source.repository, reference: "mixed" }, { repository, tag: "v1" })
      assert.isTrue(yield* repository.hasBlob(layer!.descriptor.digest))
    }))

  it.live("ends where it cannot be interrupted", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const { repository } = yield* memory("two.test")
      const copy = Copy.run(from("both"), { repository, tag: "v1" }, { onEvent: () => Effect.void })
      const result = yield* Effect.scoped(Effect.acquireRelease(copy, () => Effect.void))
      assert.strictEqual(result.outcome, "Copied")
      const refused: Repository.Repository = { ...repository, putManifest: () => Effect.fail(denied) }
      const error = yield* Effect.flip(
        Effect.uninterruptible(Copy.run(from("first"), { repository: refused, tag: "x" }))
      )
      assert.strictEqual(error._tag, "CopyError")
    }), 10_000)

  it.live("is interrupted whatever its listener does, and dies of a listener that does", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const { repository } = yield* memory("two.test")
      const to = { repository, tag: "v1" }
      const fiber = yield* Effect.fork(Copy.run(from("both"), to, { onEvent: () => Effect.never }))
      yield* Effect.sleep("50 millis")
      yield* Fiber.interrupt(fiber)
      const exit = yield* Effect.exit(Copy.run(from("both"), to, { onEvent: () => Effect.die("no") }))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }), 10_000)

  it.effect("is interrupted while it reads a small blob", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const reading = yield* Deferred.make<void>()
      const stalled: Repository.Repository = {
        ...source.repository,
        readBlob: undefined,
        getBlob: () => Stream.fromEffect(Effect.zipRight(Deferred.succeed(reading, undefined), Effect.never))
      }
      const { repository } = yield* memory("two.test")
      const fiber = yield* Effect.fork(Copy.run({ ...from("first"), repository: stalled }, { repository, tag: "v1" }))
      yield* Deferred.await(reading)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
    }))

  it.effect("refuses more referrers than can be meant", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      let listed = 0
      const many: Repository.Repository = {
        ...source.repository,
        referrers: () =>
          Stream.repeatEffect(Effect.sync(() => {
            listed++
            return attestation.manifest.descriptor
          }))
      }
      const { repository, writes } = yield* memory("two.test")
      const error = yield* Effect.flip(
        Copy.run({ ...from("first"), repository: many }, { repository, tag: "v1" }, { referrers: "direct" })
      )
      assert.strictEqual(error._tag === "CopyError" ? error.cause._tag : error._tag, "ManifestInvalid")
      assert.isAtMost(listed, 10_001)
      assert.deepStrictEqual(writes(), [])
    }))

  it.effect("follows referrers of referrers no further than there is reason to", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      let lists = 0
      const endless: Repository.Repository = {
        ...source.repository,
        referrers: () => Stream.fromEffect(Effect.sync(() => image([`${++lists}`], { n: lists }).manifest.descriptor))
      }
      const start = { ...from("first"), repository: endless }
      const { repository } = yield* memory("two.test")
      const error = yield* Effect.flip(Copy.run(start, { repository, tag: "v1" }, { referrers: "recursive" }))
      assert.strictEqual(error._tag, "CopyError")
      assert.isBelow(lists, 10)
      assert.strictEqual((yield* Effect.flip(repository.resolve("v1")))._tag, "NotFound")
      const itself = yield* Effect.flip(
        Copy.run(start, { repository: endless, tag: "again" }, { referrers: "recursive" })
      )
      assert.strictEqual(itself._tag === "CopyError" ? itself.cause._tag : itself._tag, "ManifestInvalid")
    }), 60_000)

  it.effect("widens a sparse copy by another", () =>
    Effect.gen(function*() {
      const { from } = yield* setting
      const { repository } = yield* memory("two.test")
      const to = { repository, tag: "v1" }
      yield* Copy.run(from("both"), to, { platforms: ["linux/amd64"], index: "sparse" })
      assert.isFalse(yield* repository.hasBlob(second.config.descriptor.digest))
      yield* Copy.run(from("both"), to, { platforms: ["linux/arm64"], index: "sparse" })
      assert.isTrue(yield* repository.hasBlob(second.config.descriptor.digest))
    }))

  it.effect("tells the failure of an only destination, and checks destinations first", () =>
    Effect.gen(function*() {
      const { from, source } = yield* setting
      const { repository } = yield* memory("two.test")
      const refused: Repository.Repository = { ...repository, putManifest: () => Effect.fail(denied) }
      const told: Array<CopyEvent> = []
      yield* Copy.runTo(from("first"), [{ repository: refused, tag: "v1" }], {
        onEvent: (event) => Effect.sync(() => void told.push(event))
      })
      assert.strictEqual(told.at(-1)?._tag, "Failed")
      source.calls.length = 0
      for (
        const [to, options] of [
          [{ repository, tag: first.manifest.descriptor.digest }, {}],
          [{ repository, tag: "v1" }, { mountFrom: ["Bad Name"] }],
          [{ repository, tag: "v1" }, { platforms: ["a/b/c/d"] }]
        ] as const
      ) {
        const error = yield* Effect.flip(Copy.run(from("first"), to, options))
        assert.include(
          ["InvalidInput", "ParsePlatformError"],
          error._tag === "CopyError" ? error.cause._tag : error._tag
        )
      }
      assert.deepStrictEqual(source.calls, [])
    }))
})
