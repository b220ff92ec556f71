/** The command's copies: several destinations, parts of an index, what refers to it, plans. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Manifest from "../../src/Manifest.js"
import type * as RegistryServer from "../../src/RegistryServer.js"
import { image, index, sample } from "../utils/samples.js"
import * as seed from "../utils/seed.js"
import { assertParagraph, cli, push, registry, samplePlatforms } from "./harness.js"

const resolve = (server: RegistryServer.RegistryServer, name: string, tag: string) =>
  Effect.flatMap(server.repository(name), (repository) => Effect.map(repository.resolve(tag), ({ digest }) => digest))

const writes = (server: RegistryServer.RegistryServer) =>
  Effect.map(server.requests, (requests) => requests.filter(({ method }) => method !== "GET" && method !== "HEAD"))

const platformsAt = Effect.fnUntraced(function*(server: RegistryServer.RegistryServer, name: string, tag: string) {
  const manifest = yield* (yield* server.repository(name)).getManifest(tag)
  return Manifest.references(manifest).manifests.map(({ digest }) => digest)
})

/** A registry with an image, and something that refers to it. */
const signed = Effect.gen(function*() {
  const source = yield* registry()
  const { digests, index, sample } = yield* push(source.server, "app", "1.0")
  const signature = image(["signature"], { subject: sample.index.descriptor, artifactType: "application/x.sig" })
  const bill = image(["bill"], { subject: sample.index.descriptor, artifactType: "application/x.sbom" })
  const repository = yield* source.server.repository("app")
  yield* seed.putImage(repository, signature)
  yield* seed.putImage(repository, bill)
  return { ...source, bill: bill.manifest.descriptor, digests, index, signature: signature.manifest.descriptor }
})

describe("effect-oci copy", () => {
  it.scopedLive("copies to several destinations, a line each, every blob read once", () =>
    Effect.gen(function*() {
      const source = yield* registry()
      const two = yield* registry()
      const three = yield* registry()
      const { index, sample } = yield* push(source.server, "app", "1.0")
      const to = [`${two.host}/app:1.0`, `${two.host}/app:latest`, `${three.host}/copied:1.0`]
      const result = yield* cli(["copy", `${source.host}/app:1.0`, ...to, "--concurrency", "2"])
      assert.deepStrictEqual(result, { code: 0, out: to.map((name) => `${index}\t${name}`).join("\n"), err: "" })
      assert.strictEqual(yield* resolve(two.server, "app", "latest"), index)
      assert.strictEqual(yield* resolve(three.server, "copied", "1.0"), index)
      const read = (yield* source.server.requests).filter(({ path }) => path.includes("/blobs/"))
      assert.strictEqual(read.length, sample.blobs.length)
    }))

  it.scopedLive("goes on when a destination fails, says which, and ends with 1", () =>
    Effect.gen(function*() {
      const source = yield* registry()
      const two = yield* registry()
      const { index } = yield* push(source.server, "app", "1.0")
      const refusing = yield* registry()
      yield* refusing.server.setFaults([{ nth: "always", action: { _tag: "Status", status: 403 } }])
      const to = [`${refusing.host}/app:1.0`, `${two.host}/app:1.0`]
      const { code, err, out } = yield* cli(["copy", `${source.host}/app:1.0`, ...to])
      assert.deepStrictEqual({ code, out }, { code: 1, out: `${index}\t${two.host}/app:1.0` })
      assertParagraph(err)
      assert.include(err, `${refusing.host}/app:1.0`)
      assert.notInclude(err, two.host)
      assert.strictEqual(yield* resolve(two.server, "app", "1.0"), index)
      const absent = yield* cli(["copy", `${source.host}/app:absent`, ...to])
      assert.deepStrictEqual({ ...absent, err: "" }, { code: 1, out: "", err: "" })
      assertParagraph(absent.err)
      assert.include(absent.err, `${source.host}/app:absent`)
    }))

  it.scopedLive("copies some platforms, in an index rewritten or left as it is", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const { digests, index } = yield* push(server, "app", "1.0")
      const from = `${host}/app:1.0`
      const some = yield* cli(["copy", "--platforms", "linux/arm64", "--platforms=linux/arm/*", from, `${host}/some:1`])
      assert.deepStrictEqual({ ...some, out: "" }, { code: 0, out: "", err: "" })
      assert.strictEqual(some.out, yield* resolve(server, "some", "1"))
      assert.notStrictEqual(some.out, index)
      assert.deepStrictEqual(yield* platformsAt(server, "some", "1"), digests.slice(1))
      const missing = yield* cli(["copy", from, `${host}/some:2`, "--platforms", "linux/s390x"])
      assert.strictEqual(missing.code, 1)
      assertParagraph(missing.err)
      for (const platform of ["linux/s390x", ...samplePlatforms]) assert.include(missing.err, platform)
      const lenient = yield* registry({ strict: false })
      const to = `${lenient.host}/sparse:1`
      const sparse = yield* cli(["copy", "--platforms", "linux/arm64", "--sparse", from, to])
      assert.deepStrictEqual(sparse, { code: 0, out: index, err: "" })
      assert.isTrue(yield* Effect.isFailure(resolve(lenient.server, "sparse", `${digests[0]}`)))
    }))

  it.scopedLive("leaves out attestations when that is asked for", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const [app, attestation] = [image(["app"]), image(["attestation"])]
      const repository = yield* server.repository("app")
      for (const part of [app, attestation]) yield* seed.putImage(repository, part)
      const both = index([
        { ...app.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
        {
          ...attestation.manifest.descriptor,
          platform: { os: "unknown", architecture: "unknown" },
          annotations: {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": app.manifest.descriptor.digest
          }
        }
      ])
      yield* seed.putManifest(repository, both, "1.0")
      const { code, err } = yield* cli(["copy", "--no-attestations", `${host}/app:1.0`, `${host}/without:1.0`])
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      assert.deepStrictEqual(yield* platformsAt(server, "without", "1.0"), [app.manifest.descriptor.digest])
    }))

  it.scopedLive("sends or leaves out what is not to be distributed", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const own = image(["own"])
      const kept = sample("kept", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
      const layers = [{ ...kept.descriptor, urls: ["https://example.com/layer"] }]
      const windows = { ...image([], { layers, config: own.config.descriptor }), config: own.config, layers: [kept] }
      yield* seed.putImage(yield* server.repository("app"), windows, "1.0")
      for (const [how, isSent] of [["auto", false], ["skip", false], ["copy", true]] as const) {
        const { code, err } = yield* cli(["copy", "--non-distributable", how, `${host}/app:1.0`, `${host}/${how}:1.0`])
        assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
        const repository = yield* server.repository(how)
        assert.strictEqual(yield* repository.hasBlob(kept.descriptor.digest), isSent)
      }
    }))

  it.scopedLive("overwrites or keeps what the tag names, or fails", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const { index } = yield* push(server, "app", "1.0")
      const other = image(["other"])
      const { digest } = other.manifest.descriptor
      yield* seed.putImage(yield* server.repository("there"), other, "1.0")
      const references = [`${host}/app:1.0`, `${host}/there:1.0`]
      assert.deepStrictEqual(yield* cli(["copy", "--if-exists", "skip", ...references]), {
        ...{ code: 0, out: digest, err: "" }
      })
      const refused = yield* cli(["copy", "--if-exists", "fail", ...references])
      assert.deepStrictEqual({ ...refused, err: "" }, { code: 1, out: "", err: "" })
      assertParagraph(refused.err)
      assert.include(refused.err, digest)
      assert.strictEqual(yield* resolve(server, "there", "1.0"), digest)
      assert.deepStrictEqual(yield* cli(["copy", ...references]), { code: 0, out: index, err: "" })
      assert.strictEqual(yield* resolve(server, "there", "1.0"), index)
    }))

  it.scopedLive("copies what refers to the image when that is asked for, and lists it", () =>
    Effect.gen(function*() {
      const { bill, host, index, server, signature } = yield* signed
      const tag = `${index.replace(":", "-")}.sig`
      yield* seed.putImage(yield* server.repository("app"), image(["cosign"]), tag)
      const destination = yield* registry()
      const [from, to] = [`${host}/app:1.0`, `${destination.host}/app:1.0`]
      const list = (...args: ReadonlyArray<string>) => cli(["referrers", to, ...args])
      const row = ({ artifactType, digest, size }: { artifactType: string; digest: string; size: number }) =>
        `${digest}\t${artifactType}\t${size}`
      const rows = [
        row({ ...signature, artifactType: "application/x.sig" }),
        row({ ...bill, artifactType: "application/x.sbom" })
      ]
      assert.strictEqual((yield* cli(["copy", from, to])).code, 0)
      assert.deepStrictEqual(yield* list(), { code: 0, out: "", err: "" })
      assert.isTrue(yield* Effect.isFailure(resolve(destination.server, "app", tag)))
      assert.strictEqual((yield* cli(["copy", "--digest-tags", from, to])).code, 0)
      assert.isTrue(yield* Effect.isSuccess(resolve(destination.server, "app", tag)))
      assert.strictEqual((yield* cli(["copy", "--referrers", "direct", from, to])).code, 0)
      assert.sameMembers((yield* list()).out.split("\n"), rows)
      assert.deepStrictEqual(yield* list("--artifact-type", "application/x.sig"), {
        code: 0,
        out: `${rows[0]}`,
        err: ""
      })
      const absent = yield* cli(["referrers", `${destination.host}/app:absent`])
      assert.deepStrictEqual({ ...absent, err: "" }, { code: 1, out: "", err: "" })
      assertParagraph(absent.err)
    }))

  it.scopedLive("says what it would do, and does nothing", () =>
    Effect.gen(function*() {
      const source = yield* registry()
      const destination = yield* registry()
      const { digests, index, sample } = yield* push(source.server, "app", "1.0")
      const shared = sample.blobs[1]!
      yield* seed.putBlob(yield* destination.server.repository("app"), shared)
      const [from, to] = [`${source.host}/app:1.0`, `${destination.host}/app:1.0`]
      const before = (yield* writes(destination.server)).length
      const { code, err, out } = yield* cli(["copy", "--dry-run", from, to])
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      assert.strictEqual((yield* writes(destination.server)).length, before)
      assert.isTrue(yield* Effect.isFailure(resolve(destination.server, "app", "1.0")))
      const lines = out.split("\n")
      assert.strictEqual(lines[0], `${to}: would get ${index}`)
      for (const { descriptor } of sample.blobs) {
        const action = descriptor.digest === shared.descriptor.digest ? "is there" : "upload  "
        assert.isTrue(lines.some((line) => line.startsWith(`  ${action}   ${descriptor.digest}  `)), descriptor.digest)
      }
      for (const digest of digests) assert.isTrue(lines.some((line) => line.startsWith(`  push       ${digest}  `)))
      assert.match(lines.at(-2) ?? "", new RegExp(`^  push       ${index} .* as 1\\.0$`))
      assert.match(
        lines.at(-1) ?? "",
        /^ {2}in total: blobs: .*B to upload, 0 B to mount, .*B there; manifests: 4 to push, 0 there$/
      )

      const other = destination.host.concat("/app:other")
      const two = yield* cli(["copy", "--dry-run", from, to, `${destination.host}/base/app:1.0`, other])
      const [first = [], elsewhere = [], second = []] = two.out.split(/\n(?=\S)/).map((text) => text.split("\n"))
      assert.deepStrictEqual(first, lines)
      assert.include(elsewhere.at(-1), "; manifests: 4 to push, 0 there")
      assert.notInclude(elsewhere.at(-1), "above")
      assert.strictEqual(second[0], `${other}: would get ${index}`)
      assert.notMatch(second.join("\n"), /^ {2}(upload|mount)/m)
      assert.strictEqual(second.filter((line) => line.startsWith("  as above   ")).length, sample.blobs.length - 1 + 3)
      assert.match(
        second.at(-1) ?? "",
        /blobs: 0 B to upload, 0 B to mount, .*B there, .*B as above; manifests: 1 to push, 0 there, 3 as above$/
      )

      const within = yield* cli(["copy", "--dry-run", from, `${source.host}/mounted:1`, `${destination.host}/UP:1`])
      assert.strictEqual(within.code, 2)
      const mounted = yield* cli(["copy", "--dry-run", from, `${source.host}/mounted:1`])
      assert.include(mounted.out, "  mount ")
      assert.match(mounted.out, / from app$/m)

      yield* cli(["copy", from, to])
      assert.deepStrictEqual(yield* cli(["copy", "--dry-run", from, to]), {
        ...{ code: 0, out: `${to}: nothing to do, it has ${index}`, err: "" }
      })
      const refusing = yield* registry()
      yield* refusing.server.setFaults([{ nth: "always", action: { _tag: "Status", status: 400 } }])
      const partly = yield* cli(["copy", "--dry-run", from, `${refusing.host}/app:1.0`, to])
      assert.deepStrictEqual({ ...partly, err: "" }, {
        ...{ code: 1, out: `${to}: nothing to do, it has ${index}`, err: "" }
      })
      assertParagraph(partly.err)
      assert.include(partly.err, refusing.host)
    }))

  it.scopedLive("refuses what does not go together before any request, with exit code 2", () =>
    Effect.gen(function*() {
      const { host, server } = yield* registry()
      const references = [`${host}/a:1`, `${host}/b:1`]
      const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, told: RegExp]> = [
        [["--platform", "linux/arm64", "--platforms", "linux/*"], /--platforms is about .*--platform /],
        [["--platform", "linux/arm64", "--no-attestations"], /--no-attestations is about/],
        [["--platform", "linux/arm64", "--sparse"], /--sparse is about/],
        [["--sparse"], /--sparse is for .*--platforms or --no-attestations/],
        [["--platforms", "linux/"], /^--platforms must be a pattern of platforms/],
        [["--platforms", ""], /--platforms needs a value/],
        [["--platforms=", "--quiet"], /--platforms needs a value/],
        [["--quiet", "--platforms"], /--platforms needs a value/],
        [["--platforms", "linux/arm64", "--platforms", "a b"], /^--platforms number 2 must be a pattern/],
        [["--referrers", "all"], /--referrers must be one of none, direct, recursive$/],
        [["--if-exists", "ask"], /--if-exists must be one of overwrite, skip, fail$/],
        [["--concurrency", "0"], /--concurrency must be a whole number above 0$/],
        [["--concurrency", "many"], /--concurrency must be a whole number above 0$/],
        [[`${host}/c:1`, `${host}/b:1`], /b:1 is there twice/],
        [[`${host}/UPPER:1`], /destination reference/],
        [["--dest-creds", "ci", "other.invalid/b:1"], /--dest-creds is for one registry/]
      ]
      for (const [args, told] of wrong) {
        const { code, err, out } = yield* cli(["copy", ...references, ...args])
        assert.deepStrictEqual({ args, code, out }, { args, code: 2, out: "" })
        assertParagraph(err)
        assert.match(err, told)
      }
      assert.deepStrictEqual(yield* server.requests, [])
    }))
})
