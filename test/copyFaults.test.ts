/**
 * The fault table of a copy: each kind of request it makes against each way to fail, once and always. Once, the copy
 * succeeds and all is there; always, it ends soon, in an error that says what and where, and leaves nothing behind.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import * as Credentials from "../src/Credentials.js"
import * as RegistryClient from "../src/RegistryClient.js"
import type { Action, Kind } from "../src/RegistryFault.js"
import type { Auth } from "../src/RegistryServer.js"
import * as RegistryTest from "../src/RegistryTest.js"
import { image, index } from "./utils/samples.js"
import * as seed from "./utils/seed.js"
import { byTurns } from "./utils/turns.js"

/** Layers of 40 000 bytes: three chunks. */
const layer = (text: string) => text.padEnd(40_000, text)
const images = [image([layer("shared"), layer("one")]), image([layer("shared"), layer("two")])]
const list = index(
  images.map(({ manifest }, n) => ({
    ...manifest.descriptor,
    platform: { os: "linux", architecture: n === 0 ? "amd64" : "arm64" }
  }))
)
const chunkSize = 16_384

type Side = "source" | "destination"

/** A kind of request, and the registry whose requests of that kind fail. */
interface Row {
  readonly kind: Kind
  readonly side: Side
  /** Its answer has a body. */
  readonly body?: true
  /** Its answer names a digest. */
  readonly digest?: true
  /** The copy is one within the source's registry. */
  readonly within?: true
  /** Blobs go in chunks. */
  readonly chunks?: true
  /** What fails always only takes the copy another way. */
  readonly dispensable?: true
}

const rows: ReadonlyArray<Row> = [
  { kind: "token", side: "source", body: true },
  { kind: "token", side: "destination", body: true },
  { kind: "headManifest", side: "source", digest: true },
  { kind: "headManifest", side: "destination", digest: true },
  { kind: "getManifest", side: "source", digest: true, body: true },
  { kind: "headBlob", side: "destination", digest: true },
  { kind: "getBlob", side: "source", digest: true, body: true },
  { kind: "mount", side: "source", digest: true, within: true, dispensable: true },
  { kind: "startUpload", side: "destination" },
  { kind: "patchUpload", side: "destination", chunks: true },
  { kind: "putUpload", side: "destination", digest: true },
  { kind: "putManifest", side: "destination", digest: true }
]

interface Column {
  readonly name: string
  readonly once: Action
  /** What happens always, if it is not the same: a transfer that gets a little further each time comes to its end. */
  readonly always?: Action
  /** For which requests it makes sense; for all by default. */
  readonly when?: (row: Row) => boolean
  /** The cause of the error when it happens always; none where the copy succeeds all the same. */
  readonly cause?: (row: Row) => string | undefined
}

const transport = () => "TransportError"

const hasBody = (row: Row): boolean => row.body === true

const columns: ReadonlyArray<Column> = [
  {
    name: "500",
    once: { _tag: "Status", status: 500 },
    // A registry that breaks on a HEAD may still answer a GET.
    cause: ({ kind }) => kind.startsWith("head") ? undefined : "UnexpectedStatus"
  },
  { name: "502", once: { _tag: "Status", status: 502 }, cause: () => "UnexpectedStatus" },
  { name: "503", once: { _tag: "Status", status: 503 }, cause: () => "UnexpectedStatus" },
  { name: "rate limit", once: { _tag: "RateLimit", retryAfter: 0.05 }, cause: () => "RateLimited" },
  { name: "reset before", once: { _tag: "Reset", at: "before" }, cause: transport },
  {
    name: "reset after",
    once: { _tag: "Reset", at: "after" },
    // The registry has what it was sent, and says so when it is asked.
    cause: ({ kind }) => kind === "patchUpload" || kind === "putUpload" ? undefined : "TransportError"
  },
  { name: "stalled headers", once: { _tag: "Stall", at: "headers" }, cause: transport },
  {
    name: "stalled body",
    once: { _tag: "Stall", at: "body", after: 100 },
    always: { _tag: "Stall", at: "body" },
    when: hasBody,
    cause: transport
  },
  {
    name: "cut body",
    once: { _tag: "CutBody", after: 100 },
    always: { _tag: "CutBody", after: 0 },
    when: hasBody,
    cause: transport
  },
  {
    name: "corrupt body",
    once: { _tag: "CorruptBody" },
    when: hasBody,
    cause: ({ kind }) => kind === "token" ? "CredentialsError" : "DigestMismatch"
  },
  // The request for a token carries none.
  {
    name: "tokens void",
    once: { _tag: "ExpireTokens" },
    when: ({ kind }) => kind !== "token",
    cause: () => "Unauthorized"
  },
  {
    name: "no digest in the headers",
    once: { _tag: "Headers", headers: { "docker-content-digest": undefined } },
    when: ({ digest }) => digest === true
  },
  { name: "delay", once: { _tag: "Delay", duration: "20 millis" } }
]

const password = "hunter2-do-not-tell"
const auth: Auth = { _tag: "Bearer", users: { ci: password } }
const credentials = Layer.orDie(Credentials.layerHosts(Object.fromEntries(
  ["source.test", "destination.test"].map((registry) => [
    registry,
    Credentials.basic("ci", Redacted.make(password))
  ])
)))

/** One copy under a fault, and what there is afterwards. */
const copyUnder = Effect.fnUntraced(function*(row: Row, action: Action, nth: "always" | undefined) {
  const { client: http, registries } = yield* RegistryTest.make({
    registries: { "source.test": { auth, strict: true }, "destination.test": { auth, strict: true } }
  })
  const secrets = new Set([password, Buffer.from(`ci:${password}`).toString("base64")])
  const listening = HttpClient.mapRequest(http, (request) => {
    const sent = /^bearer (.+)$/i.exec(request.headers["authorization"] ?? "")?.[1]
    if (sent !== undefined) secrets.add(sent)
    return request
  })
  const source = yield* registries.repository("source.test", "app")
  for (const each of images) yield* seed.putImage(source, each)
  yield* seed.putManifest(source, list, "v1")
  const to = row.within === true ? "source.test" : "destination.test"
  const destination = yield* registries.repository(to, "copy")
  yield* registries.setFaults(`${row.side}.test`, [{ kind: row.kind, nth, action }])

  const told: Array<unknown> = []
  const config = {
    retry: Schedule.recurs(4),
    retries: 3,
    idleTimeout: "300 millis",
    hosts: row.chunks === true ? { "destination.test": { chunkSize } } : {}
  } as const
  const exit = yield* Effect.flatMap(
    RegistryClient.make(config),
    (client) => client.copyIndex("source.test/app:v1", `${to}/copy:v1`)
  ).pipe(
    Effect.provideService(HttpClient.HttpClient, listening),
    Effect.provide(credentials),
    Effect.provide(Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void told.push(message)))),
    Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => "no end after ten seconds" as const }),
    Effect.exit
  )
  const server = yield* registries.server(to)
  const log = yield* Effect.flatMap(registries.server(`${row.side}.test`), ({ requests }) => requests)
  const applied = log.filter(({ faults }) => faults.length > 0)
  const text = [told, exit].map((value) => `${JSON.stringify(value)} ${inspect(value, { depth: null })}`).join(" ")
  for (const secret of secrets) assert.notInclude(text, secret, "a secret in the error or the log")
  assert.notInclude(text, "_state=", "the query of an upload in the error or the log")
  assert.isNotEmpty(applied, "the fault was never met")
  // A session whose opening was never answered is known to the registry alone, so nobody can end it.
  const unheard = row.kind === "startUpload" && action._tag === "Reset" && action.at === "after" ? applied.length : 0
  assert.strictEqual(yield* server.openUploads, unheard, "upload sessions left open")
  return { exit, destination }
})

type Ended = Effect.Effect.Success<ReturnType<typeof copyUnder>>

/** Everything is at the destination, byte for byte. */
const isWhole = Effect.fnUntraced(function*({ destination, exit }: Ended): Effect.fn.Return<void, unknown> {
  const result = yield* exit
  assert.strictEqual(result.digest, list.descriptor.digest)
  assert.deepStrictEqual((yield* destination.getManifest("v1")).raw, list.raw)
  for (const { config, layers, manifest } of images) {
    assert.deepStrictEqual((yield* destination.getManifest(manifest.descriptor.digest)).raw, manifest.raw)
    for (const { descriptor, raw } of [config, ...layers]) {
      const bytes = yield* Stream.runCollect(destination.getBlob(descriptor))
      assert.isTrue(Buffer.concat(Chunk.toReadonlyArray(bytes)).equals(raw))
    }
  }
})

const isRefused = Effect.fnUntraced(function*(
  { destination, exit }: Ended,
  { side }: Row,
  cause: string
): Effect.fn.Return<void, unknown> {
  assert.isTrue(Exit.isFailure(exit), "the copy succeeded")
  const error = yield* Effect.flip(exit)
  if (typeof error === "string" || error._tag !== "CopyError") return assert.fail(String(error))
  assert.strictEqual(error.side, side)
  assert.strictEqual(error.cause._tag, cause)
  assert.strictEqual(error.source, "source.test/app:v1")
  assert.strictEqual(error.destination, "destination.test/copy:v1")
  assert.include(error.message, `${side}.test/`)
  assert.strictEqual((yield* Effect.flip(destination.resolve("v1")))._tag, "NotFound")
})

/** All the cases of one row, beside each other; what is wrong is told of each. */
const cases = <E>(row: Row, check: (column: Column) => Effect.Effect<void, E>) =>
  Effect.gen(function*() {
    const failures = yield* Effect.forEach(
      columns.filter(({ when = () => true }) => when(row)),
      (column) =>
        Effect.matchCause(check(column), {
          onFailure: (cause) => [`${column.name}: ${String(Cause.squash(cause))}`],
          onSuccess: () => []
        }),
      { concurrency: 16 }
    )
    const wrong = failures.flat().map((line) => `\n  ${line}`).join("")
    if (wrong !== "") assert.fail(`${row.kind} at the ${row.side}${wrong}`)
  }).pipe(byTurns)

describe.concurrent("a copy in which a request fails", () => {
  for (const row of rows) {
    const { kind, side } = row
    it.live(
      `once: ${kind} at the ${side}`,
      () => cases(row, ({ once }) => Effect.flatMap(copyUnder(row, once, undefined), isWhole)),
      240_000
    )

    it.live(
      `always: ${kind} at the ${side}`,
      () =>
        cases(row, ({ always, cause, once }) =>
          Effect.flatMap(copyUnder(row, always ?? once, "always"), (ended) => {
            const expected = row.dispensable === true ? undefined : cause?.(row)
            return expected === undefined ? isWhole(ended) : isRefused(ended, row, expected)
          })),
      240_000
    )
  }
})
