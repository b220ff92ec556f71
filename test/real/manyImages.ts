/**
 * A program that copies an index of many images between two embedded registries, or into a layout: `manyImages COUNT
 * [DIRECTORY]`. Prints one line of JSON: how many blobs and manifests it moved, and the most memory that it has had.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import * as Copy from "../../src/Copy.js"
import * as Credentials from "../../src/Credentials.js"
import * as ImageLayout from "../../src/ImageLayout.js"
import * as RegistryClient from "../../src/RegistryClient.js"
import * as RegistryTest from "../../src/RegistryTest.js"
import { image, index } from "../utils/samples.js"
import * as seed from "../utils/seed.js"

const [count = "1", directory] = process.argv.slice(2)

/**
 * In bytes. `getrusage` also counts what the program that started this one had before this one took its place; where
 * there is no other account it has to do.
 */
const peak = (): number => {
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
    if (line !== undefined) return Number(line) * 1024
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024
}

const program = Effect.gen(function*() {
  const registries = yield* RegistryTest.RegistryTest
  const source = yield* registries.repository("source.test", "app")
  const images = Array.from({ length: Number(count) }, (_, n) => image([`layer ${n}`]))
  for (const each of images) yield* seed.putImage(source, each)
  yield* seed.putManifest(source, index(images.map(({ manifest }) => manifest.descriptor)), "many")
  const before = peak()
  const client = yield* RegistryClient.make({ retries: 0 })
  const destination = directory === undefined
    ? yield* client.repository("destination.test/app")
    : yield* ImageLayout.make(directory)
  const { blobs, manifests } = yield* Copy.run(
    { repository: yield* client.repository("source.test/app"), reference: "many" },
    { repository: destination, tag: "many" }
  )
  const moved = blobs.filter(({ outcome }) => outcome === "Uploaded").length
  yield* Console.log(JSON.stringify({ before, blobs: moved, manifests: manifests.length, peak: peak() }))
})

Effect.runPromise(program.pipe(
  Effect.provide(RegistryTest.layer({ registries: { "source.test": {}, "destination.test": {} } })),
  Effect.provide(Credentials.layerAnonymous),
  Effect.provide(NodeContext.layer)
)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exitCode = 1
})
