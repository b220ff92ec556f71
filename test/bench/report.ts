/** The figures of a run as Markdown. */
import { type Measurement, median } from "./measure.js"

export interface ContenderResult {
  readonly name: string
  readonly version: string
  /** In the order of the rounds; run n of one contender is the neighbour in time of run n of another. */
  readonly runs: ReadonlyArray<Measurement>
}

export interface CaseResult {
  readonly name: string
  readonly title: string
  /** Ours first. */
  readonly contenders: ReadonlyArray<ContenderResult>
}

export interface Figures {
  readonly machine: { readonly processor: string; readonly cores: number; readonly platform: string }
  readonly cases: ReadonlyArray<CaseResult>
  /** Peers that are not installed. */
  readonly missing: ReadonlyArray<string>
}

/** How many times as long as ours a contender took: the median over the rounds of the ratio within the round. */
export const ratio = (ours: ContenderResult, other: ContenderResult): number =>
  median(other.runs.map(({ wall }, round) => wall / (ours.runs[round]?.wall ?? NaN)))

const seconds = (value: number): string => value.toFixed(2)

const row = (ours: ContenderResult, contender: ContenderResult): string => {
  const walls = contender.runs.map(({ wall }) => wall)
  const cells = [
    `${contender.name} ${contender.version}`,
    seconds(median(walls)),
    `${seconds(Math.min(...walls))}-${seconds(Math.max(...walls))}`,
    contender === ours ? "" : `${ratio(ours, contender).toFixed(2)}`,
    seconds(median(contender.runs.map(({ cpu }) => cpu))),
    Math.round(median(contender.runs.map(({ peakRss }) => peakRss)) / 1024 / 1024).toString()
  ]
  return `| ${cells.join(" | ")} |`
}

export const markdown = ({ cases, machine, missing }: Figures): string =>
  [
    `${machine.processor}, ${machine.cores} cores shared with both registries. Medians; each ratio is that of the`,
    "wall-clock time to our command's, taken round by round (above 1: the command is faster). The command's time has the",
    "start of Node in it, like every other's but the running program's: that one copied the same image to another registry",
    "before, and then once more with a new client and new connections, which is what was measured.",
    ...cases.flatMap(({ contenders, title }) => {
      const [ours] = contenders
      return ours === undefined ? [] : [
        "",
        `**Copy of an ${title}**, ${ours.runs.length} rounds`,
        "",
        "| | wall s | range | ratio | CPU s | peak RSS MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        ...contenders.map((contender) => row(ours, contender)),
        ...missing.map((name) => `| ${name} | not installed | | | | |`)
      ]
    })
  ].join("\n")
