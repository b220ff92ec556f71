/** @internal */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CopyFailure } from "../../RegistryClient.js"
import * as client from "../client.js"
import { paragraph, Reported, UsageError } from "../failure.js"
import * as inputs from "../inputs.js"
import * as options from "../options.js"
import * as Plan from "../plan.js"
import * as Progress from "../progress.js"
import * as transfer from "../transfer.js"

/** The end of one destination: of its copy, or of the plan for it. */
type End<A> =
  | { readonly _tag: "Success"; readonly destination: string; readonly result: A }
  | { readonly _tag: "Failure"; readonly destination: string; readonly error: CopyFailure }

/** Prints what became of each destination; a single one fails as the command does. */
const tell = <A>(
  ends: ReadonlyArray<End<A>>,
  print: (destination: string, result: A) => Effect.Effect<void>
): Effect.Effect<void, CopyFailure | Reported> =>
  Effect.gen(function*() {
    for (const end of ends) {
      if (end._tag === "Success") yield* print(end.destination, end.result)
      else if (ends.length === 1) return yield* Effect.fail(end.error)
      else yield* Console.error(paragraph(end.error))
    }
    if (ends.some(({ _tag }) => _tag === "Failure")) return yield* new Reported()
  })

export const copy = Command.make("copy", {
  platform: options.platform,
  ...transfer.config,
  dryRun: options.flag(
    "dry-run",
    "Only read, and print what a copy would do: the blobs and manifests that are there, and those to be uploaded, " +
      "mounted and pushed. What goes to a repository for one destination is not counted again for the next."
  ),
  plainHttp: options.plainHttp,
  sourceCreds: options.sourceCreds,
  destinationCreds: options.destinationCreds,
  source: options.argument("SRC", "The image or index to copy."),
  destinations: options.argument(
    "DST",
    "Where to copy it to, repository and tag. To several at once each blob is read only once."
  ).pipe(Args.atLeast(1))
}).pipe(
  Command.withDescription(
    "Copy whatever a reference names, image or index, byte for byte, and print the digest it has at the destination. " +
      "With several destinations there is a line for each: the digest, a tab, the destination. One that fails does not " +
      "stop the others; the exit code is 1 then."
  ),
  Command.withHandler(Effect.fnUntraced(function*(args) {
    const source = yield* inputs.reference(args.source, inputs.argument(1, "SRC"), "source")
    const destinations = yield* Effect.forEach(
      args.destinations,
      (name, i) => inputs.reference(name, inputs.argument(i + 2, "DST"), "destination")
    )
    const names = destinations.map(String)
    const twice = names.find((name, i) => names.indexOf(name) < i)
    if (twice !== undefined) return yield* new UsageError({ message: `${twice} is there twice` })
    const platform = yield* Effect.transposeMapOption(args.platform, (name) => inputs.platform(name, "--platform"))
    if (Option.isSome(platform)) {
      const other = args.platforms.length > 0 ? "platforms" : args.noAttestations ? "no-attestations" : "sparse"
      if (args.platforms.length > 0 || args.noAttestations || args.sparse) {
        return yield* new UsageError({
          message: `--${other} is about what an index names, and --platform copies a single image: one or the other`
        })
      }
    }
    const how = yield* transfer.read(args)
    const clients = yield* client.two(args.plainHttp, {
      source: { registries: [source.registry], login: options.logins.source, user: args.sourceCreds },
      destination: {
        registries: destinations.map(({ registry }) => registry),
        login: options.logins.destination,
        user: args.destinationCreds
      }
    })
    const all = { ...how, destination: clients.destination, platform: Option.getOrUndefined(platform) }

    yield* Progress.quietly(args.quiet)(Effect.gen(function*() {
      if (args.dryRun) {
        const plans = yield* Effect.forEach(
          destinations,
          (to) =>
            Effect.match(clients.source.planCopy(source, to, all), {
              onFailure: (error) => ({ _tag: "Failure", destination: String(to), error }) as const,
              onSuccess: (result) => ({ _tag: "Success", destination: String(to), result }) as const
            })
        )
        const linesOf = Plan.teller()
        return yield* tell(plans, (name, plan) => Console.log(linesOf(name, plan).join("\n")))
      }
      const outcomes = yield* Progress.watch(
        "known",
        (onEvent) => clients.source.copyTo(source, destinations, { ...all, onEvent })
      )
      const isOne = outcomes.length === 1
      yield* tell(outcomes, (name, result) =>
        Effect.zipRight(
          Console.log(isOne ? result.digest : `${result.digest}\t${name}`),
          Progress.note(isOne ? Progress.summary(result) : `${name}: ${Progress.summary(result)}`)
        ))
    }))
  }))
)
