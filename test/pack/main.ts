/**
 * The package as its users get it: packed, installed from the tarball with the ranges the README names, type-checked
 * under strict settings and run. Needs the npm registry, so it is no part of `npm test`. Run by `npm run test:pack`.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { run, text } from "../real/run.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const Ranges = Schema.Record({ key: Schema.String, value: Schema.String })
const Manifest = Schema.parseJson(Schema.Struct({
  name: Schema.String,
  version: Schema.String,
  peerDependencies: Ranges,
  devDependencies: Ranges
}))
const Packed = Schema.parseJson(Schema.Tuple(Schema.Struct({
  filename: Schema.String,
  files: Schema.Array(Schema.Struct({ path: Schema.String }))
})))

const npm = (cwd: string, ...args: ReadonlyArray<string>) => run("npm", args, { cwd })

/** An empty project in which the tarball and `packages` are installed. */
const install = Effect.fnUntraced(function*(tarball: string, packages: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-consumer-" })
  yield* fs.writeFileString(join(folder, "package.json"), `{ "private": true, "type": "module" }\n`)
  yield* npm(folder, "install", "--no-audit", "--no-fund", "--loglevel=error", tarball, ...packages)
  return folder
})

const tsconfig = JSON.stringify({
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2023"],
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ["node"],
    noEmit: true
  },
  include: ["*.ts"]
})

const packed = Effect.fnUntraced(function*(folder: string) {
  const output = yield* npm(root, "pack", "--json", "--silent", "--pack-destination", folder)
  // Scripts that `npm pack` runs first may print; the list is what begins with the bracket at the start of a line.
  const stdout = text(output)
  const [{ filename, files }] = yield* Schema.decode(Packed)(stdout.slice(stdout.search(/^\[\s*$/m)))
  return { tarball: join(folder, filename), files: files.map(({ path }) => path) }
})

const checkFiles = (files: ReadonlyArray<string>): void => {
  const expected = [
    "package.json",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/RegistryClient.js",
    "dist/NodeRegistry.d.ts",
    "dist/cli/command.js",
    "dist/cli/main.js",
    "dist/cli/LICENSES.txt",
    "src/index.ts"
  ]
  for (const file of expected) assert.ok(files.includes(file), `${file} is not in the package`)
  const strays = files.filter((file) => !/^(?:dist|src)\//.test(file) && !expected.includes(file))
  assert.deepEqual(strays, [], "files that do not belong into the package")
  assert.ok(!files.some((file) => file.startsWith("src/cli/")), "the command's source is in the package")
}

const library = Effect.fnUntraced(function*(tarball: string, ranges: ReadonlyArray<string>, tools: typeof Ranges.Type) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* install(tarball, [
    ...ranges,
    ...["typescript", "@types/node"].map((name) => `${name}@${tools[name]}`)
  ])
  yield* fs.writeFileString(join(folder, "tsconfig.json"), tsconfig)
  for (const file of ["use.ts", "closed.mjs"]) {
    yield* fs.copyFile(join(root, "test/pack", `${file}.txt`), join(folder, file))
  }
  yield* run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "."], { cwd: folder })
  yield* Console.log("ok: type-checks under strict, exactOptionalPropertyTypes and skipLibCheck: false")

  yield* run(process.execPath, [
    "node_modules/typescript/bin/tsc",
    "-p",
    ".",
    "--noEmit",
    "false",
    "--outDir",
    "out"
  ], { cwd: folder })
  const output = yield* run(process.execPath, ["out/use.js"], { cwd: folder })
  assert.equal(text(output).trim(), "docker.io/library/alpine:3.20 linux/arm/v7 false")
  yield* Console.log("ok: a script with deep imports and with the index runs")

  assert.equal(text(yield* run(process.execPath, ["closed.mjs"], { cwd: folder })).trim(), "all closed")
  yield* Console.log("ok: internal modules and the command's are closed")
})

const command = Effect.fnUntraced(function*(tarball: string, version: string) {
  const fs = yield* FileSystem.FileSystem
  // npm brings the peers that are not optional by itself.
  const folder = yield* install(tarball, [])
  assert.ok(!(yield* fs.exists(join(folder, "node_modules/@effect/platform-node"))), "the optional peer was installed")
  const bin = join(folder, "node_modules/.bin/effect-oci")
  assert.equal(text(yield* run(bin, ["--version"], { cwd: folder })).trim(), version)
  const help = yield* run(bin, [], { cwd: folder })
  assert.match(text(help), /copy/)
  yield* run(process.execPath, [
    "--input-type=module",
    "--eval",
    `await import("effect-oci"); await import("effect-oci/RegistryClient")`
  ], { cwd: folder })
  yield* Console.log("ok: the command starts and the library loads where the optional peer is absent")
})

const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const manifest = yield* Schema.decode(Manifest)(yield* fs.readFileString(join(root, "package.json")))
  const ranges = Object.entries(manifest.peerDependencies).map(([name, range]) => `${name}@${range}`)
  const readme = yield* fs.readFileString(join(root, "README.md"))
  for (const range of ranges) assert.ok(readme.includes(range), `the README does not name ${range}`)

  const { files, tarball } = yield* packed(yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-pack-" }))
  checkFiles(files)
  yield* Console.log(`ok: ${files.length} files packed`)
  yield* library(tarball, ranges, manifest.devDependencies)
  yield* command(tarball, manifest.version)
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

Effect.runPromise(program).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
