/** @internal */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Platform from "../../Platform.js"
import * as client from "../client.js"
import { UsageError } from "../failure.js"
import * as inputs from "../inputs.js"
import * as options from "../options.js"
import * as Progress from "../progress.js"

const name = "PLATFORM=REF"

const parseEntry = Effect.fnUntraced(function*(entry: string, i: number) {
  const place = inputs.argument(i + 2, name)
  const at = entry.indexOf("=")
  if (at < 1 || at === entry.length - 1) {
    return yield* new UsageError({
      message: `${place} must be a platform, "=" and a reference, like linux/amd64=registry.example/app:1.0-amd64`
    })
  }
  const platform = entry.slice(0, at)
  const key = Platform.key(yield* inputs.platform(platform, `what is before "=" in ${place}`))
  return {
    key,
    platform,
    image: yield* inputs.reference(entry.slice(at + 1), `what follows "=" in ${place}`, "manifest")
  }
})

export const create = Command.make("create", {
  format: options.choice(
    "format",
    ["docker", "oci"],
    "The kind of list. By default Docker's when all images are Docker's, else OCI's."
  ),
  plainHttp: options.plainHttp,
  sourceCreds: options.sourceCreds,
  destinationCreds: options.destinationCreds,
  destination: options.argument("DST", "The index to make, repository and tag."),
  entries: options.argument(
    name,
    "A platform and the image for it. Of a reference that names an index, the platform's image is taken."
  ).pipe(Args.atLeast(1))
}).pipe(
  Command.withDescription("Make an index of images, push it, and print its digest."),
  Command.withHandler(Effect.fnUntraced(function*(args) {
    const destination = yield* inputs.reference(args.destination, inputs.argument(1, "DST"), "destination")
    const entries = yield* Effect.forEach(args.entries, parseEntry)
    for (const { key } of entries) {
      const same = entries.filter((entry) => entry.key === key).map(({ platform }) => JSON.stringify(platform))
      if (same.length > 1) {
        return yield* new UsageError({ message: `there is more than one image for ${key}: ${same.join(" and ")}` })
      }
    }
    const clients = yield* client.two(args.plainHttp, {
      source: {
        registries: entries.map(({ image }) => image.registry),
        login: options.logins.source,
        user: args.sourceCreds
      },
      destination: {
        registries: [destination.registry],
        login: options.logins.destination,
        user: args.destinationCreds
      }
    })
    const work = Effect.forEach(
      entries,
      ({ image, platform }) =>
        Effect.map(clients.source.getImageHandle(image, { platform }), (handle) => [platform, handle] as const),
      { concurrency: 4 }
    ).pipe(
      Effect.flatMap((images) =>
        clients.destination.pushManifestList(destination, Object.fromEntries(images), {
          format: Option.getOrUndefined(args.format)
        })
      )
    )
    const digest = yield* Progress.watch("growing", () => work)
    yield* Console.log(digest)
  }))
)

export const index = Command.make("index").pipe(
  Command.withDescription("Work with indexes, the lists of images by platform."),
  Command.withSubcommands([create])
)
