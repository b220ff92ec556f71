/**
 * Standard output and standard error. Each write is waited for, and its failure is known; Node's own console ignores it, or
 * lets it end the process.
 *
 * Nobody reads a closed pipe any more, as after `| head -1`: the rest is not written, and the command does its work and
 * ends as it would have. Any other failure to write a result fails the command. What cannot be written to standard error
 * is lost, as there is no other place for it.
 *
 * @internal
 */
import type * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as MutableRef from "effect/MutableRef"
import * as Predicate from "effect/Predicate"
import { format, stripVTControlCharacters } from "node:util"
import { CommandError } from "./failure.js"

const isOpenRef = MutableRef.make(true)

/** Whether anybody reads standard output; a listing that nobody reads need not go on. */
export const isOpen: Effect.Effect<boolean> = Effect.sync(() => MutableRef.get(isOpenRef))

type Stream = NodeJS.WriteStream

/** Colours, which `@effect/cli` writes everywhere, only where they can be seen. */
const line = (stream: Stream, words: ReadonlyArray<unknown>): string => {
  const text = `${format(...words)}\n`
  return stream.isTTY === true && (process.env.NO_COLOR ?? "") === "" ? text : stripVTControlCharacters(text)
}

class WriteError extends Data.TaggedError("WriteError")<{ readonly code: string }> {}

const write = (stream: Stream, text: string): Effect.Effect<void, WriteError> =>
  Effect.async((resume) => {
    const end = (error?: unknown) =>
      resume(
        error === undefined || error === null
          ? Effect.void
          : new WriteError({
            code: Predicate.hasProperty(error, "code") ? String(error.code) : String(error)
          })
      )
    // A write to a file is synchronous and may throw.
    try {
      stream.write(text, end)
    } catch (error) {
      end(error)
    }
  })

const result = (text: string): Effect.Effect<void> =>
  Effect.catchAll(
    Effect.when(write(process.stdout, text), () => MutableRef.get(isOpenRef)),
    ({ code }) =>
      code === "EPIPE"
        ? Effect.sync(() => void MutableRef.set(isOpenRef, false))
        // `Console` knows no failures; `settle` makes one of it.
        : Effect.die(new CommandError({ message: `standard output could not be written: ${code}` }))
  )

/** A console that writes so. */
export const console = (base: Console.Console): Console.Console => ({
  ...base,
  log: (...words) => Effect.suspend(() => result(line(process.stdout, words))),
  error: (...words) => Effect.suspend(() => Effect.ignore(write(process.stderr, line(process.stderr, words)))),
  unsafe: {
    ...base.unsafe,
    error: (...words) => Effect.runFork(Effect.ignore(write(process.stderr, line(process.stderr, words))))
  }
})

/** Once for the process: a stream emits an error beside giving it to the write, and that would be thrown. */
export const listen = Effect.sync(() => {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
})
