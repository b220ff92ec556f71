import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import type { ParseReferenceError } from "../src/OperationError.js"
import * as Reference from "../src/Reference.js"

const hex = "0123456789abcdef".repeat(4)
const sha256 = `sha256:${hex}`
const sha512 = `sha512:${hex}${hex}`
const long = (length: number) => "a".repeat(length)

const valid: ReadonlyArray<readonly [input: string, full: string, familiar: string]> = [
  ["alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"],
  [`alpine@${sha256}`, `docker.io/library/alpine@${sha256}`, `alpine@${sha256}`],
  [`alpine:3.20@${sha256}`, `docker.io/library/alpine:3.20@${sha256}`, `alpine:3.20@${sha256}`],
  [`alpine@${sha512}`, `docker.io/library/alpine@${sha512}`, `alpine@${sha512}`],
  ["library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["index.docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  [
    "registry-1.docker.io/library/alpine",
    "registry-1.docker.io/library/alpine:latest",
    "registry-1.docker.io/library/alpine:latest"
  ],
  ["team/app", "docker.io/team/app:latest", "team/app:latest"],
  ["library/team/app", "docker.io/library/team/app:latest", "library/team/app:latest"],
  ["docker.io/a/b/c:1", "docker.io/a/b/c:1", "a/b/c:1"],
  ["localhost", "docker.io/library/localhost:latest", "localhost:latest"],
  ["localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"],
  ["example.com", "docker.io/library/example.com:latest", "example.com:latest"],
  ["docker.io", "docker.io/library/docker.io:latest", "docker.io:latest"],
  ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
  ["localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"],
  [`localhost:5000/app:1@${sha256}`, `localhost:5000/app:1@${sha256}`, `localhost:5000/app:1@${sha256}`],
  ["docker.io/localhost/app", "docker.io/localhost/app:latest", "docker.io/localhost/app:latest"],
  ["docker.io/quay.io/app", "docker.io/quay.io/app:latest", "docker.io/quay.io/app:latest"],
  ["Foo/bar", "Foo/bar:latest", "Foo/bar:latest"],
  ["GHCR.io/team/app", "GHCR.io/team/app:latest", "GHCR.io/team/app:latest"],
  ["host:443/a", "host:443/a:latest", "host:443/a:latest"],
  ["127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "127.0.0.1:5000/a:latest"],
  ["[::1]/a", "[::1]/a:latest", "[::1]/a:latest"],
  ["[2001:db8::1]:5000/a/b:t", "[2001:db8::1]:5000/a/b:t", "[2001:db8::1]:5000/a/b:t"],
  ["xn--bcher-kva.example/a", "xn--bcher-kva.example/a:latest", "xn--bcher-kva.example/a:latest"],
  ["a__b/c-d---e/f.g_h", "docker.io/a__b/c-d---e/f.g_h:latest", "a__b/c-d---e/f.g_h:latest"],
  ["a:_", "docker.io/library/a:_", "a:_"],
  [`a:${long(128)}`, `docker.io/library/a:${long(128)}`, `a:${long(128)}`],
  [`x.io/${long(255)}`, `x.io/${long(255)}:latest`, `x.io/${long(255)}:latest`],
  [
    `${long(60)}.example.com/${long(127)}/${long(127)}`,
    `${long(60)}.example.com/${long(127)}/${long(127)}:latest`,
    `${long(60)}.example.com/${long(127)}/${long(127)}:latest`
  ],
  [`${hex}:tag`, `docker.io/library/${hex}:tag`, `${hex}:tag`],
  [`example.com/${hex}`, `example.com/${hex}:latest`, `example.com/${hex}:latest`]
]

const invalid: ReadonlyArray<readonly [input: string, reason: ParseReferenceError["reason"], says: RegExp]> = [
  ["", "Empty", /empty/],
  [" ", "BadFormat", /white space/],
  ["alpine ", "BadFormat", /white space/],
  ["alpine\n", "BadFormat", /white space/],
  ["alp\u200bine", "BadFormat", /invisible/],
  ["Alpine", "UpperCase", /lower case: "alpine"/],
  ["docker.io/Library/alpine", "UpperCase", /"Library|"library/],
  ["localhost:5000/App:1", "UpperCase", /"app"/],
  ["ghcr.IO/Team-x", "UpperCase", /"team-x"/],
  [`x.io/${long(256)}`, "TooLong", /256/],
  [long(248), "TooLong", /256/],
  [`x.io/${long(100_000)}`, "TooLong", /100000/],
  ["alpine:", "BadTag", /empty/],
  ["alpine:.1", "BadTag", /not a tag/],
  ["alpine:-1", "BadTag", /not a tag/],
  ["alpine:a b", "BadFormat", /white space/],
  ["alpine:1:2", "BadTag", /"1:2"/],
  ["alpine:1+2", "BadTag", /"1\+2"/],
  ["alpine:é", "BadTag", /not a tag/],
  [`alpine:${long(129)}`, "BadTag", /129/],
  ["alpine@", "BadDigest", /digest/],
  ["alpine@latest", "BadDigest", /"@" is not a digest/],
  ["alpine@sha256:", "BadDigest", /64/],
  ["alpine@sha256:abc", "BadDigest", /64/],
  [`alpine@sha256:${hex.toUpperCase()}`, "BadDigest", /lower case/],
  [`alpine@sha256:${hex}0`, "BadDigest", /64/],
  [`alpine@sha512:${hex}`, "BadDigest", /128/],
  [`alpine@sha265:${hex}`, "BadDigest", /"sha265" is not a digest algorithm/],
  [`alpine@SHA256:${hex}`, "BadDigest", /SHA256/],
  [`alpine@md5:${hex.slice(32)}`, "BadDigest", /md5/],
  [hex, "BadFormat", /id of an image/],
  [":tag", "BadFormat", /missing/],
  [`@${sha256}`, "BadFormat", /missing/],
  ["/alpine", "BadFormat", /too many/],
  ["alpine/", "BadFormat", /too many/],
  ["x.io/", "BadFormat", /missing/],
  ["x.io//a", "BadFormat", /too many/],
  ["a//b", "BadFormat", /too many/],
  ["a/../b", "BadFormat", /"\.\."/],
  ["x.io/../../etc", "BadFormat", /"\.\."/],
  ["-alpine", "BadFormat", /"-alpine"/],
  ["alpine-", "BadFormat", /"alpine-"/],
  ["a..b/c", "BadFormat", /registry/],
  ["x/a..b", "BadFormat", /"a\.\.b"/],
  ["a___b", "BadFormat", /"a___b"/],
  ["a%2fb", "BadFormat", /"a%2fb"/],
  ["a\\b", "BadFormat", /cannot be part/],
  ["straße/x", "BadFormat", /straße/],
  ["host:port/a", "BadFormat", /registry/],
  ["host:/a", "BadFormat", /registry/],
  ["-host.com/a", "BadFormat", /registry/],
  ["host-.com/a", "BadFormat", /registry/],
  ["host_a.com/a", "BadFormat", /registry/],
  ["::1/a", "BadFormat", /registry/],
  ["[::1/a", "BadFormat", /registry/],
  ["[fe80::1%25eth0]/a", "BadFormat", /registry/],
  ["[::1]:x/a", "BadFormat", /registry/],
  ["https://ghcr.io/team/app", "BadFormat", /scheme/],
  ["docker://alpine", "BadFormat", /scheme/]
]

const failed = (input: unknown, role?: "source") => Effect.runSync(Effect.flip(Reference.parse(input as never, role)))

describe("Reference.parse", () => {
  it.each(valid)("%s", (input, full, familiar) => {
    const reference = Effect.runSync(Reference.parse(input))
    assert.strictEqual(String(reference), full)
    assert.strictEqual(Reference.familiar(reference), familiar)
    for (const again of [full, familiar, reference]) {
      assert.isTrue(Equal.equals(Effect.runSync(Reference.parse(again)), reference))
    }
  })

  it.each(invalid)("refuses %s: %s", (input, reason, says) => {
    const error = failed(input)
    assert.strictEqual(error.reason, reason)
    assert.match(error.description, says)
    assert.strictEqual(error.role, "image")
    assert.isAtMost(error.message.length, 2000)
  })

  it("has the parts", () => {
    const reference = Effect.runSync(Reference.parse(`ghcr.io/team/app:1.2@${sha256}`))
    assert.deepStrictEqual({ ...reference }, {
      registry: "ghcr.io",
      repository: "team/app",
      tag: "1.2",
      digest: sha256 as never
    })
    assert.strictEqual(Reference.target(reference), sha256)
    assert.strictEqual(Reference.target(new Reference.Reference({ registry: "a.b", repository: "c" })), "latest")
  })

  it("names the role and the input in the error", () => {
    const error = failed("Alpine", "source")
    assert.strictEqual(error.role, "source")
    assert.strictEqual(
      error.message,
      "source reference \"Alpine\" is not valid: its repository must be in lower case: \"alpine\""
    )
  })

  it.each([
    "user:s3cret@ghcr.io/team/app",
    "user:s3cret@ghcr.io:5000",
    "user:s3c/ret@ghcr.io/app",
    "user:s3@ret@ghcr.io/app",
    "s3cret@ghcr.io/app",
    `user:s3cret@ghcr.io/app@${sha256}`,
    "https://user:s3cret@ghcr.io/team/app",
    "https://s3cret@ghcr.io",
    "https://user:s3c/ret@ghcr.io/app:1",
    "https://user:s3?ret@ghcr.io/app",
    "docker://user:s3cret@alpine",
    "ghcr.io/app?token=s3cret",
    "ghcr.io/app#s3cret",
    "ghcr.io/app?a=b@s3cret",
    "User:s3cret@localhost/App"
  ])("keeps the secret of %s to itself", (input) => {
    const error = failed(input)
    for (const text of [error.input, error.message, JSON.stringify(error), String(error), error.stack ?? ""]) {
      assert.notMatch(text, /s3|ret@/)
    }
    assert.match(error.description, /password/)
    const schema = Schema.decodeUnknownEither(Reference.FromString)(input)
    if (schema._tag === "Right") return assert.fail("accepted")
    assert.notMatch(schema.left.message, /s3|ret@/)
  })

  it.each([undefined, null, 5, {}, [], true, Symbol("x"), { registry: "a.b", repository: "c" }])(
    "refuses %s, which is no string",
    (input) => {
      assert.strictEqual(failed(input).reason, "BadFormat")
      assert.strictEqual(Effect.runSync(Effect.flip(Reference.parseRepository(input as never))).reason, "BadFormat")
      assert.strictEqual(Effect.runSync(Effect.flip(Reference.parseRegistry(input as never))).reason, "BadFormat")
    }
  )

  it("completes a reference made by hand", () => {
    const parse = (fields: ConstructorParameters<typeof Reference.Reference>[0]) =>
      String(Effect.runSync(Reference.parse(new Reference.Reference(fields))))
    assert.strictEqual(parse({ registry: "index.docker.io", repository: "alpine" }), "docker.io/library/alpine:latest")
    assert.strictEqual(parse({ registry: "a.b", repository: "c", tag: undefined }), "a.b/c:latest")
    assert.strictEqual(parse({ registry: "a.b", repository: "c", digest: sha256 as never }), `a.b/c@${sha256}`)
  })

  it.each<[object, ParseReferenceError["reason"]]>([
    [{ registry: "team", repository: "app" }, "BadFormat"],
    [{ registry: "a.b/c", repository: "d" }, "BadFormat"],
    [{ registry: "user:s3cret@a.b", repository: "d" }, "BadFormat"],
    [{ registry: "", repository: "d" }, "BadFormat"],
    [{ registry: 5, repository: "d" }, "BadFormat"],
    [{ registry: "a.b", repository: "c:1" }, "BadFormat"],
    [{ registry: "a.b", repository: "../c" }, "BadFormat"],
    [{ registry: "a.b", repository: "C" }, "UpperCase"],
    [{ registry: "a.b", repository: long(256) }, "TooLong"],
    [{ registry: "a.b", repository: {} }, "BadFormat"],
    [{ registry: "a.b", repository: "c", tag: "a/b" }, "BadTag"],
    [{ registry: "a.b", repository: "c", tag: Object.create(null) }, "BadTag"],
    [{ registry: "a.b", repository: "c", digest: "sha256:abc" }, "BadDigest"],
    [{ registry: "a.b", repository: "c", digest: 7 }, "BadDigest"]
  ])("refuses %j made by hand", (fields, reason) => {
    const error = failed(new Reference.Reference(fields as never))
    assert.strictEqual(error.reason, reason)
    assert.notInclude(error.message, "s3cret")
  })
})

describe("Reference.parseRepository", () => {
  it("drops tag and digest of a reference", () => {
    const reference = Effect.runSync(Reference.parse(`alpine:1@${sha256}`))
    const repository = Effect.runSync(Reference.parseRepository(reference))
    assert.deepStrictEqual({ ...repository }, { registry: "docker.io", repository: "library/alpine" })
    assert.strictEqual(String(Effect.runSync(Reference.parseRepository("localhost:5000/app"))), "localhost:5000/app")
  })

  it.each<[string, ParseReferenceError["reason"]]>([
    ["alpine:3.20", "BadTag"],
    ["localhost:5000", "BadTag"],
    [`alpine@${sha256}`, "BadDigest"],
    ["Alpine", "UpperCase"]
  ])("refuses %s: %s", (input, reason) => {
    assert.strictEqual(Effect.runSync(Effect.flip(Reference.parseRepository(input))).reason, reason)
  })
})

describe("Reference.parseRegistry", () => {
  it.each([
    ["docker.io", "docker.io"],
    ["index.docker.io", "docker.io"],
    ["registry-1.docker.io", "registry-1.docker.io"],
    ["localhost", "localhost"],
    ["localhost:5000", "localhost:5000"],
    ["[::1]:5000", "[::1]:5000"],
    ["GHCR.io", "GHCR.io"],
    ["registry:443", "registry:443"]
  ])("%s", (input, registry) => {
    assert.strictEqual(Effect.runSync(Reference.parseRegistry(input)), registry)
  })

  it.each([
    ["", "Empty"],
    ["registry", "BadFormat"],
    ["https://ghcr.io", "BadFormat"],
    ["ghcr.io/", "BadFormat"],
    ["ghcr.io/team", "BadFormat"],
    ["ghcr.io:", "BadFormat"],
    ["user:s3cret@ghcr.io", "BadFormat"],
    ["a b", "BadFormat"]
  ])("refuses %s: %s", (input, reason) => {
    const error = Effect.runSync(Effect.flip(Reference.parseRegistry(input, "destination")))
    assert.strictEqual(error.reason, reason)
    assert.strictEqual(error.role, "destination")
    assert.notInclude(error.message, "s3cret")
  })
})

describe("Reference", () => {
  it("is equal by its parts, an undefined part being none", () => {
    const fields = { registry: "a.b", repository: "c" }
    assert.isTrue(Equal.equals(
      new Reference.Reference({ ...fields, tag: undefined, digest: undefined }),
      new Reference.Reference(fields)
    ))
    assert.isFalse(Equal.equals(new Reference.Reference({ ...fields, tag: "1" }), new Reference.Reference(fields)))
  })

  it("guards", () => {
    assert.deepStrictEqual(["a", "_", "1.0-x", ".a", "-a", "", "a/b", "a:b", long(129)].map(Reference.isTag), [
      true,
      true,
      true,
      ...Array.from({ length: 6 }, () => false)
    ])
    assert.deepStrictEqual(
      ["a", "a/b", "a--b/c__d", long(255), "", "A", "a/", "/a", "a//b", "..", "a:b", "é", long(256)]
        .map(Reference.isRepositoryName),
      [true, true, true, true, ...Array.from({ length: 9 }, () => false)]
    )
    assert.isFalse(Reference.isTag(undefined as never))
    assert.isFalse(Reference.isRepositoryName(5 as never))
  })

  const text = FastCheck.oneof(
    FastCheck.string({ unit: "binary" }),
    FastCheck.stringMatching(/^[aB0._:\/@\[\]-]{0,24}$/),
    FastCheck.stringMatching(/^[a-zA-Z.]{1,8}(:\d{1,4})?(\/[a-z_.-]{1,6}){0,3}(:[\w.-]{1,5})?(@sha256:[0-9a-f]{64})?$/)
  )

  it.prop("never throws, and what it accepts parses back to the same", [text], ([input]) => {
    const result = Effect.runSync(Effect.either(Reference.parse(input)))
    if (result._tag === "Left") {
      assert.notMatch(result.left.message, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      return
    }
    const reference = result.right
    assert.isTrue(Reference.isRepositoryName(reference.repository))
    assert.strictEqual(Effect.runSync(Reference.parseRegistry(reference.registry)), reference.registry)
    assert.isTrue(reference.tag === undefined ? reference.digest !== undefined : Reference.isTag(reference.tag))
    for (const again of [String(reference), Reference.familiar(reference), reference]) {
      assert.isTrue(Equal.equals(Effect.runSync(Reference.parse(again)), reference))
    }
  }, { fastCheck: { numRuns: 500 } })

  it.prop("the schema is a round trip", [Reference.FromString], ([reference]) => {
    const text = Schema.encodeSync(Reference.FromString)(reference)
    assert.strictEqual(text, String(reference))
    assert.isTrue(Equal.equals(Schema.decodeSync(Reference.FromString)(text), reference))
  })
})
