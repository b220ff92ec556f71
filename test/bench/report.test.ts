import { assert, describe, it } from "@effect/vitest"
import { median } from "./measure.js"
import { parse } from "./options.js"
import { markdown, ratio } from "./report.js"

const contender = (name: string, walls: ReadonlyArray<number>) => ({
  name,
  version: "1",
  runs: walls.map((wall) => ({ wall, cpu: wall / 2, peakRss: wall * 1024 * 1024 }))
})

describe("the benchmark's figures", () => {
  it("takes the middle value", () => {
    assert.strictEqual(median([3, 1, 2]), 2)
    assert.strictEqual(median([4, 1, 2, 3]), 2.5)
    assert.isNaN(median([]))
  })

  it("compares round by round", () => {
    // Both were slow in the second round: the ratio of medians would be 1.2.
    assert.strictEqual(ratio(contender("ours", [1, 10, 1]), contender("peer", [2, 10, 1.2])), 1.2)
    assert.strictEqual(ratio(contender("ours", [1, 2, 4]), contender("peer", [2, 4, 8])), 2)
  })

  it("makes a table, with peers that are absent named", () => {
    const text = markdown({
      machine: { processor: "P", cores: 2, platform: "linux" },
      cases: [{ name: "x", title: "image", contenders: [contender("ours", [1, 2, 3]), contender("peer", [2, 4, 6])] }],
      missing: ["crane"]
    })
    assert.include(text, "| ours 1 | 2.00 | 1.00-3.00 |  | 1.00 | 2 |")
    assert.include(text, "| peer 1 | 4.00 | 2.00-6.00 | 2.00 | 2.00 | 4 |")
    assert.include(text, "| crane | not installed |")
  })

  it("reads its options, and refuses what it cannot run", () => {
    assert.deepStrictEqual(parse(["--cases", "index", "--peers", "crane", "--index-runs", "2", "--large-size", "3"]), {
      json: undefined,
      cases: ["index"],
      peers: ["crane"],
      largeSize: 3 * 1024 * 1024,
      runs: { large: 3, index: 2, small: 2 },
      build: true
    })
    assert.isUndefined(parse(["--help"]))
    assert.throws(() => parse(["--cases", "huge"]), /unknown "huge"/)
    assert.throws(() => parse(["--large-runs", "0"]), /not a whole number above 0/)
    assert.throws(() => parse(["--what"]))
  })
})
