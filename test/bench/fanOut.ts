/** A program that copies one image to several destinations with one client: `fanOut SOURCE DESTINATION …`. */
import * as Effect from "effect/Effect"
import * as RegistryClient from "../../src/RegistryClient.js"
import { runMain, withClient } from "./program.js"

const [source = "", ...destinations] = process.argv.slice(2)

runMain(withClient(
  Effect.forEach(destinations, (destination) => RegistryClient.copy(source, destination), {
    concurrency: "unbounded",
    discard: true
  })
))
