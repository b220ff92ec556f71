/** A program that copies images with one client, eight at a time: `batch SOURCE DESTINATION SOURCE DESTINATION …`. */
import * as Effect from "effect/Effect"
import * as RegistryClient from "../../src/RegistryClient.js"
import { runMain, withClient } from "./program.js"

const references = process.argv.slice(2)
const copies = references.flatMap((source, index) => index % 2 === 1 ? [] : [[source, references[index + 1] ?? ""]])

runMain(withClient(
  Effect.forEach(copies, ([source = "", destination = ""]) => RegistryClient.copy(source, destination), {
    concurrency: 8,
    discard: true
  })
))
