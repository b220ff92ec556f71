/** Who copies: our command and its peers, each as a user would call it. */
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { run, text } from "../real/run.js"
import { find } from "../real/tools.js"
import type { PeerName } from "./options.js"

export interface Contender {
  readonly name: "effect-oci" | PeerName
  readonly version: string
  readonly program: string
  readonly args: (source: string, destination: string) => ReadonlyArray<string>
}

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))

export const ours = Effect.map(run(process.execPath, [main, "--version"]), (output): Contender => ({
  name: "effect-oci",
  version: `${text(output).trim()} (Node ${process.versions.node})`,
  program: process.execPath,
  args: (source, destination) => [main, "copy", source, destination]
}))

const peers: Readonly<
  Record<PeerName, { readonly version: ReadonlyArray<string>; readonly args: Contender["args"] }>
> = {
  skopeo: {
    version: ["--version"],
    args: (source, destination) => [
      "--insecure-policy",
      "copy",
      "--all",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${source}`,
      `docker://${destination}`
    ]
  },
  crane: { version: ["version"], args: (source, destination) => ["copy", source, destination] }
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
