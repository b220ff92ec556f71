/** Scripts as processes. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/**
 * Starts Node on a script, one of TypeScript by way of tsx; it is killed with the scope. `line` waits for the first
 * whole line on standard output, `end` for the end.
 */
export const start = (
  script: string,
  args: ReadonlyArray<string> = [],
  environment: Readonly<Record<string, string>> = {}
) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [...(script.endsWith(".ts") ? ["--import", "tsx"] : []), script, ...args], {
          cwd: root,
          env: { ...process.env, ...environment },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) => {
      let out = ""
      let err = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
      child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text))
      const ended = new Promise<Finished>((resolve) => child.on("close", (code) => resolve({ code, out, err })))
      return {
        end: Effect.promise(() => ended),
        kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)),
        line: Effect.suspend(() =>
          out.includes("\n")
            ? Effect.succeed(out.slice(0, out.indexOf("\n")))
            : Effect.fail(`${script} has printed no line; on standard error: ${err}`)
        ).pipe(
          Effect.retry({ until: () => child.exitCode !== null, schedule: Schedule.spaced("20 millis") })
        )
      }
    }
  )

/** Runs it to its end. */
export const run = (...args: Parameters<typeof start>) =>
  Effect.scoped(Effect.flatMap(start(...args), ({ end }) => end))
