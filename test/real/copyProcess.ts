/**
 * A program that copies one image: `copyProcess SOURCE DESTINATION [EVENTS]`. At the event of that number it kills itself.
 * Otherwise it prints one line of JSON: the result, the number of events when they were asked for, the most memory that the process has had, and, under `--expose-gc`, how much of the heap was in use each second, in bytes, when
 * nothing was left to collect. It is bundled and run by the memory test, so that what is measured is the client and
 * not a test runner.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Credentials from "../../src/Credentials.js"
import * as NodeRegistry from "../../src/NodeRegistry.js"
import * as RegistryClient from "../../src/RegistryClient.js"

const [source = "", destination = "", last] = process.argv.slice(2)

let events = 0
const step = Effect.sync(() => {
  if (++events === Number(last)) process.kill(process.pid, "SIGKILL")
})

const heaps: Array<number> = []
if (globalThis.gc !== undefined) {
  setInterval(() => {
    globalThis.gc?.()
    heaps.push(process.memoryUsage().heapUsed)
  }, 1000).unref()
}

const program = Effect.gen(function*() {
  const { bytes, digest, outcome } = yield* RegistryClient.copy(
    source,
    destination,
    last === undefined ? {} : { onEvent: () => step, progressInterval: "1 millis" }
  )
  // Node gives kibibytes.
  const peakRss = process.resourceUsage().maxRSS * 1024
  yield* Console.log(JSON.stringify({ bytes, digest, events, heaps, outcome, peakRss }))
}).pipe(
  Effect.provide(
    RegistryClient.layer().pipe(
      Layer.provide(Credentials.layerAnonymous),
      Layer.provide(NodeRegistry.layerHttp({ proxy: false }))
    )
  )
)

Effect.runPromise(program).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exitCode = 1
})
