/**
 * Signs of life for a person at a terminal. Nothing is written when standard error is not one.
 *
 * @internal
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { CopyResult } from "../Copy.js"

/** The terminal's line for progress, and how many bytes have been uploaded so far. */
export interface Line {
  readonly write: (text: string) => Effect.Effect<void>
  readonly sent: () => number
}

/** None unless standard error is a terminal. */
class CurrentLine extends Context.Reference<CurrentLine>()("effect-oci/cli/CurrentLine", {
  defaultValue: (): Option.Option<Line> => Option.none()
}) {}

/** The HTTP client given, counting what it uploads while standard error is a terminal. */
export const layer = <E, R>(
  http: Layer.Layer<HttpClient.HttpClient, E, R>,
  terminal: { readonly isTTY?: boolean; readonly write: (text: string) => unknown } = process.stderr
): Layer.Layer<HttpClient.HttpClient, E, R> => {
  if (terminal.isTTY !== true) return http
  let sent = 0
  const count = (chunk: Uint8Array) => {
    sent += chunk.byteLength
  }
  const counted = HttpClient.mapRequest((request) =>
    request.body._tag === "Stream"
      ? HttpClientRequest.setBody(
        request,
        HttpBody.stream(
          Stream.mapChunks(request.body.stream, (chunk) => {
            Chunk.forEach(chunk, count)
            return chunk
          }),
          request.body.contentType,
          request.body.contentLength
        )
      )
      : request
  )
  const line: Line = { write: (text) => Effect.sync(() => void terminal.write(text)), sent: () => sent }
  return Layer.merge(
    Layer.map(
      http,
      (context) => Context.make(HttpClient.HttpClient, counted(Context.get(context, HttpClient.HttpClient)))
    ),
    Layer.succeed(CurrentLine, Option.some(line))
  )
}

const erase = "\r\u001b[K"

/** Shows, from the third second on, for how long the effect has run and what has been uploaded; takes it away at the end. */
export const watch = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    CurrentLine,
    Option.match({
      onNone: () => effect,
      onSome: (line) =>
        Effect.gen(function*() {
          const start = yield* Clock.currentTimeMillis
          const show = Effect.flatMap(
            Clock.currentTimeMillis,
            (now) => line.write(`${erase}${Math.round((now - start) / 1000)} s, ${formatBytes(line.sent())} uploaded`)
          )
          yield* Effect.forkScoped(Effect.delay(Effect.forever(Effect.delay(show, "1 second")), "2 seconds"))
          yield* Effect.addFinalizer(() => line.write(erase))
          return yield* effect
        }).pipe(Effect.scoped)
    })
  )

/** A line for the person at the terminal. */
export const note = (text: string): Effect.Effect<void> =>
  Effect.flatMap(CurrentLine, Option.match({ onNone: () => Effect.void, onSome: (line) => line.write(`${text}\n`) }))

/** What a copy did, in words. */
export const summary = ({ blobs, bytes, outcome }: Pick<CopyResult, "blobs" | "bytes" | "outcome">): string => {
  if (outcome === "Skipped") return "it was there already; nothing was written"
  const count = (of: CopyResult["blobs"][number]["outcome"]) => blobs.filter((blob) => blob.outcome === of).length
  const parts = [
    [count("Uploaded"), `uploaded (${formatBytes(bytes)})`],
    [count("Mounted"), "mounted"],
    [count("Existed"), "there already"],
    [count("NotDistributable"), "left out, their publisher keeps them"]
  ] as const
  const told = parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`)
  return told.length === 0 ? "copied; no blob had to move" : `copied; blobs: ${told.join(", ")}`
}

/** 1536 is `1.5 KiB`. */
export const formatBytes = (bytes: number): string => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"]
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`
}
