/** A `describe` that skips visibly, under a name that says what is missing; `test/reporter.ts` repeats it at the end. */
import { describe } from "@effect/vitest"
import { optionalMark } from "../reporter.js"
import { find } from "./tools.js"

export interface Needs {
  readonly tools?: ReadonlyArray<string>
  /** Why something else that the suite needs is not there. */
  readonly lacks?: string | undefined
  /** Not a failure under REQUIRE_REGISTRIES=1. */
  readonly optional?: boolean
}

export const suite = (name: string, needs: Needs, body: () => void): void => {
  const lacks = [
    ...(needs.tools ?? []).filter((tool) => find(tool) === undefined).map((tool) => `no ${tool} on the PATH`),
    ...(needs.lacks === undefined ? [] : [needs.lacks])
  ]
  if (lacks.length === 0) return void describe(name, body)
  describe.skip(`${name} ${needs.optional === true ? optionalMark : "["}skipped: ${lacks.join("; ")}]`, body)
}
