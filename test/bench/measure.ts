/** Runs a program under GNU time, or one that measures itself. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { run, text } from "../real/run.js"

export interface Measurement {
  /** Wall-clock seconds. */
  readonly wall: number
  /** Seconds of processor time, user and system. */
  readonly cpu: number
  /** Most resident memory, in bytes. */
  readonly peakRss: number
}

export const measure = Effect.fnUntraced(
  function*(program: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.makeTempFileScoped({ prefix: "effect-oci-time-" })
    const start = process.hrtime.bigint()
    yield* run("time", ["--quiet", "--format=%U %S %M", `--output=${file}`, program, ...args], { env })
    // By our own clock: that of GNU time has steps of 10 ms, a tenth of a small copy.
    const wall = Number(process.hrtime.bigint() - start) / 1e9
    const [user = NaN, system = NaN, kibibytes = NaN] = (yield* fs.readFileString(file)).trim().split(" ").map(Number)
    const measurement: Measurement = { wall, cpu: user + system, peakRss: kibibytes * 1024 }
    return measurement
  },
  Effect.scoped
)

const Printed = Schema.parseJson(Schema.Struct({ wall: Schema.Number, cpu: Schema.Number, peakRss: Schema.Number }))

/** Runs a program that prints a measurement. */
export const measured = (program: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Effect.flatMap(run(program, args, { env }), (output) => Schema.decode(Printed)(text(output)))

/** The middle value; of an even number of values the mean of the two in the middle. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [below = NaN, above = NaN] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? above : (below + above) / 2
}
