/**
 * Copies between `docker-registry` processes on this machine, ours against its peers: what each sends, how long it takes
 * when every request takes 20 ms, and what time, processor and memory large and many images take. Prints tables in
 * Markdown. Run by `npm run bench`.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { availableParallelism, cpus } from "node:os"
import { run, text } from "../real/run.js"
import { find } from "../real/tools.js"
import { BenchError } from "./arena.js"
import * as Cases from "./cases.js"
import * as Contenders from "./contenders.js"
import { goals } from "./goals.js"
import { type Options, parse, usage } from "./options.js"
import { peer } from "./peers.js"
import { type Figures, markdown } from "./report.js"
import type { CaseResult } from "./results.js"
import { runCase } from "./rounds.js"

const bench = Effect.fnUntraced(function*(options: Options) {
  const absent = ["docker-registry", "time"].filter((tool) => find(tool) === undefined)
  if (absent.length > 0) return yield* new BenchError({ reason: `not on the PATH: ${absent.join(", ")}` })
  if (options.build) yield* run("npm", ["run", "--silent", "build"])
  const found = yield* Effect.forEach(options.peers, (name) => Effect.map(peer(name), (it) => it ?? name))
  const peers = found.filter((it) => typeof it !== "string")
  const go = options.cases.includes("many") ? yield* Contenders.goProgram : undefined
  const contenders = [
    yield* Contenders.ours,
    yield* Contenders.running,
    yield* Contenders.batch,
    yield* Contenders.fanOut,
    yield* Contenders.floor,
    yield* Contenders.indexFloor,
    ...peers,
    ...(typeof go === "object" ? [go] : [])
  ]
  const cases: Array<CaseResult> = []
  for (const it of options.cases.flatMap((name) => Cases.make(name, options))) {
    cases.push(yield* runCase(it, contenders))
  }
  const figures: Figures = {
    machine: {
      processor: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      platform: process.platform,
      node: process.versions.node,
      registry: text(yield* run("docker-registry", ["--version"])).trim()
    },
    cases,
    goals: cases.flatMap(goals),
    missing: found.filter((it) => typeof it === "string"),
    notes: typeof go === "string" ? [`the program on go-containerregistry, ${go}`] : []
  }
  yield* Console.log(markdown(figures, peers.map(({ name }) => name)))
  if (options.json !== undefined) {
    const fs = yield* FileSystem.FileSystem
    const kept = (key: string, value: unknown) => key === "log" && !options.log ? undefined : value
    const content = JSON.stringify({ date: new Date().toISOString(), ...figures }, kept, 2)
    yield* fs.writeFileString(options.json, `${content}\n`)
  }
  if (!options.check) return
  const ours = cases.flatMap(({ contenders }) => contenders).filter(({ name }) => name.startsWith(Contenders.ourName))
  const bad = [
    ...ours.flatMap(({ failure, name }) => failure === undefined ? [] : [`${name}: ${failure}`]),
    ...figures.goals.filter(({ exact, met }) => exact && !met).map((goal) =>
      `${goal.case}: ${goal.measured} ${goal.what} instead of at most ${goal.limit}`
    )
  ]
  if (bad.length > 0) return yield* new BenchError({ reason: bad.join("\n") })
})

const main = Effect.suspend(() => {
  const options = parse(process.argv.slice(2))
  return options === undefined ? Console.log(usage) : bench(options)
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

Effect.runPromise(main).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
