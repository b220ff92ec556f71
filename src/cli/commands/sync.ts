/** @internal */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Copy from "../../Copy.js"
import { printable } from "../../internal/text.js"
import * as client from "../client.js"
import { paragraph, Reported } from "../failure.js"
import * as inputs from "../inputs.js"
import * as options from "../options.js"
import * as Progress from "../progress.js"
import * as transfer from "../transfer.js"

interface Sums {
  copied: number
  skipped: number
  failed: number
  bytes: number
}

const describe = ({ bytes, copied, failed, skipped }: Sums): string =>
  `tags: ${copied} copied (${Progress.formatBytes(bytes)}), ${skipped} skipped, ${failed} failed`

const tell = (outcome: Copy.TagOutcome, sums: Sums): Effect.Effect<void> => {
  if (outcome._tag === "Failure") {
    sums.failed++
    return Progress.complain(paragraph(outcome.error))
  }
  const { result, tag } = outcome
  sums[result.outcome === "Copied" ? "copied" : "skipped"]++
  sums.bytes += result.bytes
  return Progress.print(`${printable(tag)}\t${result.digest}\t${result.outcome}`)
}

export const sync = Command.make("sync", {
  include: options.repeated(
    "include",
    "PATTERN",
    "Copy the tags that match this, with * for any run of characters and ? for one. May be given several times. With " +
      "--semver too a tag is copied that either of them means; without both all are, but those made of digests " +
      "(sha256-…), which only a PATTERN that begins so means."
  ),
  exclude: options.repeated(
    "exclude",
    "PATTERN",
    "Of the tags that --include and --semver mean, leave out those that match this. May be given several times."
  ),
  semver: options.named(
    "semver",
    "RANGE",
    "Copy the tags that are versions in this range, as npm has them: ^1.2, or \">=3.18 <4\". A tag may begin with v and " +
      "leave out its last parts. One with a suffix, like 1.2.3-alpine or 2.0.0-rc.1, is in a range only when the range " +
      "names a suffix of that same version, like >=1.2.3-0; --include \"*-alpine\" means all such tags."
  ).pipe(Options.optional),
  ...transfer.config,
  tagsAtOnce: options.count("tags-at-once", "How many tags to copy at once. 4 by default."),
  plainHttp: options.plainHttp,
  sourceCreds: options.sourceCreds,
  destinationCreds: options.destinationCreds,
  source: options.argument("SRC", "The repository to copy from, without a tag."),
  destination: options.argument("DST", "The repository to copy to, without a tag.")
}).pipe(
  Command.withDescription(
    "Copy the tags of a repository, all or some, to the same tags of another, and print a line for each. A line is the tag, a tab, its " +
      "digest, a tab, and Copied or Skipped (it was there already, or is kept). Lines come as the copies end, not in the " +
      "order of the tags. A tag that fails does not stop the others; the exit code is 1 then."
  ),
  Command.withHandler(Effect.fnUntraced(function*(args) {
    const source = yield* inputs.repository(args.source, inputs.argument(1, "SRC"), "source")
    const destination = yield* inputs.repository(args.destination, inputs.argument(2, "DST"), "destination")
    const how = yield* transfer.read(args)
    const tags: Copy.TagSelection = {
      include: args.include.length === 0 ? undefined : args.include,
      exclude: args.exclude,
      semver: Option.getOrUndefined(args.semver)
    }
    yield* inputs.tags(tags)
    const clients = yield* client.two(args.plainHttp, {
      source: { registries: [source.registry], login: options.logins.source, user: args.sourceCreds },
      destination: {
        registries: [destination.registry],
        login: options.logins.destination,
        user: args.destinationCreds
      }
    })
    const sums: Sums = { copied: 0, skipped: 0, failed: 0, bytes: 0 }
    yield* Progress.watch("growing", (onEvent) =>
      clients.source.copyRepository(source, destination, {
        ...how,
        destination: clients.destination,
        onEvent,
        tagConcurrency: Option.getOrUndefined(args.tagsAtOnce),
        tags
      }).pipe(Stream.runForEach((outcome) => tell(outcome, sums)))).pipe(Progress.quietly(args.quiet))
    if (sums.copied + sums.skipped + sums.failed === 0) {
      const asked = [
        ...args.include.map((pattern) => `--include ${JSON.stringify(pattern)}`),
        ...Option.toArray(args.semver).map((range) => `--semver ${JSON.stringify(printable(range))}`),
        ...args.exclude.map((pattern) => `--exclude ${JSON.stringify(pattern)}`)
      ]
      const why = asked.length === 0 ? "there is none" : `none is meant by ${asked.join(" ")}`
      yield* Console.error(`warning: no tag of ${source.registry}/${source.repository} was copied: ${why}`)
    }
    if (!args.quiet) yield* Console.error(describe(sums))
    if (sums.failed > 0) return yield* new Reported()
  }))
)
