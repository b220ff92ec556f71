/** @internal */
import * as Command from "@effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { printable } from "../../internal/text.js"
import * as client from "../client.js"
import * as inputs from "../inputs.js"
import * as options from "../options.js"
import * as Output from "../output.js"

export const tags = Command.make("tags", {
  plainHttp: options.plainHttp,
  creds: options.creds,
  repo: options.argument("REPO", "The repository, without a tag, like docker.io/library/alpine.")
}).pipe(
  Command.withDescription("Print the tags of a repository, a line each."),
  Command.withHandler(Effect.fnUntraced(function*({ creds, plainHttp, repo }) {
    const repository = yield* inputs.repository(repo, inputs.argument(1, "REPO"))
    const registry = yield* client.one(plainHttp, {
      registries: [repository.registry],
      login: options.logins.only,
      user: creds
    })
    yield* Stream.runForEachWhile(
      registry.listTags(repository),
      (tag) => Effect.zipRight(Console.log(printable(tag)), Output.isOpen)
    )
  }))
)
