/** The command's output into pipes that nobody reads, and to where nothing can be written. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { execFileSync, spawn } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { push, registry } from "./harness.js"

const folder = mkdtempSync(join(tmpdir(), "effect-oci-"))
const main = join(folder, "bin", "main.js")
const time = { timeout: 240_000 }

beforeAll(() => {
  execFileSync(process.execPath, ["src/cli/bundle.mjs", join(folder, "bin")], { stdio: "pipe" })
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true }))

/** Where an output goes: to this test, into a pipe that is closed, or to a device that is full. */
type Sink = "read" | "closed" | "full"

/** Runs the bundled command; an output that is not read is empty. */
const run = (args: ReadonlyArray<string>, sinks: { readonly out: Sink; readonly err: Sink }) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const full = openSync("/dev/full", "w")
      const [out, err] = ([sinks.out, sinks.err] as const).map((sink) => sink === "full" ? full : "pipe")
      return { full, child: spawn(process.execPath, [main, ...args], { stdio: ["ignore", out, err] }) }
    }),
    ({ child }) =>
      Effect.async<{ readonly code: number | null; readonly out: string; readonly err: string }>((resume) => {
        const texts = { out: "", err: "" }
        for (const [name, stream] of [["out", child.stdout], ["err", child.stderr]] as const) {
          if (sinks[name] === "closed") stream?.destroy()
          stream?.setEncoding("utf8").on("data", (text: string) => (texts[name] += text))
        }
        child.on("close", (code) => resume(Effect.succeed({ code, ...texts })))
      }),
    ({ child, full }) =>
      Effect.sync(() => {
        child.kill("SIGKILL")
        closeSync(full)
      })
  )

/** Every command, with several lines to print where it has them, and a line of what it does at the destination. */
const setting = Effect.gen(function*() {
  const { host, server } = yield* registry()
  for (const tag of ["1.0", "1.1", "1.2"]) yield* push(server, "app", tag)
  const image = `${host}/app:1.0`
  const commands = [
    ["--help"],
    ["--version"],
    ["--completions", "bash"],
    ["digest", image],
    ["exists", image],
    ["platforms", image],
    ["tags", `${host}/app`],
    ["referrers", image],
    ["copy", image, `${host}/one:1.0`],
    ["copy", image, `${host}/two:1.0`, `${host}/two:1.1`],
    ["copy", "--dry-run", image, `${host}/three:1.0`],
    ["index", "create", `${host}/list:1.0`, `linux/amd64=${image}`],
    ["sync", `${host}/app`, `${host}/mirror`]
  ]
  return { commands, host, server }
})

describe("what the command writes", () => {
  it.scopedLive(
    "into a closed pipe is left out: the work is done, and ends as it would have",
    () =>
      Effect.gen(function*() {
        const { commands, server } = yield* setting
        for (const args of commands) {
          const { code, err } = yield* run(args, { out: "closed", err: "read" })
          const expected = args[0] === "sync" ? /^tags: 3 copied \([^\n]*\n$/ : /^$/
          assert.deepStrictEqual({ args, code }, { args, code: 0 })
          assert.match(err, expected, args.join(" "))
        }
        const mirror = yield* server.repository("mirror")
        assert.sameMembers([...(yield* Stream.runCollect(mirror.tags))], ["1.0", "1.1", "1.2"])
        const failed = yield* run(["copy", "--quiet", "127.0.0.1:1/a:1", "127.0.0.1:1/b:1"], {
          out: "closed",
          err: "read"
        })
        assert.strictEqual(failed.code, 1)
      }),
    time
  )

  it.scopedLive("to a full device is a failure that is told", () =>
    Effect.gen(function*() {
      const { commands } = yield* setting
      for (const args of [...commands, ["serve", "--port", "0"]]) {
        if (args[0] === "referrers") continue // There are none, so nothing is written.
        const { code, err } = yield* run(args, { out: "full", err: "read" })
        assert.deepStrictEqual({ args, code, err }, {
          args,
          code: 1,
          err: "standard output could not be written: ENOSPC\n"
        })
      }
    }), time)

  it.scopedLive("to standard error is lost where it cannot be written", () =>
    Effect.gen(function*() {
      const { host } = yield* setting
      for (const err of ["closed", "full"] as const) {
        const synced = yield* run(["sync", `${host}/app`, `${host}/mirror-${err}`], { out: "read", err })
        assert.deepStrictEqual({ code: synced.code, lines: synced.out.trim().split("\n").length }, {
          code: 0,
          lines: 3
        })
        const codes = [
          yield* run(["digest", `${host}/app:absent`], { out: "read", err }),
          yield* run(["digest", "127.0.0.1:1/app:1.0"], { out: "read", err }),
          yield* run(["digest"], { out: "read", err }),
          yield* run(["digest", `${host}/app:1.0`], { out: "full", err: "full" })
        ].map(({ code }) => code)
        assert.deepStrictEqual(codes, [1, 1, 2, 1])
      }
    }), time)

  it.scopedLive("is cut short by head without a word", () =>
    Effect.gen(function*() {
      const { host } = yield* setting
      for (const args of [["tags", `${host}/app`], ["sync", "--quiet", `${host}/app`, `${host}/mirror`]]) {
        const { stdout } = yield* Effect.promise(() =>
          new Promise<{ readonly stdout: string }>((resolve, reject) => {
            const script = `"$0" "$@" 2>&1 | head -n 1; echo "\${PIPESTATUS[0]}"`
            const child = spawn("bash", ["-c", script, process.execPath, main, ...args], {
              stdio: ["ignore", "pipe", "inherit"]
            })
            let stdout = ""
            child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
            child.on("error", reject).on("close", () => resolve({ stdout }))
          })
        )
        assert.match(stdout, /^1\.[012]\b[^\n]*\n0\n$/)
      }
    }), time)
})
