/**
 * Puts images that were built for one platform each into one index, as the last step of a build that runs on several
 * machines. Images that lie in another repository are copied over first.
 *
 *     npx tsx test/examples/manifestList.ts ghcr.io/acme/app:2.0 \
 *       linux/amd64=ghcr.io/acme/app:2.0-amd64 linux/arm64=ghcr.io/acme/build:2.0-arm64
 *
 * User and password of the index's registry come from REGISTRY_USER and REGISTRY_PASSWORD; without them it is used
 * anonymously, as other registries are.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Credentials, Reference, RegistryClient } from "effect-oci"
import * as NodeRegistry from "effect-oci/NodeRegistry"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

const assemble = Effect.fnUntraced(function*(index: Reference.Reference, parts: ReadonlyArray<string>) {
  const images = yield* Effect.forEach(
    parts.map((part) => part.split("=")),
    ([platform = "", image = ""]) =>
      Effect.map(RegistryClient.getImageHandle(image, { platform }), (handle) => [platform, handle] as const),
    { concurrency: 4 }
  )
  const digest = yield* RegistryClient.pushManifestList(index, Object.fromEntries(images))
  yield* Console.log(`${index} is now ${digest}`)

  const platforms = yield* RegistryClient.getPlatformDigests(index)
  for (const [platform, digest] of Object.entries(platforms)) yield* Console.log(`${platform}  ${digest}`)
})

const usage = `Usage: npx tsx test/examples/manifestList.ts INDEX PLATFORM=IMAGE...
REGISTRY_USER and REGISTRY_PASSWORD are for the index's registry.`

const program = Effect.gen(function*() {
  const [name, ...parts] = process.argv.slice(2)
  if (name === undefined || parts.length === 0 || parts.some((part) => !part.includes("="))) {
    process.exitCode = 2
    return yield* Console.error(usage)
  }
  const index = yield* Reference.parse(name, "destination")
  const credentials = Credentials.layerHostsConfig({
    [index.registry]: {
      username: Config.string("REGISTRY_USER").pipe(Config.withDefault("")),
      password: Config.redacted("REGISTRY_PASSWORD").pipe(Config.withDefault(Redacted.make("")))
    }
  })
  yield* Effect.provide(assemble(index, parts), NodeRegistry.layer({ credentials }))
})

NodeRuntime.runMain(program)
