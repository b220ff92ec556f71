import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { version } from "../src/internal/version.js"
import type * as RegistryServer from "../src/RegistryServer.js"
import { assertParagraph, cli, push, registry, samplePlatforms } from "./cli/harness.js"

const users = { ci: "pass, word=hunter2" }
const basic: RegistryServer.Options = { auth: { _tag: "Basic", users } }

describe("effect-oci", () => {
  it.scopedLive("copies an index", () =>
    Effect.gen(function*() {
      const source = yield* registry()
      const destination = yield* registry()
      const { index } = yield* push(source.server, "app", "1.0")
      const result = yield* cli(["copy", `${source.host}/app:1.0`, `${destination.host}/copied:1.0`])
      assert.deepStrictEqual(result, { code: 0, out: index, err: "" })
      const copied = yield* destination.server.repository("copied")
      assert.strictEqual((yield* copied.resolve("1.0")).digest, index)
    }))

  it.scopedLive("copies one platform, options before or after the references", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const { digests } = yield* push(server, "app", "1.0")
      const references = [`${host}/app:1.0`, `${host}/app:arm`]
      const before = yield* cli(["copy", "--platform", "linux/arm64", ...references])
      const after = yield* cli(["copy", ...references, "--platform=linux/arm64"])
      assert.deepStrictEqual(before, { code: 0, out: `${digests[1]}`, err: "" })
      assert.deepStrictEqual(after, before)
    }))

  it.scopedLive("says which platforms there are when the one asked for is missing", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      yield* push(server, "app", "1.0")
      const result = yield* cli(["copy", "--platform", "linux/s390x", `${host}/app:1.0`, `${host}/app:other`])
      assert.strictEqual(result.code, 1)
      assertParagraph(result.err)
      for (const platform of ["linux/s390x", ...samplePlatforms]) assert.include(result.err, platform)
    }))

  it.scopedLive("prints a digest", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const { index } = yield* push(server, "app", "1.0")
      assert.deepStrictEqual(yield* cli(["digest", `${host}/app:1.0`]), { code: 0, out: index, err: "" })
      const missing = yield* cli(["digest", `${host}/app:2.0`])
      assert.strictEqual(missing.code, 1)
      assert.strictEqual(missing.out, "")
      assertParagraph(missing.err)
      assert.include(missing.err, `${host}/app:2.0`)
    }))

  it.scopedLive("prints platforms, a line each", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const { digests } = yield* push(server, "app", "1.0")
      const result = yield* cli(["platforms", `${host}/app:1.0`])
      assert.strictEqual(result.code, 0)
      assert.sameMembers(result.out.split("\n"), samplePlatforms.map((platform, i) => `${platform}\t${digests[i]}`))
      const single = yield* cli(["platforms", `${host}/app@${digests[1]}`])
      assert.strictEqual(single.code, 1)
      assertParagraph(single.err)
      assert.match(single.err, /it is a single image, for linux\/arm64$/)
    }))

  it.scopedLive("tells whether an image exists, with exit code 0 both ways, and fails when it cannot tell", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      yield* push(server, "app", "1.0")
      assert.deepStrictEqual(yield* cli(["exists", `${host}/app:1.0`]), { code: 0, out: "true", err: "" })
      assert.deepStrictEqual(yield* cli(["exists", `${host}/app:2.0`]), { code: 0, out: "false", err: "" })
      yield* server.setFaults([{ nth: "always", action: { _tag: "Status", status: 403 } }])
      const refused = yield* cli(["exists", `${host}/app:1.0`])
      assert.strictEqual(refused.code, 1)
      assert.strictEqual(refused.out, "")
      assertParagraph(refused.err)
      assert.include(refused.err, "403")
    }))

  it.scopedLive("makes an index of images from two repositories", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const { digests } = yield* push(server, "app", "1.0")
      const result = yield* cli([
        "index",
        "create",
        `${host}/assembled:1.0`,
        `linux/arm/v7=${host}/app:1.0`,
        `linux/amd64=${host}/app@${digests[0]}`
      ])
      assert.deepStrictEqual({ ...result, out: "" }, { code: 0, out: "", err: "" })
      const assembled = yield* server.repository("assembled")
      const manifest = yield* assembled.getManifest("1.0")
      assert.strictEqual(result.out, manifest.descriptor.digest)
      assert.strictEqual(manifest._tag, "Index")
      if (manifest._tag !== "Index") return
      assert.deepStrictEqual(manifest.content.manifests.map(({ digest }) => digest), [digests[0], digests[2]])
    }))

  it.scopedLive("makes an index of the kind that is asked for", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      yield* push(server, "app", "1.0")
      yield* cli(["index", "create", "--format", "docker", `${host}/app:list`, `linux/amd64=${host}/app:1.0`])
      const { mediaType } = yield* (yield* server.repository("app")).resolve("list")
      assert.strictEqual(mediaType, "application/vnd.docker.distribution.manifest.list.v2+json")
    }))

  it.scopedLive("lists tags, page by page", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry({ quirks: { pageSize: 1 } })
      for (const tag of ["1.0", "1.1", "2.0"]) yield* push(server, "app", tag)
      assert.deepStrictEqual(yield* cli(["tags", `${host}/app`]), { code: 0, out: "1.0\n1.1\n2.0", err: "" })
    }))

  it.scopedLive("logs in with the password of the environment, each side with its own", () =>
    Effect.gen(function*() {
      const source = yield* registry({ auth: { _tag: "Basic", users: { reader: "read it" } } })
      const destination = yield* registry(basic)
      const { index } = yield* push(source.server, "app", "1.0")
      const references = [`${source.host}/app:1.0`, `${destination.host}/app:1.0`]
      const options = ["--src-creds", "reader", "--dest-creds", "ci"]
      const environment = { EFFECT_OCI_SRC_PASSWORD: "read it", EFFECT_OCI_DEST_PASSWORD: users.ci }
      const result = yield* cli(["copy", ...options, ...references], environment)
      assert.deepStrictEqual(result, { code: 0, out: index, err: "" })
      const digest = yield* cli(["digest", "--creds", "ci", `${destination.host}/app:1.0`], {
        EFFECT_OCI_PASSWORD: users.ci
      })
      assert.deepStrictEqual(digest, { code: 0, out: index, err: "" })
    }))

  it.scopedLive("uses two users within one registry", () =>
    Effect.gen(function*() {
      const access: RegistryServer.Access = ({ actions, name, user }) =>
        (user === "reader" && name === "from") || (user === "writer" && name === "to") ? actions : []
      const both = { reader: "r", writer: "w" }
      const { host, server } = yield* registry({ auth: { _tag: "Basic", users: both, access } })
      const { index } = yield* push(server, "from", "1.0")
      const result = yield* cli(
        ["copy", "--src-creds", "reader", "--dest-creds", "writer", `${host}/from:1.0`, `${host}/to:1.0`],
        { EFFECT_OCI_SRC_PASSWORD: "r", EFFECT_OCI_DEST_PASSWORD: "w" }
      )
      assert.deepStrictEqual(result, { code: 0, out: index, err: "" })
    }))

  it.scopedLive("shows no password, whatever goes wrong", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry(basic)
      yield* push(server, "app", "1.0")
      const secret = "hunter2-wrong"
      const results = [
        yield* cli(["digest", "--creds", "ci", `${host}/app:1.0`], { EFFECT_OCI_PASSWORD: secret }),
        yield* cli(["digest", "--log-level", "debug", "--creds", "ci", `${host}/app:1.0`], {
          EFFECT_OCI_PASSWORD: secret
        }),
        yield* cli(["digest", "--creds", `ci:${secret}`, `${host}/app:1.0`]),
        yield* cli(["digest", `--creds=ci:${secret}`, `${host}/app:1.0`]),
        yield* cli(["digest", "--cred", `ci:${secret}`, `${host}/app:1.0`]),
        yield* cli(["digest", `--password=${secret}`, `${host}/app:1.0`]),
        yield* cli(["digest", `https://ci:${secret}@${host}/app:1.0`]),
        yield* cli(["index", "create", `${host}/app:x`, `https://ci:${secret}@${host}/app:1.0`]),
        yield* cli(["copy", `${host}/app:1.0`, `${host}/app:x`, `--if-exists=https://ci:${secret}@${host}`])
      ]
      assert.deepStrictEqual(results.map(({ code }) => code), [1, 1, 2, 2, 2, 2, 2, 2, 2])
      for (const { err, out } of results) {
        assert.notStrictEqual(err, "")
        assert.notInclude(out + err, "hunter2")
        assert.notInclude(out + err, btoa(`ci:${secret}`))
      }
      assert.include(results[0]?.err, "ci")
      assert.include(results[2]?.err, "EFFECT_OCI_PASSWORD")
    }))

  it.effect("says which variable the password is missing from, before any request", () =>
    Effect.gen(function*() {
      const wanted = [
        [["digest", "--creds", "ci", "registry.invalid/app"], "EFFECT_OCI_PASSWORD"],
        [["copy", "--src-creds", "ci", "registry.invalid/a", "registry.invalid/b"], "EFFECT_OCI_SRC_PASSWORD"],
        [["copy", "--dest-creds", "ci", "registry.invalid/a", "registry.invalid/b"], "EFFECT_OCI_DEST_PASSWORD"]
      ] as const
      for (const [args, variable] of wanted) {
        for (const environment of [{}, { [variable]: "" }]) {
          const { code, err } = yield* cli(args, environment)
          assert.strictEqual(code, 2)
          assertParagraph(err)
          assert.include(err, variable)
        }
      }
    }))

  it.effect("refuses wrong usage with exit code 2 and one report", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, told: RegExp]> = [
        [["copy", "registry.invalid/a"], /DST/],
        [["digest", "registry.invalid/a", "registry.invalid/b"], /^argument 2 is one too many: effect-oci digest REF /],
        [
          ["copy", "registry.invalid/UPPER", "registry.invalid/b"],
          /^argument 1 \(SRC\) .*source reference: .*lower case/
        ],
        [
          ["copy", "registry.invalid/a", "registry.invalid/b:!"],
          /^argument 2 \(DST\) .*destination reference: a tag has/
        ],
        [
          ["copy", "--plaform", "x", "registry.invalid/a", "registry.invalid/b"],
          /^word 2 .*: did you mean --platform\?$/
        ],
        [["copy", "registry.invalid/a", "registry.invalid/b", "--verbose"], /^word 4 .* --help lists the options$/],
        [
          ["copy", "registry.invalid/a", "--platform", "arm64", "--platform", "amd64"],
          /^--platform is given more than once/
        ],
        [["copy", "registry.invalid/a", "registry.invalid/b", "--quiet=very"], /^--quiet takes no value$/],
        [["digest", "--log-level", "loud", "registry.invalid/a"], /^--log-level must be one of all, .*debug/],
        [["digest", "--creds"], /^--creds needs a value$/],
        [
          ["copy", "--platform", "linux/", "registry.invalid/a", "registry.invalid/b"],
          /^--platform must be a platform/
        ],
        [["digest"], /REF/],
        [["digest", ""], /reference/],
        [["digest", "--plain-http", "not/a/host", "registry.invalid/a"], /^--plain-http must be the HOST/],
        [["exists", "registry.invalid/a@sha256:short"], /reference/],
        [["tags", "registry.invalid/UPPER"], /reference/],
        [["index", "create", "registry.invalid/a"], /PLATFORM=REF/],
        [["index", "create", "registry.invalid/a", "registry.invalid/b"], /^argument 2 \(PLATFORM=REF\) must/],
        [["index", "create", "registry.invalid/a", "linux/amd64="], /^argument 2 \(PLATFORM=REF\) must/],
        [
          ["index", "create", "registry.invalid/a", "non sense=registry.invalid/b"],
          /^what is before "=" in argument 2 /
        ],
        [
          ["index", "create", "registry.invalid/a", "linux/amd64=UPPER"],
          /^what follows "=" in argument 2 .* manifest reference/
        ],
        [
          ["index", "create", "registry.invalid/a", "linux/arm64=a", "linux/arm64/v8=b"],
          /one image .*: "linux\/arm64" and /
        ],
        [
          ["index", "create", "--src-creds", "ci", "registry.invalid/a", "linux/amd64=one.invalid/b", "linux/arm64=b"],
          /--src-creds is for one registry/
        ],
        [
          ["index", "create", "--format", "tar", "registry.invalid/a", "linux/amd64=b"],
          /--format must be one of docker, oci$/
        ],
        [["serve", "--port", "70000"], /--port must be a port from 0 to 65535$/],
        [["serve", "--port", "many"], /--port must be a port from 0 to 65535$/],
        [
          ["cpoy", "registry.invalid/a", "registry.invalid/b"],
          /^word 1 after effect-oci must be a command, one of these: copy, /
        ],
        [["index", "delete"], /^word 2 after effect-oci must be a command/]
      ]
      for (const [args, told] of wrong) {
        const { code, err, out } = yield* cli(args)
        assert.deepStrictEqual({ args, code, out }, { args, code: 2, out: "" })
        assertParagraph(err)
        assert.match(err, told)
      }
    }))

  it.scoped("says that the registry's data needs a directory where there is a file", () =>
    Effect.gen(function*() {
      const folder = mkdtempSync(join(tmpdir(), "effect-oci-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
      writeFileSync(join(folder, "file"), "")
      for (const data of [join(folder, "file"), join(folder, "file", "below")]) {
        const { code, err } = yield* cli(["serve", "--port", "0", "--data", data])
        assert.deepStrictEqual({ code, err }, {
          code: 1,
          err: `${data}: a directory is needed here, and this is a file or lies below one`
        })
      }
    }))

  it.live(
    "tells what could not be reached, and before that what is tried again, unless that is not wanted",
    () =>
      Effect.gen(function*() {
        const image = "127.0.0.1:1/app:1.0"
        const tries = "warning: HEAD .*127\\.0\\.0\\.1:1/.*: connection refused .*; next try in \\d\\.\\d s"
        const [told, quiet] = yield* Effect.all([
          cli(["digest", image]),
          cli(["copy", "--quiet", image, "127.0.0.1:1/copied:1.0"])
        ], { concurrency: 2 })
        const lines = told.err.split("\n")
        const failure = lines.pop() ?? ""
        assert.strictEqual(lines.length, 1)
        for (const line of lines) assert.match(line, new RegExp(`^${tries}$`))
        for (const { code, err } of [{ ...told, err: failure }, quiet]) {
          assert.strictEqual(code, 1)
          assertParagraph(err)
          assert.include(err, image)
          assert.match(err, /connection refused/)
        }
      }),
    { timeout: 30_000 }
  )

  it.effect("prints the version of the package", () =>
    Effect.gen(function*() {
      const { version: expected } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
      assert.strictEqual(version, expected)
      assert.deepStrictEqual(yield* cli(["--version"]), { code: 0, out: expected, err: "" })
    }))
})
