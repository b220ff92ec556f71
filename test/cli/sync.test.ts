/** The command's copies of repositories. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as RegistryServer from "../../src/RegistryServer.js"
import { image } from "../utils/samples.js"
import * as seed from "../utils/seed.js"
import { assertParagraph, cli, registry } from "./harness.js"

const tags = ["1.0", "1.1", "1.2-rc", "2.0", "latest"]
const images = new Map(tags.map((tag) => [tag, image(["shared", tag])]))
const digestOf = (tag: string) => images.get(tag)?.manifest.descriptor.digest
const row = (tag: string, outcome: string) => `${tag}\t${digestOf(tag)}\t${outcome}`

const setting = Effect.gen(function*() {
  const source = yield* registry()
  const destination = yield* registry()
  const repository = yield* source.server.repository("app")
  for (const [tag, image] of images) yield* seed.putImage(repository, image, tag)
  return { source, destination, references: [`${source.host}/app`, `${destination.host}/mirror/app`] }
})

const tagsAt = (server: RegistryServer.RegistryServer) =>
  Effect.flatMap(
    server.repository("mirror/app"),
    (repository) => Effect.map(Stream.runCollect(repository.tags), (found) => [...found])
  )

const sorted = (text: string) => text.split("\n").sort()

describe("effect-oci sync", () => {
  it.scopedLive("copies all tags, a line each, and next time nothing", () =>
    Effect.gen(function*() {
      const { destination, references } = yield* setting
      const first = yield* cli(["sync", ...references, "--tags-at-once", "2"])
      assert.strictEqual(first.code, 0)
      assert.deepStrictEqual(sorted(first.out), tags.map((tag) => row(tag, "Copied")))
      assert.match(first.err, /^tags: 5 copied \(\d+ B\), 0 skipped, 0 failed$/)
      assert.sameMembers(yield* tagsAt(destination.server), tags)
      const again = yield* cli(["sync", ...references])
      assert.deepStrictEqual({ ...again, out: "" }, {
        ...{ code: 0, out: "", err: "tags: 0 copied (0 B), 5 skipped, 0 failed" }
      })
      assert.deepStrictEqual(sorted(again.out), tags.map((tag) => row(tag, "Skipped")))
      assert.strictEqual((yield* cli(["sync", "--quiet", ...references])).err, "")
    }))

  it.scopedLive("copies the tags that are meant", () =>
    Effect.gen(function*() {
      const { references } = yield* setting
      const meant = [
        [["--include", "1.*", "--exclude", "*-rc"], ["1.0", "1.1"]],
        [["--semver", ">=1.1 <3"], ["1.1", "2.0"]],
        [["--semver=^2", "--include=latest", "--include", "1.?"], ["1.0", "1.1", "2.0", "latest"]],
        [["--exclude", "*"], []]
      ] as const
      for (const [args, expected] of meant) {
        const { code, out } = yield* cli(["sync", "--quiet", ...args, ...references])
        const found = sorted(out).filter((line) => line !== "").map((line) => line.split("\t")[0])
        assert.deepStrictEqual({ args, code, found }, { args, code: 0, found: [...expected] })
      }
    }))

  it.scopedLive("warns when no tag is meant, of what was asked, also where it is to be quiet", () =>
    Effect.gen(function*() {
      const { references, source } = yield* setting
      const name = `${source.host}/app`
      const asked = ["--include", "v*", "--include", "w?", "--semver", ">=9 <10", "--exclude", "latest"]
      assert.deepStrictEqual(yield* cli(["sync", "--quiet", ...asked, ...references]), {
        code: 0,
        out: "",
        err: `warning: no tag of ${name} was copied: none is meant by --include "v*" --include "w?" ` +
          `--semver ">=9 <10" --exclude "latest"`
      })
      yield* (yield* source.server.repository("empty")).putManifest(image([]).manifest)
      const empty = yield* cli(["sync", `${source.host}/empty`, `${source.host}/copied`])
      assert.deepStrictEqual({ code: empty.code, err: empty.err.split("\n") }, {
        code: 0,
        err: [
          `warning: no tag of ${source.host}/empty was copied: there is none`,
          "tags: 0 copied (0 B), 0 skipped, 0 failed"
        ]
      })
    }))

  it.scopedLive("goes on after a tag that fails, names it, and ends with 1", () =>
    Effect.gen(function*() {
      const { destination, references } = yield* setting
      yield* destination.server.setFaults([
        { kind: "putManifest", path: /\/1\.1$/, nth: "always", action: { _tag: "Status", status: 400 } }
      ])
      const { code, err, out } = yield* cli(["sync", ...references])
      assert.strictEqual(code, 1)
      assert.deepStrictEqual(sorted(out), tags.filter((tag) => tag !== "1.1").map((tag) => row(tag, "Copied")))
      const [failure = "", summary, ...more] = err.split("\n")
      assert.deepStrictEqual(more, [])
      assertParagraph(failure)
      assert.include(failure, `${references[1]}:1.1`)
      assert.match(summary ?? "", /^tags: 4 copied \(.*\), 0 skipped, 1 failed$/)
      assert.sameMembers(yield* tagsAt(destination.server), tags.filter((tag) => tag !== "1.1"))
    }))

  it.scopedLive("keeps what is there when that is wanted", () =>
    Effect.gen(function*() {
      const { destination, references } = yield* setting
      const other = image(["other"])
      yield* seed.putImage(yield* destination.server.repository("mirror/app"), other, "2.0")
      const { code, out } = yield* cli(["sync", "--if-exists", "skip", "--include", "2.0", ...references])
      assert.deepStrictEqual({ code, out }, { code: 0, out: `2.0\t${other.manifest.descriptor.digest}\tSkipped` })
    }))

  it.scopedLive("fails when there is no such repository, and refuses wrong usage before any request", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, told: RegExp]> = [
        [[`${host}/a`], /DST/],
        [[`${host}/UPPER`, `${host}/b`], /source reference/],
        [[`${host}/a:1.0`, `${host}/b`], /source reference/],
        [[`${host}/a`, `${host}/b:1.0`], /destination reference/],
        [[`${host}/a`, `${host}/b`, "--include", "a b"], /^--include must be a pattern of tags/],
        [
          [`${host}/a`, `${host}/b`, "--exclude", "a*", "--exclude", "("],
          /^--exclude number 2 must be a pattern of tags/
        ],
        [[`${host}/a`, `${host}/b`, "--semver", "newest"], /^--semver must be a range of versions/],
        [[`${host}/a`, `${host}/b`, "--semver", ""], /^--semver needs a value$/],
        [[`${host}/a`, `${host}/b`, "--semver", "1 ".repeat(200)], /^--semver must be .* at most 256 characters$/],
        [[`${host}/a`, `${host}/b`, "--tags-at-once", "0"], /--tags-at-once must be a whole number above 0$/],
        [[`${host}/a`, `${host}/b`, "--sparse"], /--sparse is for/],
        [[`${host}/a`, `${host}/b`, "--platforms", "linux/"], /^--platforms must be a pattern of platforms/]
      ]
      for (const [args, told] of wrong) {
        const { code, err, out } = yield* cli(["sync", ...args])
        assert.deepStrictEqual({ args, code, out }, { args, code: 2, out: "" })
        assertParagraph(err)
        assert.match(err, told)
      }
      assert.deepStrictEqual(yield* server.requests, [])
      const absent = yield* cli(["sync", `${host}/absent`, `${host}/b`])
      assert.deepStrictEqual({ ...absent, err: "" }, { code: 1, out: "", err: "" })
      assertParagraph(absent.err)
      assert.include(absent.err, `${host}/absent`)
    }))
})
