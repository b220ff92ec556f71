// Makes dist/cli/main.js and command.js, or the two in the folder named: the command and all it needs, so that it runs
// where the peer dependencies are absent and starts fast. main.js is what Node is given; command.js, which holds
// everything, is a file of its own because Node can only keep the compiled form of what is imported once it has been told
// to. The licence texts of what is in it are put beside them.
import * as esbuild from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const outdir = path.resolve(process.argv[2] ?? path.join(root, "dist/cli"))

/**
 * Of undici, the client alone: its index loads fetch, WebSockets, caches and mocks as well, a fifth of the bundle. It is
 * the index that gives dispatchers their methods.
 */
const undiciClient = {
  name: "undici-client",
  setup: (build) => {
    build.onResolve({ filter: /^undici$/ }, () => ({ path: "undici", namespace: "undici-client" }))
    build.onLoad({ filter: /.*/, namespace: "undici-client" }, () => ({
      resolveDir: root,
      contents: `
        import api from "undici/lib/api/index.js"
        import Agent from "undici/lib/dispatcher/agent.js"
        import Dispatcher from "undici/lib/dispatcher/dispatcher.js"
        import EnvHttpProxyAgent from "undici/lib/dispatcher/env-http-proxy-agent.js"
        Object.assign(Dispatcher.prototype, api)
        export { Agent, Dispatcher, EnvHttpProxyAgent }
        export default undefined
      `
    }))
  }
}

const options = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20.18",
  minify: true,
  legalComments: "none",
  logLevel: "warning"
}

await esbuild.build({
  ...options,
  entryPoints: ["src/cli/main.ts"],
  outfile: path.join(outdir, "main.js"),
  external: ["./command.js"],
  banner: { js: "#!/usr/bin/env node" }
})
fs.chmodSync(path.join(outdir, "main.js"), 0o755)

const { metafile } = await esbuild.build({
  ...options,
  entryPoints: ["src/cli/command.ts"],
  outfile: path.join(outdir, "command.js"),
  plugins: [undiciClient],
  metafile: true,
  // undici is CommonJS and asks for Node's own modules at run time.
  banner: {
    js:
      `import{createRequire as __effectOciRequire}from"node:module";const require=__effectOciRequire(import.meta.url);`
  }
})

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
  `command.js contains code of these packages.\n\n${
    licences.map(({ text }) => text).join(`\n\n${"-".repeat(80)}\n\n`)
  }\n`
)
