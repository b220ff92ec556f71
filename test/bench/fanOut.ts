/** A program that copies one image to several destinations in one read: `fanOut SOURCE DESTINATION …`. */
import * as Effect from "effect/Effect"
import * as RegistryClient from "../../src/RegistryClient.js"
import { runMain, withClient } from "./program.js"

const [source = "", ...destinations] = process.argv.slice(2)

runMain(withClient(
  Effect.flatMap(RegistryClient.copyTo(source, destinations), (outcomes) =>
    Effect.forEach(
      outcomes,
      (outcome) => outcome._tag === "Success" ? Effect.void : Effect.fail(outcome.error),
      { discard: true }
    ))
))
