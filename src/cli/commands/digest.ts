/** @internal */
import * as Command from "@effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as client from "../client.js"
import * as inputs from "../inputs.js"
import * as options from "../options.js"

export const digest = Command.make("digest", {
  plainHttp: options.plainHttp,
  creds: options.creds,
  ref: options.argument("REF", "The image or index, like docker.io/library/alpine:3.20.")
}).pipe(
  Command.withDescription("Print the digest of what a reference names."),
  Command.withHandler(Effect.fnUntraced(function*({ creds, plainHttp, ref }) {
    const image = yield* inputs.reference(ref, inputs.argument(1, "REF"))
    const registry = yield* client.one(plainHttp, {
      registries: [image.registry],
      login: options.logins.only,
      user: creds
    })
    yield* Console.log(yield* registry.getDigest(image))
  }))
)
