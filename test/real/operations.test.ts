/** The other operations, and how each fails, against `docker-registry`. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { GetImageFailure } from "../../src/RegistryClient.js"
import { obtain } from "./busybox.js"
import { connect } from "./clients.js"
import * as Fixture from "./fixture.js"
import * as Registry from "./registry.js"
import { writeImage } from "./storage.js"
import { suite } from "./suite.js"

const packages = await obtain()

/** A registry behind a password that has the image by two tags. */
const setUp = Effect.fnUntraced(function*() {
  const registry = yield* Registry.start({ htpasswd: true })
  const image = yield* Fixture.build(packages, "oci")
  yield* writeImage(registry.storage, "library/busybox", "1", image)
  yield* writeImage(registry.storage, "library/busybox", "2", image)
  const client = yield* connect(registry)
  return { registry, image, client, name: `${registry.host}/library/busybox` }
})

const wrong = { username: Registry.account.username, password: Redacted.make("not the password 4711") }

suite("docker-registry to our client", { tools: ["docker-registry"], lacks: packages.lacks }, () => {
  it.scopedLive("says what is there", () =>
    Effect.gen(function*() {
      const { client, image, name, registry } = yield* setUp()
      yield* client.ping(registry.host)
      assert.isTrue(yield* client.checkExists(`${name}:1`))
      assert.isTrue(yield* client.checkExists(`${name}@${image.index.descriptor.digest}`))
      assert.isFalse(yield* client.checkExists(`${name}:absent`))
      assert.isFalse(yield* client.checkExists(`${registry.host}/no/such/repository:1`))
      // distribution 2.8 lists tags in the order of its folder.
      assert.sameMembers(Chunk.toArray(yield* Stream.runCollect(client.listTags(name))), ["1", "2"])
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(yield* Stream.runCollect(client.listRepositories(registry.host))),
        ["library/busybox"]
      )
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("tags and deletes", () =>
    Effect.gen(function*() {
      const { client, image, name } = yield* setUp()
      assert.strictEqual(yield* client.tagImage(`${name}:1`, "3"), image.index.descriptor.digest)
      assert.strictEqual(yield* client.getDigest(`${name}:3`), image.index.descriptor.digest)
      // distribution 2.8 deletes by digest only.
      const refused = yield* Effect.flip(client.deleteTag(`${name}:3`))
      assert.strictEqual(refused._tag, "RegistryOperationError")
      assert.isTrue(yield* client.checkExists(`${name}:3`))
      yield* client.deleteImage(`${name}:3`)
      for (const tag of ["1", "2", "3"]) assert.isFalse(yield* client.checkExists(`${name}:${tag}`))
      const [amd64] = image.images
      assert.isTrue(yield* client.checkExists(`${name}@${amd64?.manifest.descriptor.digest}`))
      assert.strictEqual((yield* Effect.flip(client.deleteImage(`${name}:1`)))._tag, "NotFound")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("says NotFound for what is missing", () =>
    Effect.gen(function*() {
      const { client, name } = yield* setUp()
      const getDigest = yield* Effect.flip(client.getDigest(`${name}:absent`))
      assert.strictEqual(getDigest._tag, "NotFound")
      const getImage = yield* Effect.flip(client.getImage(`${name}:absent`))
      assert.strictEqual(getImage._tag, "NotFound")
      assert.include(getImage.message, `${name}:absent`)
      const copy = yield* Effect.flip(client.copy(`${name}:absent`, `${name}:copy`))
      assert(copy._tag === "NotFound")
      assert.strictEqual(copy.side, "source")
      const digests = yield* Effect.flip(client.getPlatformDigests(`${name}:absent`))
      assert.strictEqual(digests._tag, "NotFound")
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("tells index and image apart", () =>
    Effect.gen(function*() {
      const { client, image, name, registry } = yield* setUp()
      const index = yield* Effect.flip(client.copyImage(`${name}:1`, `${registry.host}/copy:1`))
      assert.include(index.message, "copyIndex")
      const [amd64] = image.images
      const single = `${name}@${amd64?.manifest.descriptor.digest}`
      const failed = yield* Effect.flip(client.copyIndex(single, `${registry.host}/copy:1`))
      assert(failed._tag === "GetImageIndexError")
      assert.strictEqual(failed.cause._tag, "NotAnIndex")
      const absent = yield* Effect.flip(
        client.copyImage(`${name}:1`, `${registry.host}/copy:1`, { platform: "linux/riscv64" })
      )
      assert(absent._tag === "PlatformNotFound")
      assert.deepStrictEqual(absent.available, ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"])
      assert.deepStrictEqual((yield* registry.requests).filter(Registry.isWrite), [])
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive(
    "refuses wrong credentials and none, which is an error and not an absence",
    () =>
      Effect.gen(function*() {
        const { name, registry } = yield* setUp()
        const cases = [
          { client: yield* connect(registry, { credentials: wrong }), tried: wrong.username },
          { client: yield* connect(), tried: "anonymous" }
        ]
        for (const { client, tried } of cases) {
          const operations: ReadonlyArray<Effect.Effect<void, GetImageFailure>> = [
            Effect.asVoid(client.checkExists(`${name}:1`)),
            Effect.asVoid(client.getDigest(`${name}:absent`))
          ]
          for (const operation of operations) {
            const error = yield* Effect.flip(operation)
            assert(error._tag === "GetImageError")
            assert(error.cause._tag === "Unauthorized")
            assert.include(error.cause.credentials, tried)
          }
          const ping = yield* Effect.flip(client.ping(registry.host))
          assert(ping._tag === "RegistryOperationError")
          assert.strictEqual(ping.cause._tag, "Unauthorized")
        }
      }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive(
    "refuses a copy to it with wrong credentials, on the side it is, without a secret in the error",
    () =>
      Effect.gen(function*() {
        const { registry: secured } = yield* setUp()
        const open = yield* Registry.start()
        yield* writeImage(open.storage, "library/busybox", "1", yield* Fixture.build(packages, "oci"))
        const client = yield* connect(secured, { credentials: wrong })
        const error = yield* Effect.flip(
          client.copyIndex(`${open.host}/library/busybox:1`, `${secured.host}/team/busybox:1`)
        )
        assert(error._tag === "CopyError")
        assert.strictEqual(error.side, "destination")
        assert.strictEqual(error.cause._tag, "Unauthorized")
        const secrets = [
          Redacted.value(wrong.password),
          Buffer.from(`${wrong.username}:${Redacted.value(wrong.password)}`).toString("base64")
        ]
        for (const text of [error.message, JSON.stringify(error), String(error), error.stack ?? ""]) {
          for (const secret of secrets) assert.notInclude(text, secret)
        }
        const accepted = (yield* secured.requests).filter((request) =>
          Registry.isWrite(request) && request.status < 400
        )
        assert.deepStrictEqual(accepted, [])
      }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("is an error when nobody is there", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(Registry.start())
      const client = yield* connect(undefined, { options: { retries: 1 } })
      const error = yield* Effect.flip(client.checkExists(`${gone.host}/library/busybox:1`))
      assert(error._tag === "GetImageError")
      assert(error.cause._tag === "TransportError")
      assert.strictEqual(error.cause.reason, "Connect")
    }).pipe(Effect.provide(NodeContext.layer)))
})
