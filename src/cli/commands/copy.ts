/** @internal */
import * as Command from "@effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Platform from "../../Platform.js"
import * as Reference from "../../Reference.js"
import * as client from "../client.js"
import * as options from "../options.js"
import * as Progress from "../progress.js"

export const copy = Command.make("copy", {
  platform: options.platform,
  plainHttp: options.plainHttp,
  sourceCreds: options.sourceCreds,
  destinationCreds: options.destinationCreds,
  source: options.argument("SRC", "The image or index to copy."),
  destination: options.argument("DST", "Where to copy it to, repository and tag.")
}).pipe(
  Command.withDescription(
    "Copy whatever a reference names, image or index, byte for byte, and print the digest it has at the destination"
  ),
  Command.withHandler(Effect.fnUntraced(function*(args) {
    const source = yield* Reference.parse(args.source, "source")
    const destination = yield* Reference.parse(args.destination, "destination")
    const platform = yield* Effect.transposeMapOption(args.platform, Platform.parse)
    const clients = yield* client.two(args.plainHttp, {
      source: { registries: [source.registry], login: options.logins.source, user: args.sourceCreds },
      destination: {
        registries: [destination.registry],
        login: options.logins.destination,
        user: args.destinationCreds
      }
    })
    const result = yield* clients.source.copy(source, destination, {
      destination: clients.destination,
      platform: Option.getOrUndefined(platform)
    }).pipe(Progress.watch)
    yield* Console.log(result.digest)
    yield* Progress.note(Progress.summary(result))
  }))
)
