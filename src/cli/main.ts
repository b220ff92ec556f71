/**
 * The file that Node is given. It lets Node keep what it compiles of the command beside it (Node 22.1 and later; a no-op
 * before), then runs the command.
 *
 * @internal
 */
import * as Module from "node:module"
import { join } from "node:path"

const { HOME: home, LOCALAPPDATA: local, XDG_CACHE_HOME: caches } = process.env
const folder = caches || (process.platform === "win32" ? local : home && join(home, ".cache"))

const compileCache: typeof Module & { readonly enableCompileCache?: (folder: string) => unknown } = Module
// A folder of the user's own: Node's default is one in the folder for temporary files, where others could put compiled
// code that this command, with its passwords, would run. Where nothing can be written Node does without.
if (folder) compileCache.enableCompileCache?.(join(folder, "effect-oci"))

await import("./command.js")
