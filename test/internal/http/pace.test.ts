import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Pace from "../../../src/internal/http/pace.js"

const make = () => Pace.make({ idle: Duration.seconds(20), rate: 10_000 })

describe("the pace of a body", () => {
  it("is up after the idle time-out, whenever it begins to count", () => {
    const pace = make()
    assert.strictEqual(pace.rest(5), 20_000)
    pace.begin(1000)
    assert.strictEqual(pace.rest(1000), 20_000)
    assert.strictEqual(pace.rest(21_000), 0)
    assert.strictEqual(pace.reason(21_000), "no progress for 20s")
  })

  it("gives each byte what it takes at the floor rate", () => {
    const pace = make()
    pace.begin(0)
    pace.end(15_000, 1)
    assert.strictEqual(pace.rest(15_000), 5001)
    pace.begin(15_000)
    assert.strictEqual(pace.rest(15_000), 5001)
    assert.strictEqual(pace.reason(20_001), "less than 10000 bytes per second")
    pace.end(16_000, 100_000)
    pace.begin(16_000)
    assert.strictEqual(pace.rest(16_000), 14_001)
  })

  it("never ends what moves at the floor rate", () => {
    const pace = make()
    for (let now = 0; now < 3_600_000; now += 19_000) {
      pace.begin(now)
      assert.isAbove(pace.rest(now + 18_999), 0)
      pace.end(now + 19_000, 190_000)
    }
  })

  it("does not count time between two waits", () => {
    const pace = make()
    pace.begin(0)
    pace.end(19_000)
    assert.strictEqual(pace.rest(1_000_000), 2000)
    pace.begin(2_000_000)
    assert.strictEqual(pace.rest(2_000_000), 1000)
  })

  it("lets a body that came fast drip for three idle time-outs at most", () => {
    const pace = make()
    pace.begin(0)
    pace.end(1000, 1_000_000_000)
    let now = 1000
    for (pace.begin(now); pace.rest(now) >= 15_000; pace.begin(now)) pace.end(now += 15_000, 1)
    assert.strictEqual(now, 61_000)
  })

  it("gives a wait for bytes whose progress nobody sees three idle time-outs at most", () => {
    const pace = make()
    pace.begin(0, 100_000)
    assert.strictEqual(pace.rest(0), 30_000)
    pace.last(0, 1_000_000_000, 7)
    assert.strictEqual(pace.rest(0), 60_007)
  })

  it("ends a wait in which nothing comes in time, however fast the body came before", () => {
    const pace = make()
    pace.begin(0)
    pace.end(1000, 1_000_000_000)
    assert.strictEqual(pace.rest(1000), 20_000)
    pace.begin(1000)
    assert.strictEqual(pace.rest(1000), 20_000)
    assert.strictEqual(pace.reason(21_000), "no progress for 20s")
    pace.begin(1000, 1_000_000_000)
    assert.strictEqual(pace.rest(61_000), 0)
    assert.strictEqual(pace.reason(61_000), "no progress for 1m")
  })

  it("names the time that was really allowed", () => {
    const pace = make()
    pace.begin(0, 262_144)
    // The wait of a piece is longer than the idle time-out; what is left of the whole body is not.
    assert.strictEqual(pace.reason(20_000), "less than 10000 bytes per second")
    pace.last(0, 262_144)
    assert.isAbove(pace.rest(46_214), 0)
    assert.strictEqual(pace.rest(46_215), 0)
    assert.strictEqual(pace.reason(46_215), "no progress for 46s")
    const short = Pace.make({ idle: Duration.millis(250), rate: 10_000 })
    short.last(0, 3)
    assert.strictEqual(short.reason(251), "no progress for 250ms")
  })
})
