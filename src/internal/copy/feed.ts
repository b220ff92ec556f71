/**
 * One read of a blob for all who need it: its pieces go to each of them, and the next piece is read when the slowest has
 * room for it. Who is slower than the others for too long is left behind, so that it does not hold them up.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CurrentPlace, type Place } from "../place.js"
import type { Sided } from "./sided.js"
import * as slots from "./slots.js"

/** Pieces that wait for one reader; a socket gives 64 KiB at a time. */
const capacity = 8

/** How long a member may take to say whether it needs the bytes once another one waits for them. */
const undecided = Duration.seconds(2)

/** For how long, in milliseconds and in all, a member may keep the others waiting. */
const lag = 10_000

/** The member was too slow for the others, or came too late: it has to read by itself. */
export class LeftBehind {
  readonly _tag = "LeftBehind"
}

interface Member {
  readonly mailbox: Mailbox.Mailbox<Uint8Array, Sided>
  readonly left: Deferred.Deferred<never, LeftBehind>
  /** `alone`: what it still needs it reads by itself. */
  state: "undecided" | "entered" | "alone" | "gone"
  /** Whether it waits for another try of what it does. */
  rests: boolean
  /** Whether it has begun to read what is meant for it. */
  reading: boolean
  /** Milliseconds for which the others have waited for it. */
  waited: number
}

/** One member's side of the feed. */
export interface Seat {
  /** Says that the bytes are needed, and waits until they are about to come. */
  readonly enter: Effect.Effect<void, LeftBehind>
  /** The bytes; they are the member's own once, and read from the source by itself each time after that. */
  readonly content: Stream.Stream<Uint8Array, Sided>
  /** Runs what takes the bytes, until it ends or is left behind. */
  readonly take: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LeftBehind, R>
  /** The feed waits no more for the member. */
  readonly leave: Effect.Effect<void>
}

export interface Options {
  readonly members: number
  readonly source: Stream.Stream<Uint8Array, Sided>
  /**
   * Put round the reading, and all that waits for it: the places that the transfer takes. They are given back while
   * nothing moves because the source, or all members, wait for another try.
   */
  readonly slots: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Runs an effect until its end or the other one, and then until it has cleared up behind itself. */
const until = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  end: Deferred.Deferred<never, E2>
): Effect.Effect<A, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.fork(restore(effect)),
      (fiber) =>
        restore(Effect.raceFirst(Fiber.join(fiber), Deferred.await(end))).pipe(
          Effect.onExit(() => Fiber.interrupt(fiber))
        )
    )
  )

export const make = Effect.fnUntraced(function*(
  { members: count, slots: hold, source }: Options
): Effect.fn.Return<ReadonlyArray<Seat>, never, Scope.Scope> {
  const first = yield* Deferred.make<void>()
  const decided = yield* Deferred.make<void>()
  const ready = yield* Deferred.make<void>()
  const over = yield* Deferred.make<void>()
  let started = false
  const members = yield* Effect.replicateEffect(
    Effect.gen(function*() {
      const member: Member = {
        mailbox: yield* Mailbox.make<Uint8Array, Sided>({ capacity }),
        left: yield* Deferred.make<never, LeftBehind>(),
        state: "undecided",
        rests: false,
        reading: false,
        waited: 0
      }
      return member
    }),
    count
  )
  const having = (state: Member["state"]) => members.filter((member) => member.state === state)

  let sourceRests = false
  let hasGiven = false
  const slot = slots.shared(hold, () => {
    const working = [...having("entered"), ...having("alone")]
    return working.length > 0 &&
      working.every(({ rests, state }) => rests || (sourceRests && state === "entered"))
  })
  /** Once bytes have been given, requests stand open that would be cut off before the place comes back. */
  const sourcePlace: Place = {
    rest: (wait) =>
      hasGiven ? wait : slot.rest((rests) => {
        sourceRests = rests
      }, wait)
  }
  const placeOf = (member: Member): Place => ({
    rest: (wait) =>
      Effect.suspend(() =>
        member.state === "entered" || member.state === "alone"
          ? slot.rest((rests) => {
            member.rests = rests
          }, wait)
          : wait
      )
  })

  const look = Effect.suspend(() => {
    slot.look()
    if (having("entered").length > 0) {
      return having("undecided").length > 0
        ? Deferred.succeed(first, undefined)
        : Deferred.succeed(decided, undefined)
    }
    return having("alone").length === 0 && (started || having("undecided").length === 0)
      ? Deferred.succeed(over, undefined)
      : Effect.void
  })

  const leave = (member: Member) =>
    Effect.suspend(() => {
      member.state = "gone"
      return Effect.zipRight(member.mailbox.shutdown, look)
    })

  /** Its mailbox stays as it is until what reads from it has ended: an end of the bytes would look like their end. */
  const leaveBehind = (member: Member) =>
    Effect.suspend(() => {
      member.state = "alone"
      return Deferred.fail(member.left, new LeftBehind())
    })

  /** Waits for those that have no room, for the last of them no longer than it may keep the others waiting. */
  const wait = Effect.fnUntraced(function*(full: ReadonlyArray<readonly [Member, Chunk.Chunk<Uint8Array>]>) {
    const lastOne = yield* Deferred.make<void>()
    const waiting = new Set(full.map(([member]) => member))
    const tell = Effect.suspend(() => waiting.size <= 1 ? Deferred.succeed(lastOne, undefined) : Effect.void)
    const fibers = yield* Effect.forEach(full, ([member, rest]) =>
      Effect.fork(Effect.zipRight(
        member.mailbox.offerAll(rest),
        Effect.suspend(() => {
          waiting.delete(member)
          return tell
        })
      )))
    yield* tell
    yield* Deferred.await(lastOne)
    const [last] = waiting
    if (last !== undefined && having("entered").length > 1) {
      const start = yield* Clock.currentTimeMillis
      const inTime = yield* Effect.timeoutOption(Fiber.joinAll(fibers), Duration.millis(Math.max(0, lag - last.waited)))
      last.waited += (yield* Clock.currentTimeMillis) - start
      if (Option.isNone(inTime)) {
        yield* leaveBehind(last)
        return yield* Fiber.interruptAll(fibers)
      }
    }
    yield* Fiber.joinAll(fibers)
  })

  const give = (chunk: Chunk.Chunk<Uint8Array>): Effect.Effect<void> => {
    hasGiven = true
    const full: Array<readonly [Member, Chunk.Chunk<Uint8Array>]> = []
    for (const member of having("entered")) {
      const rest = member.mailbox.unsafeOfferAll(chunk)
      if (!Chunk.isEmpty(rest)) full.push([member, rest])
    }
    if (full.length === 0) return Effect.void
    const [only] = full
    return only !== undefined && having("entered").length === 1
      ? Effect.asVoid(only[0].mailbox.offerAll(only[1]))
      : wait(full)
  }

  const finish = (exit: Exit.Exit<void, Sided>) =>
    Effect.sync(() => {
      for (const { mailbox } of members) mailbox.unsafeDone(exit)
    })

  const read = Effect.scoped(Effect.flatMap(Stream.toPull(source), (pull) => {
    const next: Effect.Effect<void> = Effect.suspend(() => having("entered").length === 0 ? Effect.void : piece)
    const piece = Effect.matchEffect(pull, {
      onFailure: Option.match({
        onNone: () => finish(Exit.void),
        onSome: (error) => finish(Exit.fail(error))
      }),
      onSuccess: (chunk) => Effect.flatMap(give(chunk), () => next)
    })
    return next
  }))

  yield* Deferred.await(decided).pipe(
    Effect.raceFirst(Effect.zipRight(Deferred.await(first), Effect.sleep(undecided))),
    Effect.zipRight(Effect.suspend(() => {
      started = true
      return look
    })),
    Effect.zipRight(Effect.raceFirst(
      slot.run,
      slot.held.pipe(
        Effect.zipRight(Deferred.succeed(ready, undefined)),
        Effect.zipRight(Effect.provideService(read, CurrentPlace, sourcePlace)),
        Effect.zipRight(Deferred.await(over))
      )
    )),
    Effect.raceFirst(Deferred.await(over)),
    Effect.forkScoped
  )

  return members.map((member): Seat => ({
    enter: Effect.suspend(() => {
      if (member.state === "entered") return Deferred.await(ready)
      if (started || member.state === "gone") return Effect.fail(new LeftBehind())
      member.state = "entered"
      return Effect.zipRight(look, Deferred.await(ready))
    }),
    content: Stream.suspend(() => {
      if (member.reading || member.state !== "entered") return source
      member.reading = true
      // Whoever stops in the middle will begin anew, and not from here.
      const stop = Effect.suspend(() => {
        if (member.state === "entered") member.state = "alone"
        return member.mailbox.shutdown
      })
      return Stream.ensuring(Mailbox.toStream(member.mailbox), stop)
    }),
    take: (effect) =>
      Effect.ensuring(
        Effect.provideService(until(effect, member.left), CurrentPlace, placeOf(member)),
        leave(member)
      ),
    leave: leave(member)
  }))
})
