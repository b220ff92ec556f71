/** What `npm run bench` can be told. */
import { parseArgs } from "node:util"

export const usage = `npm run bench -- [options]

  --json FILE          write all figures to FILE as JSON
  --cases LIST         of: large, index, small (all by default)
  --peers LIST         of: skopeo, crane (both by default)
  --large-size MIB     size of the large layer (1024 by default)
  --large-runs N       rounds of the large case (3 by default)
  --index-runs N       rounds of the index and small cases (5 by default)
  --no-build           measure the dist/ that is there
  --help

Needs docker-registry and GNU time; a peer is looked for on the PATH or under SKOPEO=FILE, CRANE=FILE.
`

export type CaseName = "large" | "index" | "small"
export type PeerName = "skopeo" | "crane"

export interface Options {
  readonly json: string | undefined
  readonly cases: ReadonlyArray<CaseName>
  readonly peers: ReadonlyArray<PeerName>
  /** In bytes. */
  readonly largeSize: number
  readonly runs: Readonly<Record<CaseName, number>>
  readonly build: boolean
}

const isCase = (name: string): name is CaseName => name === "large" || name === "index" || name === "small"
const isPeer = (name: string): name is PeerName => name === "skopeo" || name === "crane"

const list = <A extends string>(option: string, value: string, is: (name: string) => name is A): ReadonlyArray<A> =>
  value.split(",").filter((name) => name !== "").map((name) => {
    if (!is(name)) throw new Error(`--${option}: unknown ${JSON.stringify(name)}`)
    return name
  })

const count = (option: string, value: string): number => {
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new Error(`--${option}: ${value} is not a whole number above 0`)
  }
  return number
}

/** Throws an `Error` whose message is for the person; `undefined` when only help was asked for. */
export const parse = (args: ReadonlyArray<string>): Options | undefined => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "string" },
      cases: { type: "string", default: "large,index,small" },
      peers: { type: "string", default: "skopeo,crane" },
      "large-size": { type: "string", default: "1024" },
      "large-runs": { type: "string", default: "3" },
      "index-runs": { type: "string", default: "5" },
      "no-build": { type: "boolean", default: false },
      help: { type: "boolean", default: false }
    }
  })
  if (values.help) return undefined
  return {
    json: values.json,
    cases: list("cases", values.cases, isCase),
    peers: list("peers", values.peers, isPeer),
    largeSize: count("large-size", values["large-size"]) * 1024 * 1024,
    runs: {
      large: count("large-runs", values["large-runs"]),
      index: count("index-runs", values["index-runs"]),
      small: count("index-runs", values["index-runs"])
    },
    build: !values["no-build"]
  }
}
