/** @internal */
import * as Command from "@effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as client from "../client.js"
import * as inputs from "../inputs.js"
import * as options from "../options.js"

export const exists = Command.make("exists", {
  plainHttp: options.plainHttp,
  creds: options.creds,
  ref: options.argument("REF", "The image or index to look for.")
}).pipe(
  Command.withDescription(
    "Print whether a reference names something: true or false. Both end with exit code 0; a registry that refuses or " +
      "cannot be reached is a failure."
  ),
  Command.withHandler(Effect.fnUntraced(function*({ creds, plainHttp, ref }) {
    const image = yield* inputs.reference(ref, inputs.argument(1, "REF"))
    const registry = yield* client.one(plainHttp, {
      registries: [image.registry],
      login: options.logins.only,
      user: creds
    })
    yield* Console.log(String(yield* registry.checkExists(image)))
  }))
)
