/** Of a long secret only the beginning is looked for at first: the rest is hidden with it. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { make } from "../../../src/internal/http/secrets.js"
import { encodings } from "./encodings.js"

const long = (units: string) =>
  FastCheck.string({ unit: FastCheck.constantFrom(...units), minLength: 120, maxLength: 400, size: "max" })

/** The second one is mostly `+` in base64, which is skipped. */
const secret = FastCheck.oneof(
  long("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789._~"),
  long("ûïþ>~"),
  long("aZ09!#$%&'()*,./:;<=>?@[\\]^_`{|}~\"äß€😀")
)

describe("a long secret", () => {
  for (const [name, encode] of Object.entries(encodings)) {
    it.prop(`is hidden to its end: ${name}`, [secret], ([text]) => {
      const secrets = make("https://a.b")
      secrets.learn(text)
      const shown = secrets.hide(`saw ${encode(text)} here`)
      assert.include(shown, "***")
      assert.isBelow(shown.length, 80, shown)
    })
  }
})
