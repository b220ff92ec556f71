/**
 * The command `effect-oci`: its subcommands, and what becomes of their failures.
 *
 * @internal
 */
import type * as CliApp from "@effect/cli/CliApp"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import { printable } from "../internal/text.js"
import { version } from "../internal/version.js"
import * as client from "./client.js"
import { copy } from "./commands/copy.js"
import { digest } from "./commands/digest.js"
import { exists } from "./commands/exists.js"
import { index } from "./commands/index.js"
import { platforms } from "./commands/platforms.js"
import { referrers } from "./commands/referrers.js"
import { serve } from "./commands/serve.js"
import { sync } from "./commands/sync.js"
import { tags } from "./commands/tags.js"
import { exitCodes, settle } from "./failure.js"
import * as Help from "./help.js"
import { pages } from "./pages.js"
import * as Progress from "./progress.js"
import * as Words from "./words.js"

const root = Command.make("effect-oci").pipe(
  Command.withDescription("Read, copy and assemble images in OCI container registries"),
  Command.withSubcommands([copy, sync, digest, platforms, exists, index, tags, referrers, serve])
)

const parse = Command.run(root, { name: "effect-oci", version, executable: "effect-oci" })

const isTerminal = process.stderr.isTTY === true

/**
 * Standard output is for results: what is logged goes to standard error, a plain line each, in place of what a terminal's
 * line shows of the progress.
 */
const logger = Logger.withConsoleError(
  Logger.make<unknown, string>(({ logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    return `${isTerminal ? Progress.erase : ""}${logLevel._tag.toLowerCase()}: ${printable(text)}`
  })
)

const layer = Layer.mergeAll(
  client.layerHttp,
  Progress.layer(),
  // Correction within a letter or two would take --platforms for --platform.
  CliConfig.layer({ showBuiltIns: false, autoCorrectLimit: 0, isCaseSensitive: true }),
  Logger.replace(Logger.defaultLogger, logger),
  // Whoever waits for a registry that is tried again is told so, and of its warnings.
  Logger.minimumLogLevel(LogLevel.Warning)
)

/**
 * Runs the command with the words of the command line, `process.argv` as it is. Results and help are written to the
 * console's `log`, everything else to its `error`. Gives back the exit code.
 */
export const run = (argv: ReadonlyArray<string>): Effect.Effect<number, never, CliApp.CliApp.Environment> =>
  Option.match(Help.requested(pages, argv.slice(2)), {
    onNone: () => Effect.flatMap(Words.read(pages, argv.slice(2)), (words) => parse([...argv.slice(0, 2), ...words])),
    onSome: (page) => Console.log(page)
  }).pipe(
    Effect.as(0),
    Effect.provide(layer),
    // `@effect/cli` has printed it already.
    Effect.catchIf(ValidationError.isValidationError, () => Effect.succeed<number>(exitCodes.usage)),
    settle
  )
