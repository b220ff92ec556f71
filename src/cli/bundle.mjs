// Makes dist/cli/main.js, or main.js in the folder named: the command and all it needs in one file, so that it runs
// where the peer dependencies are absent and starts fast. The licence texts of what is in it are put beside it.
import * as esbuild from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const outdir = path.resolve(process.argv[2] ?? path.join(root, "dist/cli"))

const { metafile } = await esbuild.build({
  absWorkingDir: root,
  entryPoints: ["src/cli/main.ts"],
  outfile: path.join(outdir, "main.js"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20.18",
  minify: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  // undici is CommonJS and asks for Node's own modules at run time.
  banner: {
    js: `#!/usr/bin/env node
import{createRequire as __effectOciRequire}from"node:module";const require=__effectOciRequire(import.meta.url);`
  }
})
fs.chmodSync(path.join(outdir, "main.js"), 0o755)

/** The folder of the package that a file belongs to; none for our own. */
const packageOf = (file) => {
  const found = /^(.*\/)?node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(file)
  return found === null ? [] : [path.resolve(root, found[0])]
}

const [output] = Object.values(metafile.outputs)
const packages = new Set(
  Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).flatMap(([file]) =>
    packageOf(file)
  )
)

const licenceOf = (folder) => {
  const { license, name, version } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"))
  const files = fs.readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort()
  if (files.length === 0) throw new Error(`${name}@${version} is in the bundle and has no licence file`)
  const texts = files.map((file) => fs.readFileSync(path.join(folder, file), "utf8").trim())
  return { name, text: [`${name} ${version} (${license ?? "see below"})`, ...texts].join("\n\n") }
}

const licences = [...packages].map(licenceOf).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
fs.writeFileSync(
  path.join(outdir, "LICENSES.txt"),
  `main.js contains code of these packages.\n\n${licences.map(({ text }) => text).join(`\n\n${"-".repeat(80)}\n\n`)}\n`
)
