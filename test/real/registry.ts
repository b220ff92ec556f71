/**
 * Debian's `docker-registry` (distribution 2.8) as a scoped resource: a process of its own on a free loopback port with
 * a folder of its own, ended and removed with the scope.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { join } from "node:path"
import { type LoggedRequest, serve, type Served } from "./serve.js"

export { isBlobRead, isBlobUpload, isManifestWrite, isWrite, type LoggedRequest } from "./serve.js"

/** The one account of a registry that asks for credentials. */
export const account = { username: "ci", password: Redacted.make("open sesame: 1001") }

/** A line for `account` as `htpasswd -B -C 4` writes it, kept here so that nothing has to be installed to make one. */
const htpasswd = "ci:$2b$04$eFfEcTociREALregistry.2F8.4NFLaZh1r6GomNLInBGFAGQhrCO\n"

export interface Registry extends Served {
  /** The folder below which it keeps `docker/registry/v2`. */
  readonly storage: string
}

export interface Options {
  /** Let nobody in but `account`, with HTTP Basic. */
  readonly htpasswd?: boolean
  /** Send an upload's `Location` without a host, as a proxy in front needs it. */
  readonly relativeUrls?: boolean
}

const configuration = (folder: string, options: Options): string =>
  JSON.stringify({
    version: "0.1",
    log: { level: "info", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: join(folder, "storage") },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } }
    },
    // It logs the port that it was given.
    http: { addr: "127.0.0.1:0", secret: "of one test run", relativeurls: options.relativeUrls === true },
    ...(options.htpasswd === true
      ? { auth: { htpasswd: { realm: "tests", path: join(folder, "htpasswd") } } }
      : {})
  })

const accessLine = /^\S+ - \S+ \[[^\]]*\] "([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) /

const requestOf = (line: string): LoggedRequest | undefined => {
  const [, method, url, status] = accessLine.exec(line) ?? []
  return method === undefined || url === undefined ? undefined : { method, url, status: Number(status) }
}

export const start = Effect.fnUntraced(function*(options: Options = {}) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-registry-" })
  const storage = join(folder, "storage")
  yield* fs.makeDirectory(storage)
  yield* fs.writeFileString(join(folder, "htpasswd"), htpasswd)
  yield* fs.writeFileString(join(folder, "config.yml"), configuration(folder, options))
  const served = yield* serve({
    program: "docker-registry",
    args: ["serve", join(folder, "config.yml")],
    listening: /listening on 127\.0\.0\.1:(\d+)/,
    requestOf
  })
  const registry: Registry = { ...served, storage }
  return registry
})
