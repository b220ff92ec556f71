/**
 * `zot` as a scoped resource. Unlike distribution 2.8 it has the referrers API. It is no package of Debian's, so it may
 * be absent.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { type LoggedRequest, serve } from "./serve.js"
import { find } from "./tools.js"

const configuration = (folder: string): string =>
  JSON.stringify({
    distSpecVersion: "1.1.1",
    storage: { rootDirectory: join(folder, "storage"), gc: false },
    // It logs the port that it was given.
    http: { address: "127.0.0.1", port: "0" },
    log: { level: "info" }
  })

/** Each line of the log is an object; that of a request names it. */
const requestOf = (line: string): LoggedRequest | undefined => {
  if (!line.includes("\"HTTP API\"")) return undefined
  const { method, path, statusCode } = JSON.parse(line)
  return { method, url: path, status: statusCode }
}

export const start = Effect.fnUntraced(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-zot-" })
  yield* fs.writeFileString(join(folder, "config.json"), configuration(folder))
  return yield* serve({
    program: find("zot") ?? "zot",
    args: ["serve", join(folder, "config.json")],
    listening: /"message":"port is unspecified, listening on kernel chosen port","port":(\d+)/,
    requestOf
  })
})
