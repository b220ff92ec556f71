/** What was measured. */
import type { Traffic } from "./arena.js"
import type { Case } from "./cases.js"
import { median, type Usage } from "./measure.js"
import * as Requests from "./requests.js"

export interface Run extends Usage {
  readonly traffic: Traffic
}

export interface ContenderResult {
  readonly name: string
  readonly version: string
  /** In the order of the rounds; run n of one contender is the neighbour in time of run n of another. */
  readonly runs: ReadonlyArray<Run>
  /** Why it has no more runs than these. */
  readonly failure?: string
}

export interface CaseResult extends Pick<Case, "name" | "title" | "figure"> {
  /** Ours first. */
  readonly contenders: ReadonlyArray<ContenderResult>
}

export const requests = ({ traffic }: Run): number =>
  Requests.total(traffic.source) + Requests.total(traffic.destination)

/** What a run is compared by. */
export const figure = (name: CaseResult["figure"], run: Run): number => {
  switch (name) {
    case "requests":
      return requests(run)
    case "span":
      return run.traffic.span ?? NaN
    case "wall":
      return run.wall
  }
}

/** How many times the base's figure another's is: the median over the rounds of the ratio within the round. */
export const ratio = (base: ContenderResult, other: ContenderResult, of: (run: Run) => number): number =>
  median(other.runs.flatMap((run, round) => {
    const beside = base.runs[round]
    return beside === undefined ? [] : [of(run) / of(beside)]
  }))
