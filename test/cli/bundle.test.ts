/** The command as it is installed: two files, run by Node in a folder where nothing else is. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run, start } from "../utils/spawn.js"

const folder = mkdtempSync(join(tmpdir(), "effect-oci-"))
const main = join(folder, "bin", "main.js")
const time = { timeout: 60_000 }

beforeAll(() => {
  execFileSync(process.execPath, ["src/cli/bundle.mjs", join(folder, "bin")], { stdio: "pipe" })
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true }))

/** A server that takes connections and never answers. */
const silent = Effect.acquireRelease(
  Effect.async<{ readonly server: Net.Server; readonly asked: Promise<void>; readonly port: number }>((resume) => {
    const server = Net.createServer((socket) => socket.on("error", () => {}))
    const asked = new Promise<void>((resolve) =>
      server.once("connection", (socket) => socket.once("data", () => resolve()))
    )
    server.listen(
      0,
      "127.0.0.1",
      () => resume(Effect.succeed({ server, asked, port: (server.address() as AddressInfo).port }))
    )
  }),
  ({ server }) => Effect.sync(() => server.close())
)

describe("the bundled command", () => {
  it("is an executable file and one beside it, with the licences of all that is in it", () => {
    assert.sameMembers(readdirSync(join(folder, "bin")), ["LICENSES.txt", "command.js", "main.js"])
    assert.strictEqual(statSync(main).mode & 0o111, 0o111)
    assert.isTrue(readFileSync(main, "utf8").startsWith("#!/usr/bin/env node\n"))
    const licences = readFileSync(join(folder, "bin", "LICENSES.txt"), "utf8")
    for (const name of ["effect", "undici", "@effect/cli", "@effect/platform", "@effect/platform-node"]) {
      assert.match(licences, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, "m"))
    }
    assert.match(licences, /^semver \d+\.\d+\.\d+ \(ISC\)$/m)
  })

  it.live("prints its help without arguments, without colours into a pipe", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* run(main)
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      assert.include(out, "COMMANDS")
      assert.notInclude(out, "\u001b")
    }), time)

  it.live("reports wrong usage once, on standard error, and ends with 2", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* run(main, ["copy", "only-one"])
      assert.deepStrictEqual({ code, out }, { code: 2, out: "" })
      assert.strictEqual(err.trim(), "Missing argument <DST>")
    }), time)

  it.scopedLive("ends with 1 when the operation failed", () =>
    Effect.gen(function*() {
      const server = Http.createServer((_, response) => response.writeHead(404).end())
      const port = yield* Effect.acquireRelease(
        Effect.async<number>((resume) => {
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
        }),
        () => Effect.sync(() => server.close())
      )
      const { code, err, out } = yield* run(main, ["platforms", `127.0.0.1:${port}/app:1.0`])
      assert.deepStrictEqual({ code, out }, { code: 1, out: "" })
      assert.match(err, /^.*127\.0\.0\.1:\d+\/app:1\.0 was not found.*\n$/)
    }), time)

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it.scopedLive(`is interrupted by ${signal}, with 130`, () =>
      Effect.gen(function*() {
        const { asked, port } = yield* silent
        const child = yield* start(main, ["copy", `127.0.0.1:${port}/a:1`, `127.0.0.1:${port}/b:1`])
        yield* Effect.promise(() => asked)
        yield* child.kill(signal)
        // A terminal that closes sends SIGHUP more than once.
        if (signal === "SIGHUP") yield* child.kill(signal)
        // Nothing is told of the silence, which would be a failure after 20 seconds.
        assert.deepStrictEqual(yield* child.end, { code: 130, out: "", err: "" })
      }), time)
  }

  it.scopedLive("serves a registry until a signal, and keeps what is in its directory", () =>
    Effect.gen(function*() {
      const data = join(folder, "data")
      const digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
      const first = yield* start(main, ["serve", "--port", "0", "--data", data])
      const host = yield* first.line
      assert.match(host, /^127\.0\.0\.1:\d+$/)
      const put = yield* Effect.promise(() =>
        fetch(`http://${host}/v2/app/blobs/uploads/?digest=${digest}`, {
          method: "POST",
          body: "{}",
          headers: { "content-type": "application/octet-stream" }
        })
      )
      assert.strictEqual(put.status, 201)
      yield* first.kill("SIGTERM")
      assert.deepStrictEqual(yield* first.end, { code: 0, out: `${host}\n`, err: "" })

      const second = yield* start(main, ["serve", "--port", host.slice(host.indexOf(":") + 1), "--data", data])
      assert.strictEqual(yield* second.line, host)
      const got = yield* Effect.promise(() =>
        fetch(`http://${host}/v2/app/blobs/${digest}`).then((response) => response.text())
      )
      assert.strictEqual(got, "{}")

      const third = yield* run(main, ["serve", "--port", host.slice(host.indexOf(":") + 1)])
      assert.deepStrictEqual({ code: third.code, out: third.out }, { code: 1, out: "" })
      assert.include(third.err, host)
      yield* second.kill("SIGHUP")
      assert.strictEqual((yield* second.end).code, 0)
    }), time)
})
