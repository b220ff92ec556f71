/**
 * What a process needs around the command: Node's services, its output, signals, exit codes.
 *
 * @internal
 */
import type * as CliApp from "@effect/cli/CliApp"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as MutableRef from "effect/MutableRef"
import * as Output from "./output.js"
import * as Signal from "./signal.js"

const layer = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)

/** Runs until there is an exit code, or a signal. */
export const launch = (program: Effect.Effect<number, never, CliApp.CliApp.Environment>): void =>
  Effect.consoleWith((console) => Effect.withConsole(program, Output.console(console))).pipe(
    Effect.provide(layer),
    (main) => Output.listen.pipe(Effect.zipRight(Signal.hangUp), Effect.zipRight(main)),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      disablePrettyLogger: true,
      teardown: (exit, onExit) =>
        onExit(Exit.isSuccess(exit) && typeof exit.value === "number" ? exit.value : MutableRef.get(Signal.exitCode))
    })
  )
