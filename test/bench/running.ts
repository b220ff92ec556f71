/**
 * A program that copies the same image twice: `running SOURCE FIRST SECOND`. It prints one line of JSON, with what the
 * second copy took: the client as part of a program that runs, as most of its users have it. Only the code is warm: the
 * second copy has a client and connections of its own and goes to another registry, so it sends every request that the
 * first one did.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as NodeRegistry from "../../src/NodeRegistry.js"
import * as RegistryClient from "../../src/RegistryClient.js"
import type { Measurement } from "./measure.js"

const [source = "", first = "", second = ""] = process.argv.slice(2)

const copy = (destination: string) =>
  Effect.asVoid(RegistryClient.copy(source, destination)).pipe(
    Effect.provide(NodeRegistry.layer({ http: { proxy: false } }))
  )

const program = Effect.gen(function*() {
  yield* copy(first)
  const cpu = process.cpuUsage()
  const start = performance.now()
  yield* copy(second)
  const wall = (performance.now() - start) / 1e3
  const { system, user } = process.cpuUsage(cpu)
  // Node gives kibibytes.
  const measurement: Measurement = {
    wall,
    cpu: (user + system) / 1e6,
    peakRss: process.resourceUsage().maxRSS * 1024
  }
  yield* Console.log(JSON.stringify(measurement))
})

Effect.runPromise(program).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exitCode = 1
})
