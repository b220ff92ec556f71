import { assert, describe, it } from "@effect/vitest"
import * as Digest from "../src/Digest.js"

describe("Digest", () => {
  it("hashes the empty object", () => {
    assert.strictEqual(
      Digest.fromBytes(new TextEncoder().encode("{}")),
      "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
  })
})
