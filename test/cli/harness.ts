/** The command run in this process, and registries for it. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { assert } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { run } from "../../src/cli/app.js"
import * as SampleImage from "../../src/cli/sampleImage.js"
import * as NodeRegistryServer from "../../src/NodeRegistryServer.js"
import * as Platform from "../../src/Platform.js"
import * as RegistryServer from "../../src/RegistryServer.js"

const platforms = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)

/** Runs the command in this process, with an environment of its own, and tells what it wrote and its exit code. */
export const cli = (args: ReadonlyArray<string>, environment: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const out: Array<string> = []
    const err: Array<string> = []
    const base = yield* Effect.console
    const code = yield* run(["node", "effect-oci", ...args]).pipe(
      Effect.withConsole({
        ...base,
        log: (...words) => Effect.sync(() => void out.push(words.join(" "))),
        error: (...words) => Effect.sync(() => void err.push(words.join(" "))),
        unsafe: { ...base.unsafe, error: (...words) => void err.push(words.join(" ")) }
      }),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(environment)))),
      Effect.provide(platforms)
    )
    const text = (lines: ReadonlyArray<string>) => stripVTControlCharacters(lines.join("\n")).trim()
    return { code, out: text(out), err: text(err) }
  })

/**
 * Runs a line as the README and the help have it, against a registry that stands for the one of the line and for Docker
 * Hub, with a folder for what is kept. None for a command that goes on until it is stopped.
 */
export const runLine = (line: string, { folder, host }: { readonly folder: string; readonly host: string }) => {
  const here = line
    .replace("--port 5000", "--port 0")
    .replace("./images", join(folder, "images"))
    .replaceAll("localhost:5000/", `${host}/`)
    .replaceAll(/(?<=[ =])(docker\.io\/library\/)?alpine:3\.20/g, `${host}/library/alpine:3.20`)
  const words = [...here.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word)
  return Effect.timeoutOption(cli(words.slice(1)), words[1] === "serve" ? "3 seconds" : "1 minute")
}

export const registry = Effect.fnUntraced(function*(options?: RegistryServer.Options) {
  const server = yield* RegistryServer.make(options)
  return { server, ...(yield* NodeRegistryServer.serve(server)) }
})

export const samplePlatforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"]

export const push = Effect.fnUntraced(function*(server: RegistryServer.RegistryServer, name: string, tag: string) {
  const sample = SampleImage.make(yield* Effect.forEach(samplePlatforms, (platform) => Platform.parse(platform)))
  yield* SampleImage.push(sample, yield* server.repository(name), tag)
  const digests = sample.images.map(({ descriptor }) => descriptor.digest)
  return { sample, index: sample.index.descriptor.digest, digests }
})

/** One paragraph: no stack, no empty line in it, no prefix of a logger. */
export const assertParagraph = (text: string) => {
  assert.notStrictEqual(text, "")
  assert.notInclude(text, "\n")
  assert.notMatch(text, /\bat .*:\d+:\d+|ERROR|level=|fiber=|undefined|\[object/)
}
