/** Runs programs under GNU time, or one that measures itself. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { run, text } from "../real/run.js"
import { BenchError } from "./arena.js"
import type { Command } from "./contenders.js"

export interface Usage {
  /** Wall-clock seconds. */
  readonly wall: number
  /** Seconds of processor time, user and system. */
  readonly cpu: number
  /** Most resident memory of a process, in bytes. */
  readonly peakRss: number
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** Several commands as one, one after another. */
const inTurn = (commands: ReadonlyArray<Command>): Command => {
  const [first] = commands
  if (first !== undefined && commands.length === 1) return first
  return ["sh", "-ec", commands.map((command) => command.map(quote).join(" ")).join("\n")]
}

/** Of commands that run one after another. */
export const measure = Effect.fnUntraced(
  function*(commands: ReadonlyArray<Command>, env: Readonly<Record<string, string>>, ends: "well" | "badly") {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.makeTempFileScoped({ prefix: "effect-oci-time-" })
    const start = process.hrtime.bigint()
    const running = run("time", ["--quiet", "--format=%U %S %M", `--output=${file}`, ...inTurn(commands)], { env })
    yield* ends === "well" ? running : Effect.flip(running).pipe(
      Effect.mapError(() => new BenchError({ reason: "ended well where it had to fail" }))
    )
    // By our own clock: that of GNU time has steps of 10 ms, a tenth of a small copy.
    const wall = Number(process.hrtime.bigint() - start) / 1e9
    const [user = NaN, system = NaN, kibibytes = NaN] = (yield* fs.readFileString(file)).trim().split(" ").map(Number)
    const usage: Usage = { wall, cpu: user + system, peakRss: kibibytes * 1024 }
    return usage
  },
  Effect.scoped
)

const Printed = Schema.parseJson(Schema.Struct({ wall: Schema.Number, cpu: Schema.Number, peakRss: Schema.Number }))

/** Of a command that prints its own usage. */
export const printed = Effect.fnUntraced(function*(
  [command]: ReadonlyArray<Command>,
  env: Readonly<Record<string, string>>
) {
  const [program, ...args] = command ?? ["none"]
  return yield* Schema.decode(Printed)(text(yield* run(program, args, { env })))
})

/** The middle value; of an even number of values the mean of the two in the middle. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [below = NaN, above = NaN] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? above : (below + above) / 2
}
