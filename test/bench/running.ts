/**
 * A program that copies twice: `running SOURCE DESTINATION SOURCE DESTINATION`. It prints one line of JSON, with what
 * the second copy took: the client as part of a program that runs, as most of its users have it. Only the code is warm:
 * the second copy has a client and connections of its own and goes to other registries, so it sends every request that
 * the first one did.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as RegistryClient from "../../src/RegistryClient.js"
import type { Usage } from "./measure.js"
import { runMain, withClient } from "./program.js"

const [warmSource = "", warmDestination = "", source = "", destination = ""] = process.argv.slice(2)

runMain(Effect.gen(function*() {
  yield* withClient(RegistryClient.copy(warmSource, warmDestination))
  const cpu = process.cpuUsage()
  const start = performance.now()
  yield* withClient(RegistryClient.copy(source, destination))
  const wall = (performance.now() - start) / 1e3
  const { system, user } = process.cpuUsage(cpu)
  // Node gives kibibytes.
  const usage: Usage = { wall, cpu: (user + system) / 1e6, peakRss: process.resourceUsage().maxRSS * 1024 }
  yield* Console.log(JSON.stringify(usage))
}))
