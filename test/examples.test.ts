import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SampleImage from "../src/cli/sampleImage.js"
import * as NodeRegistryServer from "../src/NodeRegistryServer.js"
import * as Platform from "../src/Platform.js"
import * as RegistryServer from "../src/RegistryServer.js"
import { run } from "./utils/spawn.js"

const time = { timeout: 60_000 }

const registry = Effect.fnUntraced(function*(options?: RegistryServer.Options) {
  const server = yield* RegistryServer.make(options)
  return { server, ...(yield* NodeRegistryServer.serve(server)) }
})

const sample = Effect.map(
  Effect.forEach(["linux/amd64", "linux/arm64"], (platform) => Platform.parse(platform)),
  SampleImage.make
)

describe("examples", () => {
  it.scopedLive("promotion", () =>
    Effect.gen(function*() {
      const staging = yield* registry({ auth: { _tag: "Basic", users: { tester: "staging password" } } })
      const prod = yield* registry({ auth: { _tag: "Bearer", users: { releaser: "prod password" } } })
      const digest = yield* SampleImage.push(yield* sample, yield* staging.server.repository("app"), "candidate")
      const args = [`${staging.host}/app:candidate`, `${prod.host}/app:1.4.2`]
      const environment = {
        STAGING_USER: "tester",
        STAGING_PASSWORD: "staging password",
        PROD_USER: "releaser",
        PROD_PASSWORD: "prod password"
      }

      const first = yield* run("test/examples/promotion.ts", args, environment)
      assert.deepStrictEqual({ code: first.code, err: first.err }, { code: 0, err: "" })
      assert.include(first.out, `is now ${digest}`)
      assert.strictEqual((yield* (yield* prod.server.repository("app")).resolve("1.4.2")).digest, digest)

      const second = yield* run("test/examples/promotion.ts", args, environment)
      assert.include(second.out, `is ${digest} already`)
    }), time)

  it.scopedLive("manifestList", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry({ auth: { _tag: "Bearer", users: { builder: "build password" } } })
      const { blobs, images } = yield* sample
      const app = yield* server.repository("app")
      const build = yield* server.repository("build")
      for (const repository of [app, build]) {
        yield* Effect.forEach(blobs, ({ descriptor, raw }) => repository.putBlob(descriptor, Stream.make(raw)))
      }
      const [amd64, arm64] = images
      assert.isDefined(amd64)
      assert.isDefined(arm64)
      if (amd64 === undefined || arm64 === undefined) return
      yield* app.putManifest(amd64, { tag: "2.0-amd64" })
      yield* build.putManifest(arm64, { tag: "2.0-arm64" })

      const { code, err, out } = yield* run("test/examples/manifestList.ts", [
        `${host}/app:2.0`,
        `linux/amd64=${host}/app:2.0-amd64`,
        `linux/arm64=${host}/build:2.0-arm64`
      ], { REGISTRY_USER: "builder", REGISTRY_PASSWORD: "build password" })
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      const { digest } = yield* app.resolve("2.0")
      assert.strictEqual(
        out,
        [
          `${host}/app:2.0 is now ${digest}`,
          `linux/amd64  ${amd64.descriptor.digest}`,
          `linux/arm64  ${arm64.descriptor.digest}`,
          ""
        ].join("\n")
      )
    }), time)

  it.live("say how they are called when they are called without arguments", () =>
    Effect.gen(function*() {
      for (const name of ["promotion", "manifestList"]) {
        const { code, err, out } = yield* run(`test/examples/${name}.ts`)
        assert.deepStrictEqual({ code, out }, { code: 2, out: "" })
        assert.isTrue(err.startsWith(`Usage: npx tsx test/examples/${name}.ts `), err)
      }
    }), time)

  it.live("ownCode", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* run("test/examples/ownCode.ts"), {
        code: 0,
        out: "rollout does what it should\n",
        err: ""
      })
    }), time)
})
