/**
 * What a suite needs besides node: programs on the PATH, packages of Debian. A suite that lacks something is skipped
 * under a name that says what, and `test/reporter.ts` repeats it at the end of the run.
 */
import { describe } from "@effect/vitest"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { optionalMark } from "../reporter.js"

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The file of a program: what the environment variable of its name says (CRANE=…), else the first one on the PATH. */
export const find = (tool: string): string | undefined => {
  const named = process.env[tool.toUpperCase().replaceAll("-", "_")]
  if (named !== undefined && named !== "" && isExecutable(named)) return named
  return (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")
    .map((folder) => join(folder, tool)).find(isExecutable)
}

export interface Needs {
  readonly tools?: ReadonlyArray<string>
  /** Why something else that the suite needs is not there. */
  readonly lacks?: string | undefined
  /** Not a failure under REQUIRE_REGISTRIES=1. */
  readonly optional?: boolean
}

/** A `describe` that skips visibly. */
export const suite = (name: string, needs: Needs, body: () => void): void => {
  const lacks = [
    ...(needs.tools ?? []).filter((tool) => find(tool) === undefined).map((tool) => `no ${tool} on the PATH`),
    ...(needs.lacks === undefined ? [] : [needs.lacks])
  ]
  if (lacks.length === 0) return void describe(name, body)
  describe.skip(`${name} ${needs.optional === true ? optionalMark : "["}skipped: ${lacks.join("; ")}]`, body)
}
