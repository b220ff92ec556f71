import { assert, describe, it } from "@effect/vitest"
import * as Encoding from "effect/Encoding"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Descriptor from "../src/Descriptor.js"
import * as MediaType from "../src/MediaType.js"

const decode = Schema.decodeUnknownEither(Descriptor.Descriptor)
const digest = `sha256:${"0123456789abcdef".repeat(4)}`
const plain = { mediaType: "application/x", digest, size: 3 }

describe("Descriptor", () => {
  it("is decoded, null counting as absent", () => {
    const nulls = { annotations: null, urls: null, data: null, artifactType: null, platform: null }
    assert.deepStrictEqual(decode({ ...plain, ...nulls }), decode(plain))
    const full = {
      ...plain,
      annotations: { a: "" },
      urls: ["https://example.com/x"],
      platform: { os: "linux", architecture: "arm64", variant: "v8" }
    }
    const result = decode({ ...full, unknown: [1] })
    if (result._tag === "Left") return assert.fail(result.left.message)
    assert.deepStrictEqual(result.right, full as never)
  })

  it.each([
    [{ ...plain, size: -1 }],
    [{ ...plain, size: 1.5 }],
    [{ ...plain, size: 2 ** 53 }],
    [{ ...plain, size: "3" }],
    [{ ...plain, size: null }],
    [{ ...plain, digest: "sha256:../../x" }],
    [{ ...plain, digest: null }],
    [{ ...plain, mediaType: "" }],
    [{ ...plain, mediaType: "text" }],
    [{ ...plain, mediaType: "text/plain\r\nX-Evil: 1" }],
    [{ ...plain, mediaType: "text/plain; charset=utf-8" }],
    [{ ...plain, annotations: { a: 1 } }],
    [null],
    ["x"],
    [[]]
  ])("refuses %j", (input) => {
    assert.strictEqual(decode(input)._tag, "Left")
  })

  it("describes bytes", () => {
    assert.deepStrictEqual(
      { ...Descriptor.empty },
      {
        mediaType: MediaType.ociEmpty,
        digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        size: 2,
        data: "e30="
      } as never
    )
    assert.match(Descriptor.fromBytes(new Uint8Array(0), "text/plain", "sha512").digest, /^sha512:/)
  })

  it.prop("gives embedded content back, if it is the right one", [
    FastCheck.uint8Array(),
    FastCheck.constantFrom("sha256" as const, "sha512" as const)
  ], ([bytes, algorithm]) => {
    const descriptor = { ...Descriptor.fromBytes(bytes, "text/plain", algorithm), data: Encoding.encodeBase64(bytes) }
    assert.deepStrictEqual(Option.map(Descriptor.embedded(descriptor), (b) => [...b]), Option.some([...bytes]))
    assert.isTrue(Option.isNone(Descriptor.embedded({ ...descriptor, size: descriptor.size + 1 })))
    const other = Encoding.encodeBase64(Uint8Array.of(...bytes, 0))
    assert.isTrue(Option.isNone(Descriptor.embedded({ ...descriptor, data: other })))
  })

  it("takes no embedded content that is malformed, absent or wrong", () => {
    const { data: _, ...bare } = Descriptor.empty
    for (const descriptor of [bare, ...["e30", "e30=e30=", "%%%=", "W10="].map((data) => ({ ...bare, data }))]) {
      assert.isTrue(Option.isNone(Descriptor.embedded(descriptor)))
    }
  })
})
