/**
 * The quick start: what the library does, shown on two registries of its own.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { randomUUID } from "node:crypto"
import * as Credentials from "../Credentials.js"
import type * as Digest from "../Digest.js"
import * as NodeRegistryServer from "../NodeRegistryServer.js"
import * as Platform from "../Platform.js"
import * as RegistryClient from "../RegistryClient.js"
import * as RegistryServer from "../RegistryServer.js"
import * as client from "./client.js"
import { CommandError } from "./failure.js"
import * as SampleImage from "./sampleImage.js"

const platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"] as const

const lines = (...lines: ReadonlyArray<string>) => Console.log(lines.join("\n"))

const step = (title: string, ...body: ReadonlyArray<string>) => lines("", title, ...body.map((line) => `   ${line}`))

/** The point of it all: a copy has the digest of what was copied. */
const checkEqual = (what: string, actual: Digest.Digest | undefined, expected: Digest.Digest | undefined) =>
  actual !== undefined && actual === expected
    ? Effect.void
    : new CommandError({
      message: `${what}: the digest is ${actual ?? "absent"}, it should be ${expected ?? "absent"}`
    })

const startRegistries = Effect.fnUntraced(function*(password: Redacted.Redacted) {
  const source = yield* NodeRegistryServer.serve(yield* RegistryServer.make())
  const destination = yield* NodeRegistryServer.serve(
    yield* RegistryServer.make({ auth: { _tag: "Basic", users: { demo: password } } })
  )
  return { source, destination }
})

const tour = Effect.fnUntraced(function*(source: string, destination: string) {
  const original = `${source}/demo/hello:1.0`

  const sample = SampleImage.make(yield* Effect.forEach(platforms, Platform.parse))
  const pushed = yield* SampleImage.push(sample, yield* RegistryClient.repository(original), "1.0")
  yield* step(
    "2. A small image for three platforms, made in code and pushed",
    `${original}`,
    `index          ${pushed}`
  )

  const digests = yield* RegistryClient.getPlatformDigests(original)
  yield* step(
    "3. getPlatformDigests: the images in it",
    ...Object.entries(digests).map(([platform, digest]) => `${platform.padEnd(14)} ${digest}`)
  )

  const index = yield* RegistryClient.copyIndex(original, `${destination}/prod/hello:1.0`)
  yield* checkEqual("the copied index", yield* RegistryClient.getDigest(`${destination}/prod/hello:1.0`), pushed)
  yield* step(
    "4. copyIndex: all platforms to the other registry",
    `${destination}/prod/hello:1.0`,
    `index          ${index.digest}   the same`,
    `${
      index.blobs.filter(({ outcome }) => outcome === "Uploaded").length
    } blobs, ${index.bytes} bytes moved; the layer that all share moved once`
  )

  const again = yield* RegistryClient.copyIndex(original, `${destination}/prod/hello:1.0`)
  yield* step("5. copyIndex once more: nothing to do", `outcome        ${again.outcome}, ${again.bytes} bytes moved`)

  const arm = yield* RegistryClient.copyPlatformImage(original, "linux/arm64", `${destination}/prod/hello:1.0-arm64`)
  yield* checkEqual("the copied linux/arm64 image", arm.digest, digests["linux/arm64"])
  yield* step(
    "6. copyPlatformImage: one platform under a tag of its own",
    `${destination}/prod/hello:1.0-arm64`,
    `linux/arm64    ${arm.digest}   the same`
  )

  const images = yield* Effect.forEach(
    ["linux/amd64", "linux/arm64"],
    (platform) =>
      Effect.map(RegistryClient.getImageHandle(original, { platform }), (image) => [platform, image] as const)
  )
  const assembled = `${destination}/prod/assembled:1.0`
  const list = yield* RegistryClient.pushManifestList(assembled, Object.fromEntries(images))
  const listed = yield* RegistryClient.getPlatformDigests(assembled)
  yield* Effect.forEach(
    images,
    ([platform]) => checkEqual(`${platform} in the manifest list`, listed[platform], digests[platform]),
    { discard: true }
  )
  yield* step(
    "7. pushManifestList: a new index of two of the images, brought over first",
    assembled,
    `index          ${list}`,
    ...Object.entries(listed).map(([platform, digest]) => `${platform.padEnd(14)} ${digest}   the same`)
  )

  const present = yield* RegistryClient.checkExists(`${destination}/prod/hello:1.0`)
  const absent = yield* RegistryClient.checkExists(`${destination}/prod/hello:2.0`)
  yield* step("8. checkExists", `prod/hello:1.0   ${present}`, `prod/hello:2.0   ${absent}`)
  if (!present || absent) return yield* new CommandError({ message: "checkExists did not tell what is there" })
})

/** Fails unless every digest is what it should be. */
export const quickStart = Effect.gen(function*() {
  const password = Redacted.make(randomUUID())
  const { destination, source } = yield* startRegistries(password)
  yield* lines("effect-oci quick start: one image, two registries, the same digests")
  yield* step(
    "1. Two embedded registries on this machine",
    `source         http://${source.host}   open to all`,
    `destination    http://${destination.host}   Basic authentication`
  )
  const clients = RegistryClient.layer()
  yield* tour(source.host, destination.host).pipe(
    Effect.provide(clients),
    Effect.provide(Credentials.layerBasic({ registry: destination.host, username: "demo", password })),
    Effect.provide(client.layerHttp)
  )
  yield* lines(
    "",
    "All digests are equal. Now with registries of your own:",
    "   npm start -- platforms docker.io/library/alpine:3.20",
    "   npm start -- serve --port 5000",
    "   npm start -- copy docker.io/library/alpine:3.20 localhost:5000/alpine:3.20"
  )
}).pipe(Effect.scoped)
