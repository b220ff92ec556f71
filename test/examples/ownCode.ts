/**
 * How to test code of one's own that talks to registries: `RegistryTest.layer` answers its requests in memory, without
 * sockets. `rollout` is the code, all below it is the test.
 *
 *     npx tsx test/examples/ownCode.ts
 */
import { Descriptor, MediaType, RegistryClient } from "effect-oci"
import * as Credentials from "effect-oci/Credentials"
import * as RegistryTest from "effect-oci/RegistryTest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"

/** Whether a deployment that runs `running` should be rolled out again. A tag that is gone is no reason to. */
const rollout = Effect.fnUntraced(function*(image: string, running: string) {
  const digest = yield* RegistryClient.getDigest(image)
  return digest === running ? "up to date" : "roll out"
}, Effect.catchTag("NotFound", () => Effect.succeed("keep")))

/** Puts an image without layers straight into the registry's storage. */
const push = Effect.fnUntraced(function*(name: string, tag: string, config: Record<string, unknown>) {
  const repository = yield* (yield* RegistryTest.RegistryTest).repository("registry.example", name)
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  const blob = Descriptor.fromBytes(encode(config), MediaType.ociConfig)
  yield* repository.putBlob(blob, Stream.succeed(encode(config)))
  const raw = encode({ schemaVersion: 2, mediaType: MediaType.ociManifest, config: blob, layers: [] })
  return yield* repository.putManifest({ descriptor: Descriptor.fromBytes(raw, MediaType.ociManifest), raw }, { tag })
})

const test = Effect.gen(function*() {
  const registries = yield* RegistryTest.RegistryTest
  const image = "registry.example/app:stable"

  const first = yield* push("app", "stable", { os: "linux", architecture: "amd64" })
  assert.equal(yield* rollout(image, first), "up to date")

  yield* push("app", "stable", { os: "linux", architecture: "amd64", config: { Cmd: ["/new"] } })
  assert.equal(yield* rollout(image, first), "roll out")
  assert.equal(yield* rollout("registry.example/app:gone", first), "keep")

  // It should not cost more than a HEAD each time, and a registry that is down must not pass for a tag that is gone.
  assert.deepEqual((yield* registries.requests()).map(({ method }) => method), ["HEAD", "HEAD", "HEAD"])
  yield* registries.setFaults("registry.example", [{ nth: "always", action: { _tag: "Status", status: 403 } }])
  const error = yield* Effect.flip(rollout(image, first))
  assert.equal(error._tag, "GetImageError")

  yield* Console.log("rollout does what it should")
})

const layer = RegistryClient.layer().pipe(
  Layer.provide(Credentials.layerAnonymous),
  Layer.provideMerge(RegistryTest.layer())
)

await Effect.runPromise(Effect.provide(test, layer))
