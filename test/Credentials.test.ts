import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Credentials from "../src/Credentials.js"

const ask = <E>(layer: Layer.Layer<Credentials.Credentials, E>, registry: string) =>
  Effect.provide(
    Effect.flatMap(
      Credentials.Credentials,
      (service) => service.get({ registry, repository: "a/b", actions: ["pull"] })
    ),
    layer
  )
const user = (credential: Option.Option<Credentials.Credential>) =>
  Option.match(credential, {
    onNone: () => "none",
    onSome: (one) => one._tag === "Basic" ? `${one.username}:${Redacted.value(one.password)}` : one._tag
  })

describe("Credentials", () => {
  it.effect("layerAnonymous has none", () =>
    Effect.gen(function*() {
      assert.strictEqual(user(yield* ask(Credentials.layerAnonymous, "docker.io")), "none")
    }))

  it.effect("layerBasic is for its registry alone", () =>
    Effect.gen(function*() {
      const layer = Credentials.layerBasic({
        registry: "Example.com:5000",
        username: "u",
        password: Redacted.make("p")
      })
      assert.strictEqual(user(yield* ask(layer, "example.com:5000")), "u:p")
      for (const other of ["example.com", "sub.example.com:5000", "docker.io", "__proto__", "constructor"]) {
        assert.strictEqual(user(yield* ask(layer, other)), "none")
      }
    }))

  it.effect("Docker Hub's names are one", () =>
    Effect.gen(function*() {
      for (const name of ["docker.io", "index.docker.io", "registry-1.docker.io"]) {
        const layer = Credentials.layerHosts({ [name]: Credentials.bearer(Redacted.make("t")) })
        for (const asked of ["docker.io", "index.docker.io", "registry-1.docker.io"]) {
          assert.strictEqual(user(yield* ask(layer, asked)), "Bearer")
        }
      }
    }))

  it.effect("an empty user and password are no credential, an empty user with a token is one", () =>
    Effect.gen(function*() {
      const basic = (password: string) =>
        Credentials.layerBasic({ registry: "a.example", username: "", password: Redacted.make(password) })
      assert.strictEqual(user(yield* ask(basic(""), "a.example")), "none")
      assert.strictEqual(user(yield* ask(basic("x"), "a.example")), ":x")
    }))

  it.effect("refuses names that are not of a registry, and two of one", () =>
    Effect.gen(function*() {
      const one = Credentials.basic("u", Redacted.make("S3CRET"))
      for (
        const hosts of [
          { "https://ghcr.io": one },
          { "https://u:S3CRET@ghcr.io": one },
          { "u:S3CRET@ghcr.io": one },
          { "": one },
          { "a/b": one },
          {
            "docker.io": one,
            "index.docker.io": one
          }
        ]
      ) {
        const error = yield* Effect.flip(Credentials.make(hosts))
        assert.strictEqual(error._tag, "CredentialsError")
        assert.notInclude(error.message, "S3CRET")
      }
    }))

  it.effect("layerConfig reads the configuration", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromMap(new Map([["USER", "u"], ["PASS", "p"]]))
      const layer = Credentials.layerConfig({
        registry: Config.succeed("ghcr.io"),
        username: Config.string("USER"),
        password: Config.redacted("PASS")
      })
      assert.strictEqual(user(yield* Effect.withConfigProvider(ask(layer, "ghcr.io"), provider)), "u:p")
      const hosts = Credentials.layerHostsConfig({
        "ghcr.io": { username: Config.string("USER"), password: Config.redacted("PASS") }
      })
      assert.strictEqual(user(yield* Effect.withConfigProvider(ask(hosts, "ghcr.io"), provider)), "u:p")
      const error = yield* Effect.flip(
        Effect.withConfigProvider(ask(layer, "ghcr.io"), ConfigProvider.fromMap(new Map()))
      )
      assert.notStrictEqual((error as { readonly _tag?: string })._tag, "CredentialsError")
    }))
})
