/** What the tests of uploads have in common. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { type Answer, blobOf, name, piecewise, registry, sample, type Seen } from "./scripted.js"

export const bytes = sample(1000)
export const blob = blobOf(bytes)
export const { digest } = blob
export const content = piecewise(bytes, 64)
export const uploads = `/v2/${name}/blobs/uploads/`
/** Of the address of a closing PUT. */
export const parameter = `digest=${encodeURIComponent(digest)}`
export const head = `HEAD /v2/${name}/blobs/${digest}`
export const chunked = { hosts: { [registry]: { chunkSize: 400 } } }

export const opened = (location = "/up/1"): Answer => ({ status: 202, headers: { location } })
/** How far a session is, by the last byte that it has. */
export const stands = (last: number, location?: string): Answer => ({
  status: 204,
  headers: { range: `0-${last}`, ...(location === undefined ? {} : { location }) }
})
export const created: Answer = { status: 201 }
export const cancelled: Answer = { status: 204 }
export const there: Answer = { status: 200, headers: { "content-length": "1000" } }
export const absent: Answer = { status: 404 }
export const said = (status: number, code: string): Answer => ({
  status,
  body: JSON.stringify({ errors: [{ code }] })
})
export const gone: Answer = said(404, "BLOB_UPLOAD_UNKNOWN")
/** To a PUT of the whole blob, where a registry takes none. */
export const noWhole: Answer = said(404, "BLOB_UNKNOWN")

/** Runs it with all its waits cut short. */
const run = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.exit(effect))
    yield* TestClock.adjust(Duration.hours(1))
    return yield* Fiber.join(fiber)
  })
export const good = <A, E>(effect: Effect.Effect<A, E>) => Effect.flatMap(run(effect), (exit) => Effect.orDie(exit))
export const bad = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.flatMap(run(effect), (exit) => Effect.orDie(Effect.flip(exit)))

/** The requests, by their methods. */
export const methods = (seen: ReadonlyArray<Seen>) => seen.map(({ request }) => request.method)
