/** What the README says is so: its commands are run, its programs compiled, and run where they need no network. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as esbuild from "esbuild"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import * as SampleImage from "../src/cli/sampleImage.js"
import * as NodeRegistryServer from "../src/NodeRegistryServer.js"
import * as Platform from "../src/Platform.js"
import * as RegistryServer from "../src/RegistryServer.js"
import { runLine } from "./cli/harness.js"
import { run as runScript } from "./utils/spawn.js"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (file: string) => readFileSync(join(root, file), "utf8")
const readme = read("README.md")
const { engines, peerDependencies, scripts } = JSON.parse(read("package.json"))

const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map((match) => match[1] ?? "")
const programs = blocks("ts")
const commands = blocks("sh").flatMap((block) => block.trim().split("\n"))

const folder = mkdtempSync(join(tmpdir(), "effect-oci-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** The programs as files of test/, which are there for the compiler alone. */
const diagnostics = (): ReadonlyArray<string> => {
  const config = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const virtual = new Map(programs.map((program, i) => [join(root, "test", `readme.${i + 1}.ts`), program]))
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile, readFile } = host
  host.fileExists = (file) => virtual.has(file) || fileExists(file)
  host.readFile = (file) => virtual.get(file) ?? readFile(file)
  host.getSourceFile = (file, languageVersion, ...rest) => {
    const program = virtual.get(file)
    return program === undefined
      ? getSourceFile(file, languageVersion, ...rest)
      : ts.createSourceFile(file, program, languageVersion)
  }
  const compiled = ts.createProgram([...virtual.keys()], { ...options, noUnusedLocals: false }, host)
  return [...virtual.keys()].flatMap((file) => {
    const source = compiled.getSourceFile(file)
    return [...compiled.getSyntacticDiagnostics(source), ...compiled.getSemanticDiagnostics(source)]
  }).map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`)
}

describe("README", () => {
  it("has programs that compile", () => {
    assert.isAtLeast(programs.length, 5)
    assert.deepStrictEqual(diagnostics(), [])
  }, 120_000)

  it.live("has tests of one's own code that pass", () =>
    Effect.gen(function*() {
      const tests = programs.filter((program) => program.includes("await Effect.runPromise("))
      assert.strictEqual(tests.length, 2)
      for (const contents of tests) {
        const outfile = join(folder, "test.mjs")
        yield* Effect.promise(() =>
          esbuild.build({
            stdin: { contents, resolveDir: root, loader: "ts" },
            absWorkingDir: root,
            outfile,
            bundle: true,
            platform: "node",
            format: "esm",
            // undici is CommonJS and asks for Node's own modules at run time.
            banner: {
              js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url)`
            },
            logLevel: "error"
          })
        )
        assert.deepStrictEqual(yield* runScript(outfile), { code: 0, out: "", err: "" })
      }
    }), { timeout: 60_000 })

  it("says which Node it needs", () => {
    assert.include(readme, `run on Node ${engines.node.replace(">=", "")}\nand later`)
  })

  it("installs what package.json asks for", () => {
    const install = commands.find((command) => command.startsWith("npm install"))
    for (const [name, range] of Object.entries(peerDependencies)) assert.include(install, ` ${name}@${range}`)
  })

  it("names scripts and files that are there", () => {
    const code = [...commands, ...[...readme.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "")].join("\n")
    const named = [...code.matchAll(/\bnpm (?:run )?([a-z:]+)/g)].map((match) => match[1] ?? "")
    assert.includeMembers(named, ["start", "test", "build", "bench"])
    for (const name of named) if (name !== "ci" && name !== "install") assert.property(scripts, name)
    for (const [, file = ""] of readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      assert.isTrue(existsSync(join(root, file)), file)
    }
  })

  it.scopedLive("has commands that work", () =>
    Effect.gen(function*() {
      const server = yield* RegistryServer.make()
      const { host } = yield* NodeRegistryServer.serve(server)
      const names = ["linux/amd64", "linux/arm64"]
      const sample = SampleImage.make(yield* Effect.forEach(names, (platform) => Platform.parse(platform)))
      yield* SampleImage.push(sample, yield* server.repository("library/alpine"), "3.20")

      const lines = commands.filter((command) => command.startsWith("effect-oci "))
      assert.isAtLeast(lines.length, 8)
      for (const line of lines) {
        const result = yield* runLine(line, { folder, host })
        if (line.includes(" serve ")) assert.isTrue(Option.isNone(result))
        else {
          const { code, err, out } = yield* result
          assert.deepStrictEqual({ line, code, err }, { line, code: 0, err: "" })
          assert.notStrictEqual(out, "")
        }
      }
    }), { timeout: 60_000 })
})
