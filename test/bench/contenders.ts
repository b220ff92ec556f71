/** Who is measured: our command, programs of ours, and the programs that show what Node and what Go can do. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bundle } from "../real/bundle.js"
import { run, text } from "../real/run.js"
import { find } from "../real/tools.js"
import type { CaseName } from "./options.js"

export interface Copy {
  readonly source: string
  readonly destination: string
}

export type Job =
  /** `warm` is a copy like it, for a program that is to have done one before. */
  | { readonly kind: "copy"; readonly copy: Copy; readonly warm?: Copy }
  | { readonly kind: "digest"; readonly image: string }
  | { readonly kind: "copies"; readonly copies: ReadonlyArray<Copy> }
  | { readonly kind: "fanOut"; readonly source: string; readonly destinations: ReadonlyArray<string> }

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: ReadonlyArray<string>]

export interface Contender {
  readonly name: string
  readonly version: string
  /** What does the job, one command after another; none when it is no job for it. */
  readonly commands: (job: Job) => ReadonlyArray<Command>
  /** The cases it takes part in, if not in all. */
  readonly cases?: ReadonlyArray<CaseName>
  /** Whether it copies twice, and prints what the second copy took. */
  readonly twice?: boolean
}

const each = (job: Job, copy: (copy: Copy) => Command): ReadonlyArray<Command> => {
  switch (job.kind) {
    case "copy":
      return [copy(job.copy)]
    case "copies":
      return job.copies.map(copy)
    case "fanOut":
      return job.destinations.map((destination) => copy({ source: job.source, destination }))
    case "digest":
      return []
  }
}

/** For a tool with a command that copies one image and one that prints a digest. */
export const commands =
  (copy: (copy: Copy) => Command, digest: (image: string) => Command): Contender["commands"] => (job) =>
    job.kind === "digest" ? [digest(job.image)] : each(job, copy)

export const ourName = "effect-oci"
export const runningName = "effect-oci, the second copy of a running program"
export const indexFloorName = "floor: undici alone, the second copy of a running program"
export const floorName = "floor: undici alone, GET to sha256 to PUT"

const node = `Node ${process.versions.node}`
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))

const script = (name: string) => bundle(fileURLToPath(new URL(name, import.meta.url)))

export const ours = Effect.map(run(process.execPath, [main, "--version"]), (output): Contender => {
  const call = commands(
    ({ destination, source }) => [process.execPath, main, "copy", source, destination],
    (image) => [process.execPath, main, "digest", image]
  )
  return {
    name: ourName,
    version: `${text(output).trim()} (${node})`,
    // Of many copies and of many destinations the program below is what one would use.
    commands: (job) => job.kind === "copies" || job.kind === "fanOut" ? [] : call(job)
  }
})

const second = (name: string, file: string): Omit<Contender, "cases"> => ({
  name,
  version: node,
  commands: (job) =>
    job.kind !== "copy" || job.warm === undefined ? [] : [[
      process.execPath,
      file,
      job.warm.source,
      job.warm.destination,
      job.copy.source,
      job.copy.destination
    ]],
  twice: true
})

/** The client in a program that has copied once before. */
export const running = Effect.map(script("running.ts"), (file): Contender => ({
  ...second(runningName, file),
  // Of a large image warm code is little, and the disk is still busy with the first copy.
  cases: ["slow-index", "slow-again", "small", "shipped"]
}))

/** One program with one client for many copies. */
export const batch = Effect.map(script("batch.ts"), (file): Contender => ({
  name: "effect-oci, one program",
  version: node,
  commands: (job) =>
    job.kind !== "copies" ? [] : [[
      process.execPath,
      file,
      ...job.copies.flatMap(({ destination, source }) => [source, destination])
    ]]
}))

/** One program with one client for many destinations. */
export const fanOut = Effect.map(script("fanOut.ts"), (file): Contender => ({
  name: "effect-oci, one program",
  version: node,
  commands: (job) => job.kind !== "fanOut" ? [] : [[process.execPath, file, job.source, ...job.destinations]]
}))

/** What Node itself takes. */
export const floor = Effect.map(script("floor.ts"), (file): Contender => ({
  name: floorName,
  version: node,
  commands: (job) => each(job, ({ destination, source }) => [process.execPath, file, source, destination]),
  cases: ["large"]
}))

/** What Node itself takes for an index in a program that has copied once before. */
export const indexFloor = Effect.map(script("floorIndex.ts"), (file): Contender => ({
  ...second(indexFloorName, file),
  cases: ["slow-index", "small"]
}))

const asset = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** One program of go-containerregistry for many copies; a sentence when it cannot be had. */
export const goProgram = Effect.gen(function*() {
  const go = find("go")
  if (go === undefined) return "no Go here"
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-go-" })
  yield* fs.copyFile(asset("ggcr.go.txt"), join(folder, "main.go"))
  yield* fs.copyFile(asset("ggcr.mod.txt"), join(folder, "go.mod"))
  const program = join(folder, "ggcr")
  // The sums are those of the modules that Go fetches now: there is no go.sum to hold them against.
  yield* run(go, ["build", "-mod=mod", "-o", program, "."], { cwd: folder })
  const modules = yield* run(go, ["list", "-m", "github.com/google/go-containerregistry"], { cwd: folder })
  const contender: Contender = {
    name: "go-containerregistry, one program",
    version: text(modules).trim().split(" ").at(-1) ?? "",
    commands: (job) =>
      job.kind !== "copies" ? [] : [[
        program,
        ...job.copies.flatMap(({ destination, source }) => [source, destination])
      ]]
  }
  return contender
}).pipe(Effect.catchTag("ProgramFailed", ({ stderr }) => Effect.succeed(`does not build: ${stderr.split("\n")[0]}`)))
