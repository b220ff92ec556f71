/**
 * How the command fails: one paragraph for a person, and an exit code for a script.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { printable } from "../internal/text.js"

/** Wrong usage that only the command itself can see; the message must not quote a secret. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/** An operation that only the command has failed, the embedded registry's start for one. */
export class CommandError extends Data.TaggedError("CommandError")<{ readonly message: string }> {}

/** Something failed, and all there is to say of it has been printed already. */
export class Reported extends Data.TaggedError("Reported")<{}> {}

/** 0 is success; 130 is what a shell calls a process that Ctrl-C ended. */
export const exitCodes = { failed: 1, usage: 2, interrupted: 130 } as const

const usage = new Set(["UsageError", "ParseReferenceError", "ParsePlatformError", "InvalidInput"])

const isUsage = (error: unknown): boolean =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string" && usage.has(error._tag)

/** What to print, if there is anything to say, and with which code to end. */
export interface Report {
  readonly paragraph: string | undefined
  readonly exitCode: number
}

const longest = 4096

/** None for an interruption, which needs no words. */
export const report = (cause: Cause.Cause<unknown>): Option.Option<Report> => {
  if (Cause.isInterruptedOnly(cause)) return Option.none()
  const failure = Cause.failureOption(cause)
  if (Option.isSome(failure)) {
    return Option.some({
      paragraph: failure.value instanceof Reported ? undefined : paragraph(failure.value),
      exitCode: isUsage(failure.value) ? exitCodes.usage : exitCodes.failed
    })
  }
  const defect = Cause.squash(cause)
  if (defect instanceof CommandError) {
    return Option.some({ paragraph: paragraph(defect), exitCode: exitCodes.failed })
  }
  return Option.some({
    paragraph: printable(`effect-oci met an error that it should not have: ${messageOf(defect)}`, longest),
    exitCode: exitCodes.failed
  })
}

/** One failure in words. */
export const paragraph = (error: unknown): string => printable(messageOf(error), longest)

const messageOf = (error: unknown): string =>
  // These quote what was typed. `inputs.ts` has a better message for whatever it reads.
  Predicate.isTagged(error, "ParseReferenceError")
    ? "a reference is not valid"
    : Predicate.isTagged(error, "ParsePlatformError")
    ? "a platform is not valid"
    : Predicate.hasProperty(error, "message") && typeof error.message === "string" && error.message !== ""
    ? error.message
    : Predicate.hasProperty(error, "_tag")
    ? String(error._tag)
    : String(error)

/** Every failure and defect printed to the console's `error`, and made the exit code. Interruption stays what it is. */
export const settle = <E, R>(program: Effect.Effect<number, E, R>): Effect.Effect<number, never, R> =>
  Effect.catchAllCause(program, (cause) =>
    Option.match(report(cause), {
      onNone: () => Effect.interrupt,
      onSome: ({ exitCode, paragraph }) =>
        Effect.as(paragraph === undefined ? Effect.void : Console.error(paragraph), exitCode)
    }))
