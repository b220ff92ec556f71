/** Words that stand in the wrong place: any of them may be a password, so none may be repeated. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cli, registry } from "./harness.js"

/** What `hunter2` may look like, none of which is a reference, a platform, a number or a pattern of tags. */
const passwords = ["hunter2!", "p@ss:hunter2/x", "-hunter2", "--hunter2=x"] as const

/** Lines that would be good but for the password of the login, which is missing; each with many kinds of values. */
const lines = (host: string): ReadonlyArray<ReadonlyArray<string>> => [
  [
    ...["copy", "--platform", "linux/arm64", "--if-exists", "skip", "--concurrency", "2", "--plain-http", host],
    ...["--dest-creds", "ci", `${host}/a:1`, `${host}/b:1`, `${host}/c:1`]
  ],
  [
    "copy",
    `${host}/a:1`,
    `${host}/b:1`,
    "--platforms",
    "linux/*",
    "--referrers",
    "direct",
    "--quiet",
    "--src-creds=ci"
  ],
  [
    ...["sync", "--include", "1.*", "--exclude", "*-rc", "--semver", "^1", "--tags-at-once", "2"],
    ...["--src-creds", "ci", `${host}/a`, `${host}/b`]
  ],
  ["digest", "--creds", "ci", `${host}/a:1`],
  ["digest", "--log-level", "debug", `${host}/a:1`, "--creds", "ci"],
  ["platforms", "--creds", "ci", `${host}/a:1`],
  ["exists", `${host}/a:1`, "--creds", "ci"],
  [
    "index",
    "create",
    "--dest-creds",
    "ci",
    "--format",
    "oci",
    `${host}/a:1`,
    `linux/amd64=${host}/b:1`,
    `arm64=${host}/b:2`
  ],
  ["tags", "--plain-http", host, "--creds", "ci", `${host}/a`],
  ["referrers", "--artifact-type", "application/spdx+json", "--creds", "ci", `${host}/a:1`],
  // The port is wrong, or this would serve.
  ["serve", "--data", "unused", "--port", "70000"],
  ["--completions", "none"],
  ["--log-level", "none", "digest", `${host}/a:1`]
]

/** A password between any two words, in place of any, and glued to any. */
const planted = (line: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => [
  ...passwords.flatMap((password) => [
    ...Array.from({ length: line.length + 1 }, (_, i) => line.toSpliced(i, 0, password)),
    ...line.map((_, i) => line.with(i, password))
  ]),
  ...line.flatMap((word, i) => [line.with(i, `${word}=hunter2!`), line.with(i, `${word}:hunter2!`)])
]

describe("the words of the command line", () => {
  it.scopedLive(
    "are not repeated where they are not understood, in no place of no command",
    () =>
      Effect.gen(function*() {
        const { host, server } = yield* registry()
        for (const line of lines(host)) {
          for (const args of planted(line)) {
            const { code, err, out } = yield* cli(args)
            assert.deepStrictEqual({ args, code, out }, { args, code: 2, out: "" })
            assert.notStrictEqual(err, "")
            assert.notMatch(err, /hunter2/i, args.join(" "))
          }
        }
        assert.deepStrictEqual(yield* server.requests, [])
      }),
    { timeout: 240_000 }
  )

  it.effect("are told by their place", () =>
    Effect.gen(function*() {
      const told = [
        [["copy", "--dest-creds", "ci", "hunter2!", "a:1", "b:1"], "argument 1 (SRC) is not a valid source reference"],
        [["copy", "a:1", "b:1", "hunter2!"], "argument 3 (DST) is not a valid destination reference"],
        [["index", "create", "a:1", "arm64=b", "hunter2!"], "argument 3 (PLATFORM=REF) must be a platform"],
        [["--log-level", "debug", "copy", "a", "b", "--hunter2"], "word 6 after effect-oci is not an option"],
        [["copy", "a", "--platforms", "linux/*", "--platforms=hunter2", "b"], "--platforms number 2 must be a pattern"],
        [["copy", "a", "b", "--dest-creds", "--quiet"], "--dest-creds needs a value"]
      ] as const
      for (const [args, expected] of told) assert.include((yield* cli(args)).err, expected)
    }))

  it.scopedLive("may have options in both forms, before and after the arguments, and arguments behind --", () =>
    Effect.gen(function*() {
      const { host } = yield* registry()
      const image = `${host}/a:1`
      for (
        const args of [
          ["--log-level=error", "exists", image, "--plain-http=other.invalid", "--plain-http", "third.invalid:1"],
          ["exists", "--log-level", "error", "--", image],
          ["exists", image, "--log-level", "error"]
        ]
      ) {
        assert.deepStrictEqual(yield* cli(args), { code: 0, out: "false", err: "" })
      }
    }))
})
