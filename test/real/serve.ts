/**
 * A registry's process as a scoped resource, whichever registry it is: it chooses a free loopback port and logs that,
 * and each request that it has answered; it is ended with the scope.
 */
import * as Command from "@effect/platform/Command"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

export class RegistryStartError extends Data.TaggedError("RegistryStartError")<{
  readonly program: string
  readonly log: string
}> {
  override get message(): string {
    return `${this.program} did not come up:\n${this.log}`
  }
}

/** One request of the log. */
export interface LoggedRequest {
  readonly method: string
  readonly url: string
  readonly status: number
}

export interface Served {
  /** `127.0.0.1:PORT`, as references name it. */
  readonly host: string
  /** Every request answered so far, in order. */
  readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
}

export interface Options {
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** What a line of the log says when the port is open; the port is its first group. */
  readonly listening: RegExp
  /** The request that a line of the log is about. */
  readonly requestOf: (line: string) => LoggedRequest | undefined
}

/** Whether a request changes what a registry holds. */
export const isWrite = ({ method }: LoggedRequest): boolean => method !== "GET" && method !== "HEAD"

export const isBlobRead = ({ method, url }: LoggedRequest): boolean =>
  method === "GET" && url.includes("/blobs/sha256:")

/** The request that ends an upload. */
export const isBlobUpload = ({ method, url }: LoggedRequest): boolean =>
  method === "PUT" && url.includes("/blobs/uploads/")

export const isManifestWrite = ({ method, url }: LoggedRequest): boolean =>
  method === "PUT" && url.includes("/manifests/")

export const serve = Effect.fnUntraced(function*({ args, listening, program, requestOf }: Options) {
  const lines: Array<string> = []
  yield* Effect.addFinalizer((exit) =>
    Exit.isFailure(exit)
      ? Effect.sync(() => process.stderr.write(`${program}'s last words:\n${lines.slice(-40).join("\n")}\n`))
      : Effect.void
  )
  const child = yield* Command.start(Command.make(program, ...args))
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
    const port = lines.flatMap((line) => listening.exec(line)?.[1] ?? [])[0]
    return port === undefined ? Effect.fail("not yet" as const) : Effect.succeed(`127.0.0.1:${port}`)
  }).pipe(
    Effect.retry(polling),
    Effect.raceFirst(Effect.zipRight(Effect.exit(child.exitCode), Effect.fail("ended" as const))),
    Effect.timeout(Duration.seconds(20)),
    Effect.mapError(() => new RegistryStartError({ program, log: lines.join("\n") }))
  )

  const logged = () => lines.flatMap((line) => requestOf(line) ?? [])
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
  const served: Served = { host, requests }
  return served
})
