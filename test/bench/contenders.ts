/** Who copies: our command, its peers, and two programs that show where the command's time goes. */
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { bundle } from "../real/bundle.js"
import { run, text } from "../real/run.js"
import { find } from "../real/tools.js"
import type { CaseName, PeerName } from "./options.js"

export interface Contender {
  readonly name: string
  readonly version: string
  readonly program: string
  /** What follows the source: the destination; a program that copies twice gets that of its first copy before it. */
  readonly args: (source: string, ...destinations: ReadonlyArray<string>) => ReadonlyArray<string>
  /** Whether it copies twice, and prints what the second copy took. */
  readonly twice?: boolean
  /** The cases it takes part in, if not in all. */
  readonly cases?: ReadonlyArray<CaseName>
}

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))

export const ours = Effect.map(run(process.execPath, [main, "--version"]), (output): Contender => ({
  name: "effect-oci",
  version: `${text(output).trim()} (Node ${process.versions.node})`,
  program: process.execPath,
  args: (source, ...destinations) => [main, "copy", source, ...destinations]
}))

const node = `(Node ${process.versions.node})`
const script = (name: string) => bundle(fileURLToPath(new URL(name, import.meta.url)))

/** The client in a program that has copied once before. */
export const running = Effect.map(script("running.ts"), (file): Contender => ({
  name: "effect-oci, the second copy of a running program",
  version: node,
  program: process.execPath,
  args: (source, ...destinations) => [file, source, ...destinations],
  twice: true,
  // Of a large image warm code is little, and the disk is still busy with the first copy.
  cases: ["index", "small"]
}))

/** What Node itself takes. */
export const floor = Effect.map(script("floor.ts"), (file): Contender => ({
  name: "floor: undici alone, GET to sha256 to PUT",
  version: node,
  program: process.execPath,
  args: (source, ...destinations) => [file, source, ...destinations],
  cases: ["large"]
}))

const peers: Readonly<
  Record<PeerName, { readonly version: ReadonlyArray<string>; readonly args: Contender["args"] }>
> = {
  skopeo: {
    version: ["--version"],
    args: (source, ...destinations) => [
      "--insecure-policy",
      "copy",
      "--all",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${source}`,
      ...destinations.map((destination) => `docker://${destination}`)
    ]
  },
  crane: { version: ["version"], args: (source, ...destinations) => ["copy", source, ...destinations] }
}

/** None when it is not installed. */
export const peer = Effect.fnUntraced(function*(name: PeerName) {
  const program = find(name)
  if (program === undefined) return undefined
  const output = yield* run(program, peers[name].version)
  const contender: Contender = {
    name,
    version: text(output).trim().replace(`${name} version `, ""),
    program,
    args: peers[name].args
  }
  return contender
})
