/**
 * The official conformance suites of distribution-spec against the embedded registry, over loopback.
 *
 * Needs Go 1.24 and a module proxy; without Go it says so and succeeds, unless `REQUIRE_CONFORMANCE=1`. The released
 * suite is a Go test, whose source comes from the module proxy, from `OCI_DISTRIBUTION_SPEC` (a git clone of
 * opencontainers/distribution-spec), or from GitHub.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Command from "@effect/platform/Command"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeRegistryServer from "../../src/NodeRegistryServer.js"
import * as RegistryServer from "../../src/RegistryServer.js"

const suiteModule = "github.com/opencontainers/distribution-spec/conformance"
/** The rewritten suite, as it was on the main branch on 2026-08-31. */
const rewritten = "v0.0.0-20260831232431-97274622c111"
/** The suite of release 1.1.1. */
const released = { tag: "v1.1.1", version: "v0.0.0-20250123160558-a139cc423184" }

const cache = join(tmpdir(), "effect-oci-conformance")
const required = process.env.REQUIRE_CONFORMANCE === "1"

class Failed extends Data.TaggedError("Failed")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

interface Outcome {
  readonly code: number
  readonly output: string
}

const text = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Buffer.concat(Chunk.toReadonlyArray(chunks)).toString("utf8"))

/** Runs a command to its end, with what it printed on either stream. */
const run = (
  command: ReadonlyArray<string>,
  options: { readonly env?: Record<string, string>; readonly cwd?: string } = {}
) =>
  Effect.scoped(Effect.gen(function*() {
    const [name = "", ...args] = command
    const process = yield* Command.start(
      Command.make(name, ...args).pipe(
        Command.env(options.env ?? {}),
        options.cwd === undefined ? (self) => self : Command.workingDirectory(options.cwd)
      )
    )
    const [out, err, code] = yield* Effect.all([text(process.stdout), text(process.stderr), process.exitCode], {
      concurrency: "unbounded"
    })
    return { code: Number(code), output: `${out}${err}` } satisfies Outcome
  })).pipe(Effect.mapError((error) => new Failed({ reason: `${command.join(" ")}: ${error.message}` })))

const succeed = (command: ReadonlyArray<string>, options?: Parameters<typeof run>[1]) =>
  Effect.flatMap(run(command, options), ({ code, output }) =>
    code === 0
      ? Effect.succeed(output)
      : new Failed({ reason: `${command.join(" ")} exited with ${code}: ${output.trim().slice(-2000)}` }))

const goVersion = Effect.map(succeed(["go", "version"]), (output) => {
  const match = /go(\d+)\.(\d+)/.exec(output)
  const [major, minor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)]
  return { usable: major > 1 || (major === 1 && minor >= 24), output: output.trim() }
})

const goEnv = { GOFLAGS: "-mod=mod" }

/** The rewritten suite is a program. */
const buildRewritten = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = join(cache, rewritten)
  const program = join(folder, "conformance")
  if (yield* fs.exists(program)) return program
  yield* fs.makeDirectory(folder, { recursive: true })
  yield* succeed(["go", "install", `${suiteModule}@${rewritten}`], { env: { ...goEnv, GOBIN: folder } })
  return program
})

/** The released suite is a Go test: its source is needed. */
const buildReleased = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = join(cache, released.tag)
  const program = join(folder, "conformance.test")
  if (yield* fs.exists(program)) return program
  yield* fs.makeDirectory(folder, { recursive: true })
  const source = yield* Effect.firstSuccessOf([fromProxy(folder), fromClone(folder), fromGitHub(folder)])
  yield* succeed(["go", "test", "-c", "-o", program, "."], { env: goEnv, cwd: source })
  return program
})

const fromProxy = (folder: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const output = yield* succeed(["go", "mod", "download", "-json", `${suiteModule}@${released.version}`], {
      env: { GOPROXY: "https://proxy.golang.org" },
      cwd: folder
    })
    const directory = /"Dir": "([^"]+)"/.exec(output)?.[1]
    if (directory === undefined) return yield* new Failed({ reason: "the module proxy does not have it" })
    const source = join(folder, "source")
    // The module cache is read-only; the build wants to complete go.sum.
    yield* fs.copy(directory, source, { overwrite: true })
    yield* succeed(["chmod", "-R", "u+w", source])
    return source
  })

const fromClone = (folder: string) =>
  Effect.gen(function*() {
    const clone = process.env.OCI_DISTRIBUTION_SPEC
    if (clone === undefined) return yield* new Failed({ reason: "OCI_DISTRIBUTION_SPEC is not set" })
    const archive = join(folder, "source.tar")
    yield* succeed(["git", "-C", clone, "archive", "-o", archive, released.tag, "conformance"])
    yield* succeed(["tar", "-xf", archive, "-C", folder])
    return join(folder, "conformance")
  })

const fromGitHub = (folder: string) => {
  const clone = join(folder, "clone")
  const url = "https://github.com/opencontainers/distribution-spec"
  return Effect.as(
    succeed(["git", "clone", "--quiet", "--depth", "1", "--branch", released.tag, url, clone]),
    join(clone, "conformance")
  )
}

interface Case {
  readonly name: string
  readonly directory: boolean
  readonly auth: RegistryServer.Auth
}

const users = { conformance: "secret" }
const cases: ReadonlyArray<Case> = [
  { name: "memory", directory: false, auth: { _tag: "Anonymous" } },
  { name: "directory, Basic", directory: true, auth: { _tag: "Basic", users } },
  { name: "memory, Bearer", directory: false, auth: { _tag: "Bearer", users } }
]

/** One suite against a registry of its own. */
const against = (kind: Case, suite: (address: NodeRegistryServer.Address) => Effect.Effect<string, Failed, never>) =>
  Effect.scoped(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const storage = kind.directory
      ? yield* RegistryServer.storageDirectory(yield* fs.makeTempDirectoryScoped())
      : yield* RegistryServer.storageMemory()
    const registry = yield* RegistryServer.make({ auth: kind.auth, storage })
    return yield* suite(yield* NodeRegistryServer.serve(registry))
  }))

const credentials = (kind: Case): Record<string, string> =>
  kind.auth._tag === "Anonymous" ? {} : { OCI_USERNAME: "conformance", OCI_PASSWORD: users.conformance }

const runRewritten = (program: string, version: string, kind: Case) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const results = yield* fs.makeTempDirectoryScoped()
    const outcome = yield* against(kind, ({ host }) =>
      Effect.provide(
        succeed([program], {
          cwd: results,
          env: {
            ...credentials(kind),
            OCI_REGISTRY: host,
            OCI_TLS: "disabled",
            OCI_REPO1: "conformance/one",
            OCI_REPO2: "conformance/two",
            OCI_VERSION: version,
            OCI_DATA_SPARSE: "true",
            OCI_RESULTS_DIR: results
          }
        }),
        NodeContext.layer
      ))
    const count = (label: string) => Number(new RegExp(`${label}\\.*: +(\\d+)`).exec(outcome)?.[1] ?? Number.NaN)
    const [passed, failed, errors] = [count("Pass"), count("FAIL"), count("Error")]
    if (!(passed > 0) || failed !== 0 || errors !== 0) {
      return yield* new Failed({ reason: `unexpected result:\n${outcome.slice(-4000)}` })
    }
    return `${passed} checks passed, ${count("Skip")} skipped`
  })

const runReleased = (program: string, kind: Case) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const results = yield* fs.makeTempDirectoryScoped()
    const outcome = yield* against(kind, ({ url }) =>
      Effect.provide(
        succeed([program, "-test.v=false"], {
          cwd: results,
          env: {
            ...credentials(kind),
            OCI_ROOT_URL: url,
            OCI_NAMESPACE: "conformance/one",
            OCI_CROSSMOUNT_NAMESPACE: "conformance/two",
            OCI_AUTOMATIC_CROSSMOUNT: "1",
            OCI_TEST_PULL: "1",
            OCI_TEST_PUSH: "1",
            OCI_TEST_CONTENT_DISCOVERY: "1",
            OCI_TEST_CONTENT_MANAGEMENT: "1",
            OCI_REPORT_DIR: results
          }
        }),
        NodeContext.layer
      ))
    const plain = outcome.replace(/\u001b\[[0-9;]*m/g, "")
    const match = /(\d+) Passed \| (\d+) Failed \| \d+ Pending \| (\d+) Skipped/.exec(plain)
    if (match === null || match[2] !== "0" || Number(match[1]) === 0) {
      return yield* new Failed({ reason: `unexpected result:\n${plain.slice(-4000)}` })
    }
    return `${match[1]} specs passed, ${match[3]} skipped`
  })

/** A suite that cannot be had is said to be missing, and a failure only where it is required. */
const obtain = <E extends Error, R>(name: string, build: Effect.Effect<string, E, R>) =>
  required
    ? Effect.map(build, (program): string | undefined => program)
    : Effect.catchAll(build, (error) =>
      Effect.as(Console.log(`conformance: the ${name} was not run: ${error.message}`), undefined))

const main = Effect.scoped(Effect.gen(function*() {
  const go = yield* Effect.option(goVersion)
  if (go._tag === "None" || !go.value.usable) {
    const found = go._tag === "None" ? "no Go here" : go.value.output
    const reason = `conformance: the suites were not run: they need Go 1.24 or later (${found})`
    if (required) return yield* new Failed({ reason })
    return yield* Console.log(reason)
  }
  const newSuite = yield* obtain("rewritten suite", buildRewritten)
  const oldSuite = yield* obtain("released suite", buildReleased)
  for (const kind of cases) {
    for (const version of ["1.1", "dev"]) {
      if (newSuite === undefined) break
      const summary = yield* runRewritten(newSuite, version, kind)
      yield* Console.log(`conformance: rewritten suite, profile ${version}, ${kind.name}: ${summary}`)
    }
    if (oldSuite === undefined) continue
    const summary = yield* runReleased(oldSuite, kind)
    yield* Console.log(`conformance: released suite 1.1.1, ${kind.name}: ${summary}`)
  }
  yield* Console.log(
    newSuite !== undefined && oldSuite !== undefined
      ? "conformance: all required checks passed"
      : "conformance: not both suites could be had; what was run passed"
  )
}))

NodeRuntime.runMain(
  main.pipe(
    Effect.tapErrorCause((cause) => Console.error(`conformance: ${cause.toString()}`)),
    Effect.provide(NodeContext.layer)
  ),
  { disableErrorReporting: true }
)
