/** What `npm run bench` can be told. */
import { parseArgs } from "node:util"

const groups = {
  counts: ["image", "index", "again", "mount", "retag", "digest", "missing"],
  latency: ["slow-index", "slow-again"],
  throughput: ["small", "shipped", "large", "layers"],
  programs: ["many", "three"]
} as const

export type GroupName = keyof typeof groups
export type CaseName = (typeof groups)[GroupName][number]

const peers = ["crane", "skopeo", "regctl", "oras"] as const

export type PeerName = (typeof peers)[number]

const caseNames: ReadonlyArray<CaseName> = Object.values(groups).flat()

const groupLines = Object.entries(groups).map(([group, names]) =>
  `                       ${group}: ${names.join(", ")}`
)

export const usage = `npm run bench -- [options]

  --cases LIST         cases, or groups of them (all by default):
${groupLines.join("\n")}
  --peers LIST         of: ${peers.join(", ")} (all by default); "none" for none
  --rounds N           rounds of the latency, small and shipped cases (5 by default)
  --delay MS           what the latency cases add to every request (20 by default)
  --large-size LIST    sizes in MiB of the one layer of the large case, a run each (1024 by default)
  --layers NxMIB       layers of the layers case, and the size of each (16x64 by default)
  --large-rounds N     rounds of the large, layers, many and three cases (3 by default)
  --images N           images of the many case (200 by default)
  --json FILE          write all figures to FILE as JSON
  --log                put every request that a proxy saw into the JSON
  --check              end with 1 when ours sends more requests than it may, or does not finish
  --no-build           measure the dist/ that is there
  --help

Quick: --cases counts. All of memory: --cases large,layers --large-size 1024,3072,8192 --layers 50x64.
Needs docker-registry and GNU time. A peer is looked for on the PATH, or under the variable of its name in capitals
(CRANE=FILE); go, for the program on go-containerregistry in the many case, likewise.
`

export interface Options {
  readonly cases: ReadonlyArray<CaseName>
  readonly peers: ReadonlyArray<PeerName>
  readonly rounds: number
  /** In milliseconds. */
  readonly delay: number
  /** In bytes. */
  readonly largeSizes: ReadonlyArray<number>
  readonly layers: { readonly count: number; readonly size: number }
  readonly largeRounds: number
  readonly images: number
  readonly json: string | undefined
  readonly log: boolean
  readonly check: boolean
  readonly build: boolean
}

const MiB = 1024 * 1024

const unknown = (option: string, name: string): never => {
  throw new Error(`--${option}: unknown ${JSON.stringify(name)}`)
}

const words = (value: string): ReadonlyArray<string> => value.split(",").filter((word) => word !== "")

const isGroup = (name: string): name is GroupName => Object.hasOwn(groups, name)

/** In the order of the table, each once. */
const readCases = (value: string): ReadonlyArray<CaseName> => {
  const asked = new Set(
    words(value).flatMap((name): ReadonlyArray<CaseName> => {
      if (isGroup(name)) return groups[name]
      return [caseNames.find((known) => known === name) ?? unknown("cases", name)]
    })
  )
  return caseNames.filter((name) => asked.has(name))
}

const readPeers = (value: string): ReadonlyArray<PeerName> =>
  value === "none" ? [] : words(value).map((name) => peers.find((known) => known === name) ?? unknown("peers", name))

const count = (option: string, value: string): number => {
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new Error(`--${option}: ${value} is not a whole number above 0`)
  }
  return number
}

const readLayers = (value: string): Options["layers"] => {
  const [number = "", size = "", ...rest] = value.split("x")
  if (rest.length > 0) throw new Error(`--layers: ${value} is not of the form 16x64`)
  return { count: count("layers", number), size: count("layers", size) * MiB }
}

/** Throws an `Error` whose message is for the person; `undefined` when only help was asked for. */
export const parse = (args: ReadonlyArray<string>): Options | undefined => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cases: { type: "string", default: caseNames.join(",") },
      peers: { type: "string", default: peers.join(",") },
      rounds: { type: "string", default: "5" },
      delay: { type: "string", default: "20" },
      "large-size": { type: "string", default: "1024" },
      layers: { type: "string", default: "16x64" },
      "large-rounds": { type: "string", default: "3" },
      images: { type: "string", default: "200" },
      json: { type: "string" },
      log: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      "no-build": { type: "boolean", default: false },
      help: { type: "boolean", default: false }
    }
  })
  if (values.help) return undefined
  return {
    cases: readCases(values.cases),
    peers: readPeers(values.peers),
    rounds: count("rounds", values.rounds),
    delay: count("delay", values.delay),
    largeSizes: words(values["large-size"]).map((size) => count("large-size", size) * MiB),
    layers: readLayers(values.layers),
    largeRounds: count("large-rounds", values["large-rounds"]),
    images: count("images", values.images),
    json: values.json,
    log: values.log,
    check: values.check,
    build: !values["no-build"]
  }
}
