/**
 * What a process needs round the command: services of Node, colours only where they can be seen, signals, exit codes.
 *
 * @internal
 */
import type * as CliApp from "@effect/cli/CliApp"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import type * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as MutableRef from "effect/MutableRef"
import { stripVTControlCharacters } from "node:util"
import * as Signal from "./signal.js"

const layer = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)

/** `@effect/cli` writes colours wherever it writes to. */
const plain = (stream: NodeJS.WriteStream, write: (...args: ReadonlyArray<any>) => Effect.Effect<void>) =>
  stream.isTTY === true && (process.env.NO_COLOR ?? "") === ""
    ? write
    : (...args: ReadonlyArray<any>) =>
      write(...args.map((arg) => (typeof arg === "string" ? stripVTControlCharacters(arg) : arg)))

const withPlainConsole = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.consoleWith((console) => {
    const own: Console.Console = {
      ...console,
      log: plain(process.stdout, console.log),
      error: plain(process.stderr, console.error)
    }
    return Effect.withConsole(effect, own)
  })

/** Runs until there is an exit code, or a signal. */
export const launch = (program: Effect.Effect<number, never, CliApp.CliApp.Environment>): void =>
  program.pipe(
    withPlainConsole,
    Effect.provide(layer),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      disablePrettyLogger: true,
      teardown: (exit, onExit) =>
        onExit(Exit.isSuccess(exit) && typeof exit.value === "number" ? exit.value : MutableRef.get(Signal.exitCode))
    })
  )
