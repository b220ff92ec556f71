/** @internal */
import * as Command from "@effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { printable } from "../../internal/text.js"
import * as client from "../client.js"
import * as inputs from "../inputs.js"
import * as options from "../options.js"

export const platforms = Command.make("platforms", {
  plainHttp: options.plainHttp,
  creds: options.creds,
  ref: options.argument("REF", "The index, like docker.io/library/alpine:3.20.")
}).pipe(
  Command.withDescription("Print the platforms of an index, a line each: the platform, a tab, the image's digest."),
  Command.withHandler(Effect.fnUntraced(function*({ creds, plainHttp, ref }) {
    const image = yield* inputs.reference(ref, inputs.argument(1, "REF"))
    const registry = yield* client.one(plainHttp, {
      registries: [image.registry],
      login: options.logins.only,
      user: creds
    })
    const digests = yield* registry.getPlatformDigests(image)
    // Whoever pushed the index wrote these names: no control character of theirs may reach a terminal or break a line.
    yield* Effect.forEach(
      Object.entries(digests),
      ([platform, digest]) => Console.log(`${printable(platform)}\t${digest}`),
      { discard: true }
    )
  }))
)
