/** The figures of a run as Markdown. */
import type { Goal } from "./goals.js"
import { median } from "./measure.js"
import * as Requests from "./requests.js"
import { type CaseResult, type ContenderResult, figure, ratio, requests } from "./results.js"

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly platform: string
  readonly node: string
  /** As it names itself. */
  readonly registry: string
}

export interface Figures {
  readonly machine: Machine
  readonly cases: ReadonlyArray<CaseResult>
  readonly goals: ReadonlyArray<Goal>
  /** Peers that are not installed. */
  readonly missing: ReadonlyArray<string>
  /** Why something was left out. */
  readonly notes: ReadonlyArray<string>
}

const explanation = [
  "Each round runs every tool once, in turn, after a first round that is not counted (counts: one round). Medians; the",
  "ratio is that of the tool's figure to the base's within a round, below 1 where it takes less. The base is crane, else",
  "the first peer there is. Wall time is that of whole processes, the start of Node in it; a running program's is that of",
  "its second copy, by a new client over new connections. CPU is user and system; RSS is the most of one process.",
  "Requests include tokens and challenges; where there is a span, it is from the first request to the end of the last, and",
  "source and destination are behind proxies that demand anonymous bearer tokens. Everything shares the cores named."
]

const seconds = (value: number): string => value.toFixed(2)

const range = (values: ReadonlyArray<number>, show: (value: number) => string): string => {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return least === most ? show(least) : `${show(least)}-${show(most)}`
}

/** What the others are compared with: not one of ours. */
export const baseOf = ({ contenders }: CaseResult, peers: ReadonlyArray<string>): ContenderResult | undefined => {
  const ran = contenders.filter(({ runs }) => runs.length > 0)
  return ran.find(({ name }) => name === "crane") ?? ran.find(({ name }) => peers.includes(name))
}

const row = (it: CaseResult, base: ContenderResult | undefined, contender: ContenderResult): string => {
  const { failure, name, runs, version } = contender
  const label = `${name} ${version}`.trim()
  if (runs.length === 0) return `| ${label} | ${failure ?? "no run"} | | | | | | |`
  const walls = runs.map(({ wall }) => wall)
  const spans = runs.flatMap(({ traffic }) => traffic.span ?? [])
  const cells = [
    label,
    range(runs.map(requests), String),
    spans.length === 0 ? "" : seconds(median(spans)),
    seconds(median(walls)),
    range(walls, seconds),
    seconds(median(runs.map(({ cpu }) => cpu))),
    Math.round(median(runs.map(({ peakRss }) => peakRss)) / 1024 / 1024).toString(),
    base === undefined ? "" : ratio(base, contender, (run) => figure(it.figure, run)).toFixed(2)
  ]
  return `| ${cells.join(" | ")} |${failure === undefined ? "" : ` then: ${failure}`}`
}

/** What was asked, of both sides, in the last run of each. */
const kinds = (it: CaseResult): ReadonlyArray<string> =>
  it.contenders.flatMap(({ name, runs }) => {
    const traffic = runs.at(-1)?.traffic
    if (traffic === undefined) return []
    const sides = [["source", traffic.source], ["destination", traffic.destination]] as const
    return [
      `- ${name}: ${
        sides.filter(([, side]) => Requests.total(side) > 0).map(([side, of]) => `${side} ${Requests.words(of)}`)
          .join("; ")
      }`
    ]
  })

const table = (it: CaseResult, { missing }: Figures, peers: ReadonlyArray<string>): ReadonlyArray<string> => {
  const base = baseOf(it, peers)
  const rounds = Math.max(0, ...it.contenders.map(({ runs }) => runs.length))
  const what = { requests: "requests", span: "span", wall: "wall time" }[it.figure]
  return [
    "",
    `**${it.title}** (${it.name}), ${rounds === 1 ? "1 round" : `${rounds} rounds`}; compared by ${what}`,
    "",
    `| | requests | span s | wall s | wall range | CPU s | RSS MiB | to ${base?.name ?? "a peer"}'s |`,
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...it.contenders.map((contender) => row(it, base, contender)),
    ...missing.map((name) => `| ${name} | not installed | | | | | | |`),
    ...(it.figure === "requests" ? ["", ...kinds(it)] : [])
  ]
}

const number = (value: number): string => Number.isInteger(value) ? String(value) : value.toFixed(2)

const goalRows = (goals: ReadonlyArray<Goal>): ReadonlyArray<string> =>
  goals.length === 0 ? [] : [
    "",
    "**Goals**",
    "",
    "| case | whose | what | goal | measured | met |",
    "| --- | --- | --- | ---: | ---: | --- |",
    ...goals.map((goal) =>
      `| ${goal.case} | ${goal.contender} | ${goal.what} | ${goal.most ? "at most" : "at least"} ${goal.limit} | ${
        number(goal.measured)
      } | ${goal.met ? "yes" : "no"} |`
    )
  ]

/** `peers` are the names of those that are not ours. */
export const markdown = (figures: Figures, peers: ReadonlyArray<string>): string => {
  const { cores, node, platform, processor, registry } = figures.machine
  return [
    `${processor}, ${cores} cores, ${platform}; Node ${node}; ${registry}.`,
    ...explanation,
    ...figures.notes.map((note) => `Left out: ${note}.`),
    ...figures.cases.flatMap((it) => table(it, figures, peers)),
    ...goalRows(figures.goals)
  ].join("\n")
}
