/** @internal */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as NodeRegistryServer from "../../NodeRegistryServer.js"
import * as RegistryServer from "../../RegistryServer.js"
import * as options from "../options.js"
import * as Signal from "../signal.js"

/** The registry of the command. Nobody reads its log, which would only take memory. */
export const makeRegistry = (storage: Option.Option<RegistryServer.Storage>) =>
  RegistryServer.make({ storage: Option.getOrUndefined(storage), logSize: 0 })

export const serve = Command.make("serve", {
  port: options.port,
  data: Options.text("data").pipe(
    Options.withPseudoName("DIR"),
    Options.withDescription(
      "Keep the images in this directory, an OCI image layout for each repository. Without it they are in memory and " +
        "gone at the end."
    ),
    Options.optional
  )
}).pipe(
  Command.withDescription(
    "Run the embedded registry on 127.0.0.1, print its address, and go on until Ctrl-C or SIGTERM. It is for trying " +
      "things out and for tests, not for production."
  ),
  Command.withHandler(Effect.fnUntraced(function*({ data, port }) {
    const storage = yield* Effect.transposeMapOption(data, RegistryServer.storageDirectory)
    const registry = yield* makeRegistry(storage)
    const { host } = yield* NodeRegistryServer.serve(registry, { port })
    yield* Console.log(host)
    yield* Signal.endsWell
    return yield* Effect.never
  }, Effect.scoped))
)
