/**
 * Says at the end of a run what was skipped and why, and puts the outcome into one plain last line. Under
 * REQUIRE_REGISTRIES=1 a run that skipped anything (but what is marked as optional) has failed.
 */
import { relative } from "node:path"
import type { Reporter } from "vitest/reporters"

// By way of the reporter's own type: "vitest/node" wants declarations that are not installed.
type Arguments = Parameters<NonNullable<Reporter["onTestRunEnd"]>>
type Modules = Arguments[0]
type Errors = Arguments[1]
type TestCase = Modules[number]["children"] extends { allTests: () => Iterable<infer Test> } ? Test : never

/** How a suite's name says that what it lacks need not be there, even under REQUIRE_REGISTRIES=1. */
export const optionalMark = "[optional, "

export interface Outcome {
  readonly passed: number
  readonly failed: number
  /** Tests that did not run, by the place where they were skipped, in the order of the files. */
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly tests: number; readonly optional: boolean }>
}

/** The outermost skipped suite of a test, whose name has the reason; else the test itself. */
const skippedAt = (test: TestCase): string => {
  let name = test.fullName
  let parent = test.parent
  while (parent.type === "suite") {
    if (parent.options.mode === "skip" || parent.options.mode === "todo") name = parent.fullName
    parent = parent.parent
  }
  const result = test.result()
  const note = result.state === "skipped" && result.note !== undefined ? `: ${result.note}` : ""
  return `${relative(process.cwd(), test.module.moduleId)} > ${name}${note}`
}

export const summarize = (modules: Modules, errors: Errors): Outcome => {
  let passed = 0
  let failed = errors.length
  const skipped = new Map<string, number>()
  for (const module of modules) {
    // A file that could not be loaded has no failed test to be counted by.
    failed += module.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === "passed") passed++
      else if (state === "failed") failed++
      else skipped.set(skippedAt(test), (skipped.get(skippedAt(test)) ?? 0) + 1)
    }
  }
  return {
    passed,
    failed,
    skipped: Array.from(skipped, ([name, tests]) => ({ name, tests, optional: name.includes(optionalMark) }))
  }
}

/** The lines to print and whether the run has to fail for what it skipped. */
export const report = (
  outcome: Outcome,
  required: boolean
): { readonly lines: ReadonlyArray<string>; readonly refused: boolean } => {
  const refused = required && outcome.skipped.some((skip) => !skip.optional)
  const total = outcome.skipped.reduce((sum, skip) => sum + skip.tests, 0)
  return {
    refused,
    lines: [
      ...(outcome.skipped.length === 0 ? [] : ["", "Skipped:"]),
      ...outcome.skipped.map(({ name, tests }) => `  ${name} (${tests === 1 ? "1 test" : `${tests} tests`})`),
      ...(refused ? ["REQUIRE_REGISTRIES is set and tests were skipped: this run has failed."] : []),
      "",
      `${outcome.passed} passed, ${outcome.failed} failed, ${total} skipped`
    ]
  }
}

export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: Modules, errors: Errors): void {
    const { lines, refused } = report(summarize(modules, errors), process.env["REQUIRE_REGISTRIES"] === "1")
    if (refused) process.exitCode = 1
    // At exit, so that nothing comes behind it.
    process.once("exit", () => process.stdout.write(`${lines.join("\n")}\n`))
  }
}
