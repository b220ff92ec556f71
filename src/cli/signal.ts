/**
 * What a signal means for the exit code: the end of a command that should have gone on, or the only way to end it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as MutableRef from "effect/MutableRef"
import { exitCodes } from "./failure.js"

/** The exit code of the process if a signal ends it now. */
export const exitCode = MutableRef.make<number>(exitCodes.interrupted)

/** From here on a signal is how the command is meant to end. */
export const endsWell = Effect.sync(() => MutableRef.set(exitCode, 0))

/**
 * The end of the terminal or of the connection to it is handled as SIGTERM is, which `NodeRuntime` knows; left to Node it
 * would end the process at once, with uploads begun.
 */
export const hangUp = Effect.sync(() => {
  // A terminal that closes sends it more than once: the kernel does, and so does the shell.
  process.on("SIGHUP", () => process.emit("SIGTERM", "SIGTERM"))
})
