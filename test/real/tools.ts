/** Programs of the machine that tests and benchmarks run. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

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
