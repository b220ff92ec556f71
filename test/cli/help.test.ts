/** The help: what it holds, that it fits a terminal, and that its lines can be pasted. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pages } from "../../src/cli/pages.js"
import { cli, push, registry, runLine } from "./harness.js"

const folder = mkdtempSync(join(tmpdir(), "effect-oci-"))
afterAll(() => rmSync(folder, { recursive: true }))

const help = (...args: ReadonlyArray<string>) =>
  Effect.map(cli(args), ({ code, err, out }) => {
    assert.deepStrictEqual({ args, code, err }, { args, code: 0, err: "" })
    return out
  })

/** The lines of a section, without their indentation. */
const section = (page: string, title: string): ReadonlyArray<string> =>
  (new RegExp(`^${title}\\n((?:  .*\\n?|\\n(?=  ))+)`, "m").exec(page)?.[1] ?? "").split("\n")
    .map((line) => line.slice(2)).filter((line) => line !== "")

describe("effect-oci --help", () => {
  it.effect("lists the commands, each in a sentence, without arguments too", () =>
    Effect.gen(function*() {
      const root = yield* help("--help")
      assert.strictEqual(yield* help(), root)
      const named = section(root, "COMMANDS").filter((line) => !line.startsWith(" ")).map((line) =>
        line.split(/  +/)[0]
      )
      assert.deepStrictEqual(named, pages.map(({ path }) => path))
      assert.match(root, /^effect-oci \d+\.\d+\.\d+: /)
      assert.deepStrictEqual(section(root, "EXAMPLES").length, pages.length)
      const group = yield* help("index")
      assert.strictEqual(yield* help("index", "--help"), group)
      assert.match(section(group, "COMMANDS").join("\n"), /^index create +Make an index/)
    }))

  it.effect("has a page for every command, which can be read and pasted", () =>
    Effect.gen(function*() {
      const commands = yield* cli(["--completions", "fish"])
      for (const { path } of pages) {
        assert.include(commands.out, `"${path.split(" ")[0]}"`)
        const page = yield* help(...path.split(" "), "--help")
        assert.strictEqual(yield* help(...path.split(" "), "some/image", "-h"), page)
        const [usage = "", description = ""] = section(page, "USAGE")
        assert.match(usage, new RegExp(`^effect-oci ${path} ([A-Z=.]+ )*\\[OPTIONS\\]$`))
        assert.match(description, /^[A-Z]/)
        assert.isNotEmpty(section(page, "EXAMPLES"))
        // A term and what it means, a long term alone, or more of what it means.
        const row = /^(\S+( \S+)? {2,}\S|\S+ \S+$| {3,}\S)/
        for (const line of [...section(page, "ARGUMENTS"), ...section(page, "OPTIONS")]) assert.match(line, row)
        assert.notMatch(page, /user-defined|A true or false value|This setting|undefined|\[object/)
        const codes = section(page, "EXIT CODES").map((line) => line.split(" ")[0])
        assert.deepStrictEqual(codes, ["0", "1", "2", "130"])
      }
    }))

  it.effect("fits a hundred columns", () =>
    Effect.gen(function*() {
      for (const path of [[], ["index"], ...pages.map(({ path }) => path.split(" "))]) {
        for (const line of (yield* help(...path, "--help")).split("\n")) assert.isAtMost(line.length, 100, line)
      }
    }))

  it.effect("says what copy and sync can be told", () =>
    Effect.gen(function*() {
      const copy = yield* help("copy", "--help")
      for (const word of ["SRC", "DST...", "--platform PLATFORM", "--plain-http HOST", "EFFECT_OCI_SRC_PASSWORD"]) {
        assert.include(copy, word)
      }
      assert.include(copy, "--if-exists overwrite|skip|fail")
      assert.include(copy, "--non-distributable auto|copy|skip")
      const sync = (yield* help("sync", "--help")).replaceAll(/\s+/g, " ")
      for (const words of ["1.2.3-alpine", "either of them", "as the copies end"]) assert.include(sync, words)
    }))

  it.scopedLive("has examples that work", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      yield* push(server, "library/alpine", "3.20")
      for (const line of pages.flatMap(({ examples }) => examples)) {
        const result = Option.map(yield* runLine(line, { folder, host }), ({ code }) => code)
        assert.deepStrictEqual({ line, result }, {
          line,
          result: line.includes(" serve ") ? Option.none() : Option.some(0)
        })
      }
    }), { timeout: 60_000 })
})
