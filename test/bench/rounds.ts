/** Runs a case: rounds in which every contender does the job once, in turn, each in registries of its own. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Arena from "./arena.js"
import type { Case } from "./cases.js"
import type { Contender, Copy, Job } from "./contenders.js"
import { measure, printed } from "./measure.js"
import type { CaseResult, ContenderResult, Run } from "./results.js"

const firstOf = ({ copies }: Arena.Arena): Copy => copies[0] ?? { source: "", destination: "" }

const jobOf = (it: Case, arena: Arena.Arena, warm: Arena.Arena | undefined): Job => {
  const copy = firstOf(arena)
  switch (it.does) {
    case "copy":
    case "missing":
      return { kind: "copy", copy, ...(warm === undefined ? {} : { warm: firstOf(warm) }) }
    case "digest":
      return { kind: "digest", image: copy.source }
    case "copies":
      return { kind: "copies", copies: arena.copies }
    case "fanOut":
      return { kind: "fanOut", source: copy.source, destinations: arena.copies.map(({ destination }) => destination) }
  }
}

const takesPart = (it: Case, { cases, commands, twice }: Contender): boolean => {
  const copy = { source: "", destination: "" }
  const like: Arena.Arena = { copies: [copy], traffic: Effect.die("none"), check: Effect.void }
  return (cases?.includes(it.name) ?? true) && commands(jobOf(it, like, twice === true ? like : undefined)).length > 0
}

/** `warmSource` is what a program copies from before it is measured. */
const once = Effect.fnUntraced(function*(
  it: Case,
  contender: Contender,
  source: Arena.Source,
  warmSource: Arena.Source | undefined
) {
  const fs = yield* FileSystem.FileSystem
  // No configuration or cache of the user's, and none that an earlier run left.
  const home = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-home-" })
  const env = {
    HOME: home,
    DOCKER_CONFIG: home,
    REGCTL_CONFIG: `${home}/regctl.json`,
    XDG_CACHE_HOME: home,
    XDG_RUNTIME_DIR: home
  }
  const twice = contender.twice === true && warmSource !== undefined
  const warm = twice ? yield* Arena.make(it, warmSource, it.delay === undefined ? undefined : 0) : undefined
  const arena = yield* Arena.make(it, source, it.delay)
  const commands = contender.commands(jobOf(it, arena, warm))
  const usage = yield* twice ? printed(commands, env) : measure(commands, env, it.does === "missing" ? "badly" : "well")
  const traffic = yield* arena.traffic
  if (it.does !== "digest" && it.does !== "missing") yield* arena.check
  const run: Run = { ...usage, traffic }
  return run
})

const words = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n").filter((line) => line !== "").join(" ")
    .replaceAll("|", "/")
    .slice(0, 200)

export const runCase = Effect.fnUntraced(
  function*(it: Case, everybody: ReadonlyArray<Contender>) {
    const contenders = everybody.filter((contender) => takesPart(it, contender))
    const source = yield* Arena.source(it)
    // One of its own, or its requests would be among those of the copy that is measured.
    const warmSource = contenders.some(({ twice }) => twice === true) ? yield* Arena.source(it) : undefined
    const results = new Map<Contender, { readonly runs: Array<Run>; failure?: string }>(
      contenders.map((contender) => [contender, { runs: [] }])
    )
    for (let round = it.warmUp ? 0 : 1; round <= it.rounds; round++) {
      yield* Console.error(`${it.name}: ${round === 0 ? "warming up" : `round ${round} of ${it.rounds}`}`)
      for (const [contender, result] of results) {
        // One that fails once is not asked again.
        if (result.failure !== undefined) continue
        yield* once(it, contender, source, warmSource).pipe(
          Effect.match({
            onFailure: (error) => {
              result.failure = words(error)
            },
            onSuccess: (run) => {
              if (round > 0) result.runs.push(run)
            }
          }),
          // Within the scope, or the registries would print their last words for a tool that fails.
          Effect.scoped
        )
      }
    }
    const result: CaseResult = {
      name: it.name,
      title: it.title,
      figure: it.figure,
      contenders: Array.from(results, ([{ name, version }, result]): ContenderResult => ({ name, version, ...result }))
    }
    return result
  },
  Effect.scoped
)
