/** What the programs of ours that are measured have in common. */
import * as Effect from "effect/Effect"
import * as NodeRegistry from "../../src/NodeRegistry.js"
import type * as RegistryClient from "../../src/RegistryClient.js"

/** A client and connections of its own for each call. */
export const withClient = <A, E>(
  effect: Effect.Effect<A, E, RegistryClient.RegistryClient>
) => Effect.provide(effect, NodeRegistry.layer({ http: { proxy: false } }))

/** Runs to the end, or prints why not. */
export const runMain = <A, E>(program: Effect.Effect<A, E>): void => {
  Effect.runPromise(program).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exitCode = 1
  })
}
