/** package-lock.json: what `npm ci` installs is checked against a digest, and comes from whichever registry is configured. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

interface Entry {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
}

const text = readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")
const { "": _, ...packages }: Readonly<Record<string, Entry>> = JSON.parse(text).packages

const named = (isWrong: (entry: Entry) => boolean) =>
  Object.entries(packages).flatMap(([path, entry]) => isWrong(entry) ? [path] : [])

describe("package-lock.json", () => {
  it("has the digest of every package, those for other platforms too", () => {
    assert.isAbove(Object.keys(packages).length, 200)
    assert.deepStrictEqual(named(({ integrity = "" }) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity)), [])
  })

  it("names no registry", () => {
    assert.deepStrictEqual(named(({ resolved }) => resolved !== undefined), [])
    assert.notMatch(text, /\.tgz"|registry\.|npmjs/)
  })
})
