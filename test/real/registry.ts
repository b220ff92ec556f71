/**
 * Debian's `docker-registry` (distribution 2.8) as a scoped resource: a process of its own on a free loopback port with
 * a folder of its own, ended and removed with the scope.
 */
import * as Command from "@effect/platform/Command"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { join } from "node:path"

/** The one account of a registry that asks for credentials. */
export const account = { username: "ci", password: Redacted.make("open sesame: 1001") }

/** A line for `account` as `htpasswd -B -C 4` writes it, kept here so that nothing has to be installed to make one. */
const htpasswd = "ci:$2b$04$eFfEcTociREALregistry.2F8.4NFLaZh1r6GomNLInBGFAGQhrCO\n"

export class RegistryStartError extends Data.TaggedError("RegistryStartError")<{ readonly log: string }> {
  override get message(): string {
    return `docker-registry did not come up:\n${this.log}`
  }
}

/** One line of the access log. */
export interface LoggedRequest {
  readonly method: string
  readonly url: string
  readonly status: number
}

export interface Registry {
  /** `127.0.0.1:PORT`, as references name it. */
  readonly host: string
  /** The folder below which it keeps `docker/registry/v2`. */
  readonly storage: string
  /** Every request answered so far, in order. */
  readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
}

export interface Options {
  /** Let nobody in but `account`, with HTTP Basic. */
  readonly htpasswd?: boolean
  /** Send an upload's `Location` without a host, as a proxy in front needs it. */
  readonly relativeUrls?: boolean
}

/** Whether a request changes what a registry holds. */
export const isWrite = ({ method }: LoggedRequest): boolean => method !== "GET" && method !== "HEAD"

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

export const start = Effect.fnUntraced(function*(options: Options = {}) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-registry-" })
  yield* fs.makeDirectory(join(folder, "storage"))
  yield* fs.writeFileString(join(folder, "htpasswd"), htpasswd)
  yield* fs.writeFileString(join(folder, "config.yml"), configuration(folder, options))

  const lines: Array<string> = []
  yield* Effect.addFinalizer((exit) =>
    Exit.isFailure(exit)
      ? Effect.sync(() => process.stderr.write(`docker-registry's last words:\n${lines.slice(-40).join("\n")}\n`))
      : Effect.void
  )
  const child = yield* Command.start(Command.make("docker-registry", "serve", join(folder, "config.yml")))
  yield* Effect.forkScoped(
    Stream.runForEach(
      Stream.merge(
        Stream.splitLines(Stream.decodeText(child.stdout)),
        Stream.splitLines(Stream.decodeText(child.stderr))
      ),
      (line) => Effect.sync(() => lines.push(line))
    )
  )

  const polling = Schedule.spaced(Duration.millis(10))
  const host = yield* Effect.suspend(() => {
    const port = lines.flatMap((line) => /listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? [])[0]
    return port === undefined ? Effect.fail("not yet" as const) : Effect.succeed(`127.0.0.1:${port}`)
  }).pipe(
    Effect.retry(polling),
    Effect.raceFirst(Effect.zipRight(Effect.exit(child.exitCode), Effect.fail("ended" as const))),
    Effect.timeout(Duration.seconds(20)),
    Effect.mapError(() => new RegistryStartError({ log: lines.join("\n") }))
  )

  const logged = () =>
    lines.flatMap((line): ReadonlyArray<LoggedRequest> => {
      const [, method, url, status] = accessLine.exec(line) ?? []
      return method === undefined || url === undefined ? [] : [{ method, url, status: Number(status) }]
    })
  // A request is logged before its answer is complete: once a request of ours is in the log, so is all before it.
  let markers = 0
  const requests = Effect.suspend(() => {
    const marker = `/v2/?marker=${markers++}`
    const isMarked = () => logged().some((request) => request.url === marker)
    return Effect.promise((signal) => fetch(`http://${host}${marker}`, { signal }).then((answer) => answer.text()))
      .pipe(
        Effect.zipRight(Effect.repeat(Effect.sync(isMarked), { until: (done) => done, schedule: polling })),
        Effect.timeout(Duration.seconds(10)),
        Effect.orDie,
        Effect.map(() => logged().filter((request) => !request.url.startsWith("/v2/?marker=")))
      )
  })
  const registry: Registry = { host, storage: join(folder, "storage"), requests }
  return registry
})
