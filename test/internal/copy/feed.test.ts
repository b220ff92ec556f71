import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Feed from "../../../src/internal/copy/feed.js"
import * as sided from "../../../src/internal/copy/sided.js"
import * as Place from "../../../src/internal/place.js"
import { TransportError } from "../../../src/RegistryError.js"

const count = 200
/** Two hundred pieces, each of them another one. */
const pieces = Array.from({ length: count }, (_, n) => Uint8Array.of(n, n >> 8, 7))
const whole = Buffer.concat(pieces)

const broken = sided.make(
  "source",
  new TransportError({ method: "GET", url: "https://x.test/", reason: "Reset", description: "cut" })
)

/** A source that counts how often it is opened, and how many pieces have been asked of it. */
const counted = (ended: Stream.Stream<never, sided.Sided> = Stream.empty) => {
  const seen = { reads: 0, pieces: 0 }
  const source = Stream.suspend(() => {
    seen.reads++
    return Stream.concat(
      Stream.rechunk(Stream.fromIterable(pieces), 1).pipe(Stream.tap(() => Effect.sync(() => void seen.pieces++))),
      ended
    )
  })
  return { seen, source }
}

const make = (members: number, source: Feed.Options["source"]) => Feed.make({ members, source, slots: identity })

/** A member that needs the bytes: it enters, and takes all of them, `each` after each piece. */
const taking = (seat: Feed.Seat | undefined, each: Effect.Effect<void> = Effect.void) =>
  seat === undefined ? Effect.dieMessage("no seat") : seat.take(Effect.gen(function*() {
    yield* seat.enter
    const bytes = yield* Stream.runCollect(Stream.tap(seat.content, () => each))
    return Buffer.concat(Chunk.toReadonlyArray(bytes))
  }))

describe("a feed", () => {
  it.scoped("gives all members all bytes in order, of one read, whatever their paces", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const seats = yield* make(3, source)
      const fibers = yield* Effect.forEach(
        [Effect.void, Effect.yieldNow(), Effect.sleep("1 millis")],
        (each, n) => Effect.fork(taking(seats[n], each))
      )
      yield* TestClock.adjust("1 second")
      for (const bytes of yield* Fiber.join(Fiber.all(fibers))) assert.isTrue(bytes.equals(whole))
      assert.deepStrictEqual(seen, { reads: 1, pieces: count })
    }))

  it.scoped("reads no further than the slowest has room for", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const seats = yield* make(2, source)
      const gate = yield* Deferred.make<void>()
      const quick = yield* Effect.fork(taking(seats[0]))
      const slow = yield* Effect.fork(taking(seats[1], Deferred.await(gate)))
      yield* TestClock.adjust("5 seconds")
      assert.isBelow(seen.pieces, 20)
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of [quick, slow]) assert.isTrue((yield* Fiber.join(fiber)).equals(whole))
      assert.strictEqual(seen.reads, 1)
    }))

  it.scoped("leaves behind who keeps the others waiting for ten seconds in all, and it alone reads again", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const seats = yield* make(3, source)
      const others = yield* Effect.forEach([0, 1], (n) => Effect.fork(taking(seats[n])))
      const stalled = yield* Effect.fork(Effect.flip(taking(seats[2], Effect.never)))
      yield* TestClock.adjust("9 seconds")
      assert.isTrue((yield* Fiber.poll(stalled))._tag === "None")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(stalled))._tag, "LeftBehind")
      for (const fiber of others) assert.isTrue((yield* Fiber.join(fiber)).equals(whole))
      assert.strictEqual(seen.reads, 1)
    }))

  it.scoped("leaves behind who keeps the others waiting again and again, each time for less than that", () =>
    Effect.gen(function*() {
      const { source } = counted()
      const seats = yield* make(2, source)
      const other = yield* Effect.fork(taking(seats[0]))
      // It takes eight pieces at once, so that the other waits for seven seconds each time.
      const slow = yield* Effect.fork(Effect.flip(taking(seats[1], Effect.sleep("900 millis"))))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(slow))._tag, "LeftBehind")
      assert.isTrue((yield* Fiber.join(other)).equals(whole))
    }))

  it.scoped("says that a member is left behind when that has cleared up behind itself", () =>
    Effect.gen(function*() {
      const { source } = counted()
      const seats = yield* make(2, source)
      const other = yield* Effect.fork(taking(seats[0]))
      const [, second] = seats
      if (second === undefined) return assert.fail("no seat")
      let isClear = false
      const stalled = yield* Effect.fork(Effect.map(
        Effect.flip(second.take(Effect.onInterrupt(
          Effect.zipRight(second.enter, Stream.runForEach(second.content, () => Effect.never)),
          () => Effect.zipRight(Effect.yieldNow(), Effect.sync(() => isClear = true))
        ))),
        ({ _tag }) => ({ _tag, isClear })
      ))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(stalled), { _tag: "LeftBehind", isClear: true })
      assert.isTrue((yield* Fiber.join(other)).equals(whole))
    }))

  it.scoped("reads no further for a member that has stopped in the middle and reads by itself", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const [seat] = yield* make(1, source)
      if (seat === undefined) return assert.fail("no seat")
      const bytes = yield* seat.take(Effect.gen(function*() {
        yield* seat.enter
        yield* Stream.runDrain(Stream.take(seat.content, 3))
        const all = Chunk.toReadonlyArray(yield* Stream.runCollect(seat.content))
        // Time for a reader that nobody needs.
        yield* Effect.repeatN(Effect.yieldNow(), 2000)
        return Buffer.concat(all)
      }))
      assert.isTrue(bytes.equals(whole))
      assert.strictEqual(seen.reads, 2)
      assert.isBelow(seen.pieces, count + 30)
    }))

  it.scoped("does not wait for the room of a member that leaves before it has read", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const [first, second] = yield* make(2, source)
      const stays = yield* Effect.fork(taking(first))
      if (second === undefined) return assert.fail("no seat")
      const gate = yield* Deferred.make<void>()
      const goes = yield* Effect.fork(second.take(Effect.zipRight(second.enter, Deferred.await(gate))))
      yield* TestClock.adjust("1 second")
      assert.isBelow(seen.pieces, 20)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(goes)
      // By a clock that nobody moves any more.
      assert.isTrue((yield* Fiber.join(stays)).equals(whole))
    }))

  it.scoped("waits for a single member as long as it takes", () =>
    Effect.gen(function*() {
      const { source } = counted()
      const seats = yield* make(1, source)
      const gate = yield* Deferred.make<void>()
      const only = yield* Effect.fork(taking(seats[0], Deferred.await(gate)))
      yield* TestClock.adjust("1 hour")
      assert.isTrue((yield* Fiber.poll(only))._tag === "None")
      yield* Deferred.succeed(gate, undefined)
      assert.isTrue((yield* Fiber.join(only)).equals(whole))
    }))

  it.scoped("does not wait for who leaves, before the start or amid the bytes", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const seats = yield* make(3, source)
      const stays = yield* Effect.fork(taking(seats[0]))
      const goes = yield* Effect.fork(taking(seats[1], Effect.never))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(seen.reads, 0)
      yield* seats[2]?.leave ?? Effect.void
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* Fiber.poll(stays))._tag === "None")
      yield* Fiber.interrupt(goes)
      assert.isTrue((yield* Fiber.join(stays)).equals(whole))
      assert.strictEqual(seen.reads, 1)
    }))

  it.scoped("starts without who has not said for two seconds what it needs; that one comes too late", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const seats = yield* make(2, source)
      const early = yield* Effect.fork(taking(seats[0]))
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(seen.reads, 0)
      yield* TestClock.adjust("1 millis")
      assert.isTrue((yield* Fiber.join(early)).equals(whole))
      assert.strictEqual((yield* Effect.flip(taking(seats[1])))._tag, "LeftBehind")
      assert.strictEqual(seen.reads, 1)
    }))

  it.scoped("does not read at all when nobody needs the bytes", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const seats = yield* make(2, source)
      for (const seat of seats) yield* seat.leave
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(seen.reads, 0)
      assert.strictEqual((yield* Effect.flip(taking(seats[0])))._tag, "LeftBehind")
    }))

  it.scoped("fails all members with the source's own failure, after all that came before it", () =>
    Effect.gen(function*() {
      const { source } = counted(Stream.fail(broken))
      const seats = yield* make(2, source)
      const came = seats.map(() => [] as Array<Uint8Array>)
      const exits = yield* Effect.forEach(seats, (seat, n) =>
        seat.take(Effect.zipRight(
          seat.enter,
          Stream.runForEach(seat.content, (piece) => Effect.sync(() => void came[n]?.push(piece)))
        )).pipe(Effect.exit), { concurrency: "unbounded" })
      for (const [n, exit] of exits.entries()) {
        assert.deepStrictEqual(exit, Exit.fail(broken))
        assert.isTrue(Buffer.concat(came[n] ?? []).equals(whole))
      }
    }))

  it.scoped("gives its bytes once: another try of the same member reads by itself", () =>
    Effect.gen(function*() {
      const { seen, source } = counted()
      const [first, second] = yield* make(2, source)
      const other = yield* Effect.fork(taking(first))
      if (second === undefined) return assert.fail("no seat")
      const bytes = yield* second.take(
        Effect.gen(function*() {
          yield* second.enter
          // A try that breaks off, as when a connection is lost.
          yield* Stream.runDrain(Stream.take(second.content, 3))
          yield* second.enter
          return Buffer.concat(Chunk.toReadonlyArray(yield* Stream.runCollect(second.content)))
        }).pipe(Effect.catchTag("LeftBehind", () =>
          Effect.map(Stream.runCollect(second.content), Chunk.toReadonlyArray)
            .pipe(Effect.map((all) => Buffer.concat(all)))))
      )
      assert.isTrue(bytes.equals(whole))
      assert.isTrue((yield* Fiber.join(other)).equals(whole))
      assert.strictEqual(seen.reads, 2)
    }))

  it.scoped("gives its places back when its members have all they need", () =>
    Effect.gen(function*() {
      const held = { now: 0 }
      const { source } = counted()
      const slots: Feed.Options["slots"] = (effect) =>
        Effect.acquireUseRelease(
          Effect.sync(() => void held.now++),
          () => effect,
          () => Effect.sync(() => void held.now--)
        )
      const [seat] = yield* Feed.make({ members: 1, source, slots })
      const gate = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(taking(seat, Deferred.await(gate)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(held.now, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(held.now, 0)
    }))

  const counting = () => {
    const held = { now: 0, times: 0 }
    const hold: Feed.Options["slots"] = (effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          held.now++
          held.times++
        }),
        () => effect,
        () => Effect.sync(() => void held.now--)
      )
    return { held, hold }
  }

  it.scoped("gives its places back while the source waits for its first try to be followed by another", () =>
    Effect.gen(function*() {
      const { held, hold } = counting()
      const { source } = counted()
      const late = Stream.concat(Stream.drain(Stream.fromEffect(Place.rest(Effect.sleep("30 seconds")))), source)
      const [seat] = yield* Feed.make({ members: 1, source: late, slots: hold })
      const gate = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(taking(seat, Deferred.await(gate)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(held, { now: 0, times: 1 })
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(held, { now: 1, times: 2 })
      yield* Deferred.succeed(gate, undefined)
      assert.isTrue((yield* Fiber.join(fiber)).equals(whole))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(held.now, 0)
    }))

  it.scoped("keeps its places while the source waits in the middle of the bytes", () =>
    Effect.gen(function*() {
      const { held, hold } = counting()
      const { source } = counted()
      const rest = Stream.drain(Stream.fromEffect(Place.rest(Effect.sleep("30 seconds"))))
      const broken = Stream.concat(Stream.take(source, 3), Stream.concat(rest, Stream.drop(source, 3)))
      const [seat] = yield* Feed.make({ members: 1, source: broken, slots: hold })
      const fiber = yield* Effect.fork(taking(seat))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(held, { now: 1, times: 1 })
      yield* TestClock.adjust("30 seconds")
      assert.isTrue((yield* Fiber.join(fiber)).equals(whole))
      assert.strictEqual(held.times, 1)
    }))

  it.scoped("gives its places back while all members wait for another try, and only then", () =>
    Effect.gen(function*() {
      const { held, hold } = counting()
      const { source } = counted()
      const [first, second] = yield* Feed.make({ members: 2, source, slots: hold })
      if (first === undefined || second === undefined) return assert.fail("no seat")
      const resting = (seat: Feed.Seat, seconds: number) =>
        seat.take(Effect.gen(function*() {
          yield* seat.enter
          yield* Stream.runDrain(Stream.take(seat.content, 3))
          yield* Place.rest(Effect.sleep(`${seconds} seconds`))
          const bytes = yield* Stream.runCollect(seat.content)
          return Buffer.concat(Chunk.toReadonlyArray(bytes))
        }))
      const long = yield* Effect.fork(resting(first, 30))
      const gate = yield* Deferred.make<void>()
      const short = yield* Effect.fork(
        Effect.zipRight(second.take(Effect.zipRight(second.enter, Deferred.await(gate))), Effect.void)
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(held, { now: 1, times: 1 })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(short)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(held.now, 0)
      yield* TestClock.adjust("1 minute")
      assert.isTrue((yield* Fiber.join(long)).equals(whole))
      assert.strictEqual(held.times, 2)
      assert.strictEqual(held.now, 0)
    }))
})
