import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { run, text } from "./real/run.js"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Runs vitest on one file of tests in a folder of its own, with our reporter alone. */
const runTests = Effect.fnUntraced(function*(tests: string, required: boolean) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-reporter-" })
  yield* fs.writeFileString(join(folder, "some.test.mjs"), tests)
  yield* fs.writeFileString(
    join(folder, "vitest.config.ts"),
    `import { SummaryReporter } from ${JSON.stringify(path("./reporter.ts"))}
export default {
  root: ${JSON.stringify(folder)},
  cacheDir: ${JSON.stringify(join(folder, "cache"))},
  test: { globals: true, include: ["*.test.mjs"], reporters: [new SummaryReporter()] }
}`
  )
  const vitest = path("../node_modules/vitest/vitest.mjs")
  return yield* Effect.map(
    Effect.either(
      run(process.execPath, [vitest, "run", "--config", join(folder, "vitest.config.ts")], {
        cwd: folder,
        env: { REQUIRE_REGISTRIES: required ? "1" : "" }
      })
    ),
    (result) =>
      result._tag === "Right" ? { ok: true, stdout: text(result.right) } : { ok: false, stdout: String(result.left) }
  )
}, Effect.scoped)

const lastLine = (stdout: string) => stdout.trimEnd().split("\n").filter((line) => line !== "").at(-1)

const skipping = `
it("runs", () => {})
describe.skip("registries [skipped: no docker-registry on the PATH]", () => {
  it("one", () => {})
  describe("deeper", () => { it("two", () => {}) })
})
it("leaves", (context) => context.skip("no reason to stay"))
`

describe("SummaryReporter", () => {
  it.scopedLive("names what was skipped and why, and ends with the counts", () =>
    Effect.gen(function*() {
      const { ok, stdout } = yield* runTests(skipping, false)
      assert.isTrue(ok)
      assert.include(stdout, "registries [skipped: no docker-registry on the PATH] (2 tests)")
      assert.include(stdout, "leaves: no reason to stay (1 test)")
      assert.strictEqual(lastLine(stdout), "1 passed, 0 failed, 3 skipped")
    }).pipe(Effect.provide(NodeContext.layer)), 60_000)

  it.scopedLive("fails the run for a skipped test when registries are required", () =>
    Effect.gen(function*() {
      const { ok, stdout } = yield* runTests(skipping, true)
      assert.isFalse(ok)
      assert.include(stdout, "this run has failed")
    }).pipe(Effect.provide(NodeContext.layer)), 60_000)

  it.scopedLive("lets what is optional be skipped even then", () =>
    Effect.gen(function*() {
      const tests =
        `it("runs", () => {}); describe.skip("peer [optional, skipped: no crane]", () => it("one", () => {}))`
      const { ok, stdout } = yield* runTests(tests, true)
      assert.isTrue(ok)
      assert.strictEqual(lastLine(stdout), "1 passed, 0 failed, 1 skipped")
    }).pipe(Effect.provide(NodeContext.layer)), 60_000)

  it.scopedLive("counts a file that does not load as failed", () =>
    Effect.gen(function*() {
      const { ok, stdout } = yield* runTests(`throw new Error("broken")`, false)
      assert.isFalse(ok)
      assert.include(stdout, "0 passed, 1 failed, 0 skipped")
    }).pipe(Effect.provide(NodeContext.layer)), 60_000)
})
