/**
 * Puts images that were built for one platform each into one index, as the last step of a build that runs on several
 * machines. Images that lie in another repository are copied over first.
 *
 *     npx tsx test/examples/manifestList.ts ghcr.io/acme/app:2.0 \
 *       linux/amd64=ghcr.io/acme/app:2.0-amd64 linux/arm64=ghcr.io/acme/build:2.0-arm64
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { RegistryClient } from "effect-oci"
import * as NodeRegistry from "effect-oci/NodeRegistry"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const program = Effect.gen(function*() {
  const [index = "", ...parts] = process.argv.slice(2)
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

program.pipe(Effect.provide(NodeRegistry.layer()), NodeRuntime.runMain)
