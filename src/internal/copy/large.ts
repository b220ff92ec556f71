/**
 * The moving of a large blob: streamed from one read of the source to all targets that lack it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Descriptor from "../../Descriptor.js"
import * as Feed from "./feed.js"
import type { Job } from "./job.js"
import type { Way } from "./move.js"
import * as sided from "./sided.js"
import * as slots from "./slots.js"
import * as transfer from "./transfer.js"

export const ways = (
  job: Job,
  descriptor: Descriptor.Descriptor,
  members: ReadonlyArray<transfer.Member>,
  rereads: number = transfer.rereads
): Effect.Effect<ReadonlyArray<Way>, never, Scope.Scope> =>
  Effect.map(
    Feed.make({
      members: members.length,
      source: contentOf(job, descriptor),
      slots: (effect) =>
        job.places.run(
          slots.hold([job.source, ...members.map(({ target }) => target.repository)], effect)
        )
    }),
    (seats) =>
      seats.flatMap((seat, index) => {
        const member = members[index]
        return member === undefined
          ? []
          : [{ move: orAlone(job, member, rereads, put(job, member, seat)), leave: seat.leave }]
      })
  )

const put = (
  job: Job,
  member: transfer.Member,
  seat: Feed.Seat
): Effect.Effect<transfer.Moved, sided.Sided | Feed.LeftBehind> => {
  const enter = Effect.zipRight(seat.enter, transfer.started(job, member))
  const content = job.meter(member.target, member.descriptor, seat.content)
  const stored = transfer.isSure(member)
    ? Effect.zipRight(enter, transfer.put(member, content, identity))
    : Effect.suspend(() => {
      let left: Feed.LeftBehind | undefined
      // The gate's own failure cannot pass through the repository: it ends the part behind it.
      const gate = <A, E, R>(send: Effect.Effect<A, E, R>) =>
        Effect.matchEffect(enter, {
          onFailure: (error) => {
            left = error
            return Effect.interrupt
          },
          onSuccess: () => send
        })
      return Effect.catchAllCause(
        transfer.put(member, content, gate),
        (cause): Effect.Effect<never, sided.Sided | Feed.LeftBehind> =>
          left === undefined ? Effect.failCause(cause) : Effect.fail(left)
      )
    })
  return transfer.recorded(member, seat.take(stored))
}

/** What was left behind goes on alone, and so does what got wrong bytes from the source, a few times. */
const orAlone = (
  job: Job,
  { descriptor, target }: transfer.Member,
  rereads: number,
  effect: Effect.Effect<transfer.Moved, sided.Sided | Feed.LeftBehind>
): Effect.Effect<transfer.Moved, sided.Sided> => {
  const alone = (rereads: number) =>
    Effect.scoped(Effect.flatMap(
      ways(job, descriptor, [{ target, descriptor, action: { _tag: "Upload" } }], rereads),
      ([only]) => only === undefined ? Effect.dieMessage("a feed without a seat") : only.move
    ))
  return Effect.catchAll(effect, (error) => {
    if (error._tag === "LeftBehind") return alone(rereads)
    return transfer.isWrong(error) && rereads > 0
      ? Effect.zipRight(transfer.logReread(error), alone(rereads - 1))
      : Effect.fail(error)
  })
}

const contentOf = (job: Job, blob: Descriptor.Descriptor): Stream.Stream<Uint8Array, sided.Sided> => {
  const data = transfer.atHand(blob)
  if (data !== undefined) return Stream.make(data)
  return Stream.mapError(job.source.getBlob(blob), (cause) => sided.make("source", cause)).pipe(
    job.observed,
    Stream.onEnd(transfer.count(job.source.registry, "download", blob.size))
  )
}
