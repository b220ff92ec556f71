import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Meter from "../../src/cli/meter.js"
import * as Progress from "../../src/cli/progress.js"
import type * as Copy from "../../src/Copy.js"
import { CopyEvent } from "../../src/CopyEvent.js"
import * as Digest from "../../src/Digest.js"
import { NotFound } from "../../src/OperationError.js"

const mebibyte = 1024 ** 2

const terminal = (isTTY: boolean) => {
  const written: Array<string> = []
  return { isTTY, written, write: (text: string) => written.push(text) }
}

const blob = (name: string, size: number) => ({
  mediaType: "application/octet-stream",
  digest: Digest.fromBytes(new TextEncoder().encode(name)),
  size
})
const [one, two, mounted] = [blob("one", 3 * mebibyte), blob("two", mebibyte), blob("mounted", 6 * mebibyte)]
const destination = "registry.example/app:1.0"

const plan: Copy.Plan = {
  digest: one.digest,
  sourceDigest: one.digest,
  outcome: "Copy",
  manifests: [],
  blobs: [
    { descriptor: one, action: "Upload", from: undefined },
    { descriptor: two, action: "Upload", from: undefined },
    { descriptor: mounted, action: "Mount", from: "base" }
  ],
  bytes: { total: 10 * mebibyte, upload: 4 * mebibyte, mount: 6 * mebibyte, exist: 0 }
}

const retried = CopyEvent.Retried({
  registry: "registry.example",
  method: "GET",
  url: "https://registry.example/v2/",
  attempt: 1,
  reason: "503",
  delay: Duration.seconds(1)
})

/** One event a second, on the half: what there is to do, the first blob by thirds, what is to be mounted. */
const events = [
  CopyEvent.Planned({ destination, plan }),
  CopyEvent.BlobProgress({ destination, descriptor: one, bytes: mebibyte }),
  CopyEvent.BlobProgress({ destination, descriptor: one, bytes: 2 * mebibyte }),
  CopyEvent.BlobUploaded({ destination, descriptor: one }),
  retried,
  // The registry declined.
  CopyEvent.BlobStarted({ destination, descriptor: mounted }),
  CopyEvent.BlobExisted({ destination, descriptor: two })
]

const work = Progress.watch("known", (onEvent) =>
  Effect.forEach(
    events,
    (event) => Effect.zipRight(onEvent?.(event) ?? Effect.void, Effect.sleep("1 second")),
    { discard: true }
  ).pipe(Effect.delay("500 millis"), Effect.as("done")))

const erase = "\r\u001b[K"

describe("progress", () => {
  it.effect("says nothing for two seconds, then how it goes, and leaves an empty line", () =>
    Effect.gen(function*() {
      const screen = terminal(true)
      const fiber = yield* Effect.fork(Effect.provide(work, Progress.layer(screen)))
      yield* TestClock.adjust("500 millis")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(screen.written, [])
      for (let second = 3; second <= 8; second++) yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.deepStrictEqual(screen.written.slice(0, 4), [
        `${erase}3 s, 2.0 MiB of 4.0 MiB (50 %), 682.7 KiB/s, 3 s left`,
        `${erase}4 s, 3.0 MiB of 4.0 MiB (75 %), 768.0 KiB/s, 2 s left`,
        `${erase}5 s, 3.0 MiB of 4.0 MiB (75 %), 614.4 KiB/s, 2 s left, tried again: 1`,
        `${erase}6 s, 3.0 MiB of 10.0 MiB (30 %), 512.0 KiB/s, 14 s left, tried again: 1`
      ])
      assert.strictEqual(screen.written.at(-1), erase)
      const { length } = screen.written
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(screen.written.length, length)
    }))

  it.effect("writes nothing where there is no terminal, or where that is wanted, and asks for no events then", () =>
    Effect.gen(function*() {
      for (const [isTTY, isQuiet] of [[false, false], [true, true]] as const) {
        const screen = terminal(isTTY)
        const asked: Array<Progress.OnEvent> = []
        const program = Progress.watch("known", (onEvent) => {
          asked.push(onEvent)
          return Effect.sleep("5 seconds")
        }).pipe(Effect.zipLeft(Progress.note("a note")), Progress.quietly(isQuiet))
        const fiber = yield* Effect.fork(Effect.provide(program, Progress.layer(screen)))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual({ asked, written: screen.written }, { asked: [undefined], written: [] })
      }
    }))

  it("adds up destinations that have ended: a whole one with all its bytes, a failed one with those that moved", () => {
    const meter = Meter.make()
    assert.deepStrictEqual(meter.read(0), { done: 0, total: undefined, retries: 0, rate: undefined })
    for (const destination of ["a", "b"]) {
      meter.onEvent(CopyEvent.Planned({ destination, plan }))
      meter.onEvent(CopyEvent.BlobProgress({ destination, descriptor: one, bytes: 1000 }))
      meter.onEvent(CopyEvent.BlobMounted({ destination, descriptor: mounted, from: "base" }))
    }
    assert.deepStrictEqual(meter.read(1000), { done: 2000, total: 8 * mebibyte, retries: 0, rate: 2000 })
    meter.onEvent(CopyEvent.BlobUploaded({ destination: "a", descriptor: one }))
    meter.onEvent(CopyEvent.BlobUploaded({ destination: "a", descriptor: two }))
    const result: Copy.CopyResult = {
      ...{ digest: one.digest, sourceDigest: one.digest, outcome: "Copied", blobs: [], manifests: [] },
      ...{ bytes: 4 * mebibyte, requests: 0, retries: 0 }
    }
    meter.onEvent(CopyEvent.Completed({ destination: "a", result }))
    const error = new NotFound({ resource: "blob", reference: "b", side: "source", errors: [] })
    meter.onEvent(CopyEvent.Failed({ destination: "b", error }))
    const { done, total } = meter.read(2000)
    assert.deepStrictEqual({ done, total }, { done: 4 * mebibyte + 1000, total: 4 * mebibyte + 1000 })
  })

  it("counts what goes to a repository once, for however many tags", () => {
    const meter = Meter.make()
    const [a, b, c] = [
      "registry.example:5000/app:a",
      `registry.example:5000/app@${one.digest}`,
      "registry.example:5000/b"
    ]
    for (const destination of [a, b, c]) meter.onEvent(CopyEvent.Planned({ destination, plan }))
    assert.strictEqual(meter.read(0).total, 8 * mebibyte)
    // The first has failed; the next one moves it.
    const error = new NotFound({ resource: "blob", reference: "b", side: "source", errors: [] })
    meter.onEvent(CopyEvent.Failed({ destination: a, error }))
    meter.onEvent(CopyEvent.BlobStarted({ destination: b, descriptor: one }))
    assert.strictEqual(meter.read(1000).total, 7 * mebibyte)
  })

  it("writes times", () => {
    assert.deepStrictEqual([0, 59, 60, 200, 3600, 90_061].map(Progress.formatSeconds), [
      ...["0 s", "59 s", "1 min 0 s", "3 min 20 s", "1 h 0 min", "25 h 1 min"]
    ])
  })

  it("tells what a copy did", () => {
    const digest = Digest.fromBytes(new Uint8Array())
    const blob = (outcome: "Uploaded" | "Mounted" | "Existed") => ({
      descriptor: { mediaType: "application/octet-stream", digest, size: 0 },
      outcome
    })
    assert.strictEqual(
      Progress.summary({ outcome: "Skipped", blobs: [], bytes: 0 }),
      "it was there already; nothing was written"
    )
    assert.strictEqual(
      Progress.summary({
        outcome: "Copied",
        blobs: [blob("Uploaded"), blob("Uploaded"), blob("Existed")],
        bytes: 3 * 1024 * 1024
      }),
      "copied; blobs: 2 uploaded (3.0 MiB), 1 there already"
    )
  })

  it("writes sizes", () => {
    assert.deepStrictEqual(
      [0, 1, 1023, 1024, 1536, 1024 ** 2, 5.5 * 1024 ** 3].map(Progress.formatBytes),
      ["0 B", "1 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.5 GiB"]
    )
  })
})
