/** @internal */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { printable } from "../../internal/text.js"
import * as client from "../client.js"
import * as inputs from "../inputs.js"
import * as options from "../options.js"
import * as Output from "../output.js"

export const referrers = Command.make("referrers", {
  artifactType: options.named(
    "artifact-type",
    "TYPE",
    "Only those of this type, like application/spdx+json."
  ).pipe(Options.optional),
  plainHttp: options.plainHttp,
  creds: options.creds,
  ref: options.argument("IMAGE", "The image or index that is referred to.")
}).pipe(
  Command.withDescription(
    "Print what refers to an image, like signatures and software bills of materials, a line each. A line is the digest, a " +
      "tab, the artifact type or -, a tab, and the size of its manifest in bytes."
  ),
  Command.withHandler(Effect.fnUntraced(function*({ artifactType, creds, plainHttp, ref }) {
    const image = yield* inputs.reference(ref, inputs.argument(1, "IMAGE"))
    const registry = yield* client.one(plainHttp, {
      registries: [image.registry],
      login: options.logins.only,
      user: creds
    })
    yield* registry.listReferrers(image, { artifactType: Option.getOrUndefined(artifactType) }).pipe(
      // Whoever pushed the referrer chose its type: no control character of theirs may reach a terminal.
      Stream.runForEachWhile(({ artifactType, digest, size }) =>
        Effect.zipRight(Console.log(`${digest}\t${printable(artifactType ?? "") || "-"}\t${size}`), Output.isOpen)
      )
    )
  }))
)
