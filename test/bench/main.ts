/**
 * Copies between two `docker-registry` processes on this machine, ours against skopeo and crane: each round runs every
 * contender once, in turn, each into an empty registry, after a first round that is not counted. Beside the command, the
 * client in a program that has copied before, and for the large image the least that Node can do. Prints a table in
 * Markdown. Run by `npm run bench`.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { availableParallelism, cpus } from "node:os"
import { obtain } from "../real/busybox.js"
import * as Fixture from "../real/fixture.js"
import { tar, writeLargeImage } from "../real/large.js"
import * as Registry from "../real/registry.js"
import { run } from "../real/run.js"
import { writeImage } from "../real/storage.js"
import { find } from "../real/tools.js"
import { type Contender, floor, ours, peer, running } from "./contenders.js"
import { measure, measured, type Measurement } from "./measure.js"
import { type CaseName, type Options, parse, usage } from "./options.js"
import { type CaseResult, markdown } from "./report.js"

class BenchError extends Data.TaggedError("BenchError")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

/** What makes an image as large as those that people ship: two layers of noise, 24 and 6 MiB. */
const noise = (architecture: string) =>
  [24, 6].map((size) => Buffer.concat(Array.from(tar(size * 1024 * 1024, `${architecture} ${size}`))))

/** Puts what a case copies into the source registry; says what it is. */
const prepare = Effect.fnUntraced(function*(name: CaseName, source: Registry.Registry, options: Options) {
  if (name === "large") {
    const { layer, manifest } = yield* writeLargeImage(source.storage, "bench/large", "1", options.largeSize)
    return {
      title: `image with one layer of ${Math.round(layer.size / 1024 / 1024)} MiB`,
      reference: `${source.host}/bench/large:1`,
      digest: manifest.digest
    }
  }
  const packages = yield* Effect.promise(obtain)
  if (packages.lacks !== undefined) return yield* new BenchError({ reason: `the ${name} case: ${packages.lacks}` })
  const image = yield* Fixture.build(packages, "oci", name === "small" ? () => [] : noise)
  yield* writeImage(source.storage, `bench/${name}`, "1", image)
  const bytes = image.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0)
  return {
    title: `index of ${image.images.length} platforms, ${image.blobs.length} blobs, ${
      (bytes / 1024 / 1024).toFixed(1)
    } MiB`,
    reference: `${source.host}/bench/${name}:1`,
    digest: image.index.descriptor.digest
  }
})

/** One copy into a registry that holds nothing; fails when what is there afterwards is not the source's. */
const once = Effect.fnUntraced(
  function*(contender: Contender, reference: string, digest: string) {
    const fs = yield* FileSystem.FileSystem
    // No configuration or cache of the user's, and none that an earlier run left.
    const home = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-home-" })
    const destination = yield* Registry.start()
    const registries = contender.twice === true ? [yield* Registry.start(), destination] : [destination]
    const args = contender.args(reference, ...registries.map(({ host }) => `${host}/bench/copy:1`))
    const environment = { HOME: home, DOCKER_CONFIG: home, XDG_CACHE_HOME: home, XDG_RUNTIME_DIR: home }
    const measurement = yield* (contender.twice === true ? measured : measure)(contender.program, args, environment)
    const answer = yield* Effect.tryPromise(() =>
      fetch(`http://${destination.host}/v2/bench/copy/manifests/1`, {
        method: "HEAD",
        headers: { accept: "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json" }
      })
    )
    const copied = answer.headers.get("docker-content-digest")
    if (copied !== digest) {
      return yield* new BenchError({ reason: `${contender.name} left ${copied ?? answer.status} instead of ${digest}` })
    }
    return measurement
  },
  Effect.scoped
)

const runCase = Effect.fnUntraced(
  function*(name: CaseName, everybody: ReadonlyArray<Contender>, options: Options) {
    const contenders = everybody.filter(({ cases }) => cases?.includes(name) ?? true)
    const source = yield* Registry.start()
    const { digest, reference, title } = yield* prepare(name, source, options)
    const runs = new Map(contenders.map((contender) => [contender.name, [] as Array<Measurement>]))
    for (let round = 0; round <= options.runs[name]; round++) {
      yield* Console.error(`${name}: ${round === 0 ? "warming up" : `round ${round} of ${options.runs[name]}`}`)
      for (const contender of contenders) {
        const measurement = yield* once(contender, reference, digest)
        if (round > 0) runs.get(contender.name)?.push(measurement)
      }
    }
    const result: CaseResult = {
      name,
      title,
      contenders: contenders.map((contender) => ({
        name: contender.name,
        version: contender.version,
        runs: runs.get(contender.name) ?? []
      }))
    }
    return result
  },
  Effect.scoped
)

const bench = Effect.fnUntraced(function*(options: Options) {
  const absent = ["docker-registry", "time"].filter((tool) => find(tool) === undefined)
  if (absent.length > 0) return yield* new BenchError({ reason: `not on the PATH: ${absent.join(", ")}` })
  if (options.build) yield* run("npm", ["run", "--silent", "build"])
  const found = yield* Effect.forEach(options.peers, (name) => Effect.map(peer(name), (it) => it ?? name))
  const missing = found.filter((it) => typeof it === "string")
  const contenders = [yield* ours, yield* running, yield* floor, ...found.filter((it) => typeof it !== "string")]
  const cases: Array<CaseResult> = []
  for (const name of options.cases) cases.push(yield* runCase(name, contenders, options))
  const machine = {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    platform: process.platform
  }
  yield* Console.log(markdown({ machine, cases, missing }))
  if (options.json !== undefined) {
    const fs = yield* FileSystem.FileSystem
    const figures = { date: new Date().toISOString(), machine, missing, cases }
    yield* fs.writeFileString(options.json, `${JSON.stringify(figures, undefined, 2)}\n`)
  }
})

const main = Effect.suspend(() => {
  const options = parse(process.argv.slice(2))
  return options === undefined ? Console.log(usage) : bench(options)
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

Effect.runPromise(main).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
