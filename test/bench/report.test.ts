import { assert, describe, it } from "@effect/vitest"
import { goals } from "./goals.js"
import { median } from "./measure.js"
import { parse } from "./options.js"
import { markdown } from "./report.js"
import * as Requests from "./requests.js"
import { type CaseResult, ratio, type Run } from "./results.js"

const run = (wall: number, traffic: Run["traffic"] = { source: {}, destination: {} }): Run => ({
  wall,
  cpu: wall / 2,
  peakRss: wall * 1024 * 1024,
  traffic
})

const contender = (name: string, walls: ReadonlyArray<number>) => ({
  name,
  version: "1",
  runs: walls.map((wall) => run(wall))
})

const figures = (it: CaseResult) => ({
  machine: { processor: "P", cores: 2, platform: "linux", node: "20", registry: "registry 2" },
  cases: [it],
  goals: goals(it),
  missing: ["oras"],
  notes: ["that, as it is absent"]
})

describe("the benchmark's figures", () => {
  it("takes the middle value", () => {
    assert.strictEqual(median([3, 1, 2]), 2)
    assert.strictEqual(median([4, 1, 2, 3]), 2.5)
    assert.isNaN(median([]))
  })

  it("compares round by round", () => {
    const wall = (run: Run) => run.wall
    // Both were slow in the second round: the ratio of medians would be 1.2.
    assert.strictEqual(ratio(contender("peer", [2, 10, 1.25]), contender("ours", [1, 10, 1]), wall), 0.8)
    // One that failed in the third has two to compare.
    assert.strictEqual(ratio(contender("peer", [2, 4]), contender("ours", [1, 2, 9]), wall), 0.5)
  })

  it("knows requests by what they are for", () => {
    const kinds = Requests.count([
      { kind: Requests.kind("GET", "/token?scope=repository:a:pull") },
      { kind: Requests.kind("GET", "/v2/") },
      { kind: Requests.kind("POST", "/v2/a/b/blobs/uploads/?mount=sha256:1&from=c") },
      { kind: Requests.kind("HEAD", "/v2/a/blobs/sha256:1") },
      { kind: Requests.kind("HEAD", "/v2/a/blobs/sha256:2") },
      { kind: Requests.kind("PUT", "/v2/a/manifests/1") }
    ])
    assert.strictEqual(Requests.words(kinds), "1 GET ping, 1 GET token, 2 HEAD blob, 1 POST upload, 1 PUT manifest")
    assert.strictEqual(Requests.total(kinds), 6)
    assert.strictEqual(Requests.writes(kinds), 2)
  })

  it("makes a table, with peers that are absent and runs that failed named", () => {
    const text = markdown(
      figures({
        name: "large",
        title: "Image",
        figure: "wall",
        contenders: [
          contender("effect-oci", [1, 2, 3]),
          contender("crane", [2, 4, 6]),
          { ...contender("skopeo", []), failure: "it fell" }
        ]
      }),
      ["crane", "skopeo"]
    )
    assert.include(text, "**Image** (large), 3 rounds; compared by wall time")
    assert.include(text, "| effect-oci 1 | 0 |  | 2.00 | 1.00-3.00 | 1.00 | 2 | 0.50 |")
    assert.include(text, "| crane 1 | 0 |  | 4.00 | 2.00-6.00 | 2.00 | 4 | 1.00 |")
    assert.include(text, "| skopeo 1 | it fell |")
    assert.include(text, "| oras | not installed |")
    assert.include(text, "Left out: that, as it is absent.")
    assert.include(text, "| Image | effect-oci | wall time to crane's | at most 1 | 0.50 | yes |")
  })

  it("holds ours to its budget of requests", () => {
    const digest = (heads: number): CaseResult => ({
      name: "digest",
      title: "Digest",
      figure: "requests",
      contenders: [{
        ...contender("effect-oci", []),
        runs: [run(1, { source: { "GET token": 1, "HEAD manifest": heads }, destination: {} })]
      }]
    })
    assert.deepStrictEqual(goals(digest(2)).map(({ measured, met }) => ({ measured, met })), [{
      measured: 3,
      met: true
    }])
    assert.deepStrictEqual(goals(digest(3)).map(({ measured, met }) => ({ measured, met })), [{
      measured: 4,
      met: false
    }])
    assert.include(
      markdown(figures(digest(2)), []),
      "- effect-oci: source 1 GET token, 2 HEAD manifest"
    )
  })

  it("compares spans with crane's, and sees writes for a source that is absent", () => {
    const span = (name: string, seconds: number) => ({
      ...contender(name, []),
      runs: [run(9, { source: {}, destination: {}, span: seconds })]
    })
    const slow = goals({
      name: "slow-index",
      title: "Slow",
      figure: "span",
      contenders: [span("effect-oci", 0.4), span("crane", 0.8)]
    })
    assert.deepStrictEqual(slow.map(({ limit, measured, met }) => ({ limit, measured, met })), [{
      limit: 0.45,
      measured: 0.5,
      met: false
    }])
    const missing = goals({
      name: "missing",
      title: "Missing",
      figure: "requests",
      contenders: [{
        ...contender("effect-oci", []),
        runs: [run(1, { source: { "HEAD manifest": 1 }, destination: { "HEAD manifest": 1, "POST upload": 1 } })]
      }]
    })
    assert.deepStrictEqual(missing.map(({ measured, met }) => ({ measured, met })), [
      { measured: 1, met: true },
      { measured: 1, met: false }
    ])
  })

  it("reads its options, and refuses what it cannot run", () => {
    const options = parse([
      "--cases",
      "latency,digest",
      "--peers",
      "crane",
      "--rounds",
      "2",
      "--large-size",
      "3,4",
      "--layers",
      "50x64",
      "--no-build"
    ])
    assert.deepStrictEqual(options, {
      cases: ["digest", "slow-index", "slow-again"],
      peers: ["crane"],
      rounds: 2,
      delay: 20,
      largeSizes: [3 * 1024 * 1024, 4 * 1024 * 1024],
      layers: { count: 50, size: 64 * 1024 * 1024 },
      largeRounds: 3,
      images: 200,
      json: undefined,
      log: false,
      check: false,
      build: false
    })
    assert.isUndefined(parse(["--help"]))
    assert.deepStrictEqual(parse(["--peers", "none"])?.peers, [])
    assert.throws(() => parse(["--cases", "huge"]), /unknown "huge"/)
    assert.throws(() => parse(["--cases", "toString"]), /unknown "toString"/)
    assert.throws(() => parse(["--large-rounds", "0"]), /not a whole number above 0/)
    assert.throws(() => parse(["--layers", "16"]), /not a whole number above 0/)
    assert.throws(() => parse(["--layers", "1x2x3"]), /not of the form/)
    assert.throws(() => parse(["--what"]))
  })
})
