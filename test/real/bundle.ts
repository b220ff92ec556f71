/** Programs of the tests as one file each, as somebody who deploys them would make them, so that no loader is measured. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as esbuild from "esbuild"
import { join } from "node:path"

/** Gives back the file, which goes with the scope. */
export const bundle = Effect.fnUntraced(function*(entryPoint: string) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-bundle-" })
  const outfile = join(folder, "program.mjs")
  yield* Effect.promise(() =>
    esbuild.build({
      entryPoints: [entryPoint],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "silent",
      // undici is CommonJS.
      banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url)` }
    })
  )
  return outfile
})
