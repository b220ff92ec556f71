/** What ours is to reach, and whether it did. */
import { floorName, ourName, runningName } from "./contenders.js"
import type { CaseName } from "./options.js"
import * as Requests from "./requests.js"
import { type CaseResult, type ContenderResult, figure, ratio, requests, type Run } from "./results.js"

export interface Goal {
  readonly case: string
  readonly contender: string
  readonly what: string
  readonly limit: number
  /** Whether the limit is the most, and not the least. */
  readonly most: boolean
  readonly measured: number
  readonly met: boolean
  /** Whether it is a count, the same on every machine. */
  readonly exact: boolean
}

const MiB = 1024 * 1024

const budgets: Partial<Record<CaseName, number>> = { image: 36, index: 88, again: 6, mount: 13, retag: 6, digest: 3 }

/** Of crane's time from the first request to the end of the last. */
const spans: Partial<Record<CaseName, number>> = { "slow-index": 0.45, "slow-again": 0.7 }

const most = (values: ReadonlyArray<number>): number => Math.max(...values)

export const goals = (it: CaseResult): ReadonlyArray<Goal> => {
  const find = (name: string): ContenderResult | undefined =>
    it.contenders.find((contender) => contender.name === name && contender.runs.length > 0)
  const found: Array<Goal> = []
  const goal = (
    contender: ContenderResult,
    what: string,
    bound: "at most" | "at least",
    limit: number,
    measured: number,
    exact = false
  ) => {
    const met = bound === "at most" ? measured <= limit : measured >= limit
    found.push({
      case: it.title,
      contender: contender.name,
      what,
      limit,
      most: bound === "at most",
      measured,
      met,
      exact
    })
  }

  const ours = find(ourName)
  const crane = find("crane")
  const budget = budgets[it.name]
  if (ours !== undefined && budget !== undefined) {
    goal(ours, "requests", "at most", budget, most(ours.runs.map(requests)), true)
  }
  if (ours !== undefined && it.name === "missing") {
    const traffic = ours.runs.map(({ traffic }) => traffic)
    goal(ours, "requests to the source", "at most", 3, most(traffic.map(({ source }) => Requests.total(source))), true)
    goal(
      ours,
      "writes to the destination",
      "at most",
      0,
      most(traffic.map((one) => Requests.writes(one.destination))),
      true
    )
  }
  const span = spans[it.name]
  if (crane !== undefined && span !== undefined) {
    for (const one of [ours, find(runningName)].filter((one) => one !== undefined)) {
      goal(one, "time to crane's", "at most", span, ratio(crane, one, (run) => figure("span", run)))
    }
  }
  if (ours !== undefined && (it.name === "large" || it.name === "layers")) {
    const floor = find(floorName)
    if (crane !== undefined) {
      goal(ours, "wall time to crane's", "at most", 1, ratio(crane, ours, ({ wall }) => wall))
      goal(ours, "CPU time to crane's", "at most", 1, ratio(crane, ours, ({ cpu }) => cpu))
    }
    goal(ours, "peak RSS in MiB", "at most", 250, most(ours.runs.map(({ peakRss }) => peakRss)) / MiB)
    if (floor !== undefined) {
      goal(ours, "rate to the floor's", "at least", 0.9, ratio(ours, floor, ({ wall }) => wall))
    }
  }
  const program = it.name === "three" ? it.contenders.find(({ runs }) => runs.length > 0) : undefined
  const reads = (run: Run): number => run.traffic.source["GET blob"] ?? 0
  if (program !== undefined) {
    goal(program, "reads of blobs, 13 in all", "at most", 13, most(program.runs.map(reads)), true)
  }
  return found
}
