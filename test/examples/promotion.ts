/**
 * Promotes an image from a staging registry to a production registry: whatever the tag names at this moment, image or
 * index, is copied by its digest, so that a push to the tag in the meantime cannot slip in.
 *
 *     npx tsx test/examples/promotion.ts staging.example/app:candidate prod.example/app:1.4.2
 *
 * User and password of the two registries come from STAGING_USER, STAGING_PASSWORD, PROD_USER and PROD_PASSWORD; without
 * them a registry is used anonymously.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Credentials, Reference, RegistryClient } from "effect-oci"
import * as NodeRegistry from "effect-oci/NodeRegistry"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

const promote = Effect.fnUntraced(function*(candidate: Reference.Reference, release: Reference.Reference) {
  const digest = yield* RegistryClient.getDigest(candidate)
  const { registry, repository } = candidate
  const result = yield* RegistryClient.copy(new Reference.Reference({ registry, repository, digest }), release)
  yield* Console.log(
    result.outcome === "Skipped"
      ? `${release} is ${digest} already`
      : `${release} is now ${result.digest}; ${result.bytes} bytes were uploaded`
  )
})

const credentials = (staging: string, prod: string) => {
  const login = (side: string) => ({
    username: Config.string(`${side}_USER`).pipe(Config.withDefault("")),
    password: Config.redacted(`${side}_PASSWORD`).pipe(Config.withDefault(Redacted.make("")))
  })
  return Credentials.layerHostsConfig({ [staging]: login("STAGING"), [prod]: login("PROD") })
}

const usage = `Usage: npx tsx test/examples/promotion.ts CANDIDATE RELEASE
STAGING_USER and STAGING_PASSWORD are for the candidate's registry, PROD_USER and PROD_PASSWORD for the release's.`

const program = Effect.gen(function*() {
  const [from, to, ...more] = process.argv.slice(2)
  if (from === undefined || to === undefined || more.length > 0) {
    process.exitCode = 2
    return yield* Console.error(usage)
  }
  const candidate = yield* Reference.parse(from, "source")
  const release = yield* Reference.parse(to, "destination")
  const layer = RegistryClient.layer().pipe(
    Layer.provide(credentials(candidate.registry, release.registry)),
    Layer.provide(NodeRegistry.layerHttp())
  )
  yield* Effect.provide(promote(candidate, release), layer)
})

NodeRuntime.runMain(program)
