/**
 * Signs of life for a person at a terminal. Nothing is written when standard error is not one.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import type { CopyResult } from "../Copy.js"
import type { CopyEvent } from "../CopyEvent.js"
import * as Meter from "./meter.js"

/** Writes to the terminal; none unless standard error is one. */
class CurrentTerminal extends Context.Reference<CurrentTerminal>()("effect-oci/cli/CurrentTerminal", {
  defaultValue: (): Option.Option<(text: string) => Effect.Effect<void>> => Option.none()
}) {}

export const layer = (
  terminal: { readonly isTTY?: boolean; readonly write: (text: string) => unknown } = process.stderr
): Layer.Layer<never> =>
  terminal.isTTY === true
    ? Layer.succeed(CurrentTerminal, Option.some((text) => Effect.sync(() => void terminal.write(text))))
    : Layer.empty

/** Without any of it, when that is wanted, and without warnings. */
export const quietly = (isQuiet: boolean) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  isQuiet
    ? effect.pipe(
      Effect.provideService(CurrentTerminal, Option.none()),
      Logger.withMinimumLogLevel(LogLevel.Error)
    )
    : effect

const write = (text: string): Effect.Effect<void> =>
  Effect.flatMap(CurrentTerminal, Option.match({ onNone: () => Effect.void, onSome: (write) => write(text) }))

/** Takes away what the line of a terminal shows. */
export const erase = "\r\u001b[K"

/** For a copy's options: undefined where nobody would look, so that nothing is counted. */
export type OnEvent = ((event: CopyEvent) => Effect.Effect<void>) | undefined

/** How much there is to move in all is known from the plan, or only found out on the way, tag by tag. */
export type Totals = "known" | "growing"

/**
 * Shows, from the third second on, how the work goes, which is to tell its events to what it is given; takes it away at
 * the end.
 */
export const watch = <A, E, R>(
  totals: Totals,
  work: (onEvent: OnEvent) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    CurrentTerminal,
    Option.match({
      onNone: () => work(undefined),
      onSome: (write) =>
        Effect.gen(function*() {
          const meter = Meter.make()
          const start = yield* Clock.currentTimeMillis
          meter.read(start)
          const tick = Effect.flatMap(Clock.currentTimeMillis, (now) => {
            const reading = meter.read(now)
            const seconds = Math.round((now - start) / 1000)
            return seconds < 3 ? Effect.void : write(`${erase}${describe(seconds, reading, totals)}`)
          })
          yield* Effect.forkScoped(Effect.forever(Effect.delay(tick, "1 second")))
          yield* Effect.addFinalizer(() => write(erase))
          return yield* work((event) => Effect.sync(() => meter.onEvent(event)))
        }).pipe(Effect.scoped)
    })
  )

const describe = (seconds: number, { done, rate, retries, total }: Meter.Reading, totals: Totals): string => {
  const isMoving = total !== undefined && total > 0
  const share = isMoving && totals === "known" ? ` (${Math.floor((100 * done) / total)} %)` : ""
  const left = isMoving && totals === "known" && rate !== undefined && done < total
    ? [`${formatSeconds(Math.ceil((total - done) / rate))} left`]
    : []
  return [
    formatSeconds(seconds),
    ...(isMoving ? [`${formatBytes(done)} of ${formatBytes(total)}${share}`] : []),
    ...(isMoving && rate !== undefined ? [`${formatBytes(Math.round(rate))}/s`] : []),
    ...left,
    ...(retries > 0 ? [`tried again: ${retries}`] : [])
  ].join(", ")
}

/** A line on standard output, where what the line of the terminal shows would get in its way. */
export const print = (text: string): Effect.Effect<void> => Effect.zipRight(write(erase), Console.log(text))

/** The same for what went wrong, on standard error. */
export const complain = (text: string): Effect.Effect<void> => Effect.zipRight(write(erase), Console.error(text))

/** A line for the person at the terminal. */
export const note = (text: string): Effect.Effect<void> => write(`${text}\n`)

/** What a copy did, in words. */
export const summary = ({ blobs, bytes, outcome }: Pick<CopyResult, "blobs" | "bytes" | "outcome">): string => {
  if (outcome === "Skipped") return "it was there already; nothing was written"
  const count = (of: CopyResult["blobs"][number]["outcome"]) => blobs.filter((blob) => blob.outcome === of).length
  const parts = [
    [count("Uploaded"), `uploaded (${formatBytes(bytes)})`],
    [count("Mounted"), "mounted"],
    [count("Existed"), "there already"],
    [count("NotDistributable"), "left out, as they are not to be distributed"]
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

/** 200 is `3 min 20 s`. */
export const formatSeconds = (seconds: number): string => {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`
}
