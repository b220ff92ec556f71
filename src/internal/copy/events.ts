/**
 * Events between a copy, which must not wait for anybody, and whoever wants to know.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { CopyEvent } from "../../CopyEvent.js"
import type { Emit } from "./job.js"

/** With so many events waiting, how far a blob is by now is not told; the next such event tells it. */
const crowd = 256

const into = <E>(mailbox: Mailbox.Mailbox<CopyEvent, E>): Emit => (event) => {
  const isLate = event._tag === "BlobProgress" && Option.exists(mailbox.unsafeSize(), (size) => size >= crowd)
  if (!isLate) mailbox.unsafeOffer(event)
}

/** The events of a copy as a stream, which fails when the copy does. Whoever stops listening stops the copy. */
export const stream = <A, E, R>(
  run: (emit: Emit) => Effect.Effect<A, E, R>
): Stream.Stream<CopyEvent, E, R> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const mailbox = yield* Mailbox.make<CopyEvent, E>()
    yield* Effect.forkScoped(
      Effect.onExit(run(into(mailbox)), (exit) => mailbox.done(Exit.asVoid(exit)))
    )
    return Mailbox.toStream(mailbox)
  }))

/** Has each event told to a function, one after another and all of them before the end, beside the copy. */
export const telling = <A, E, R>(
  onEvent: ((event: CopyEvent) => Effect.Effect<void>) | undefined,
  run: (emit: Emit | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  onEvent === undefined ? run(undefined) : Effect.scoped(Effect.gen(function*() {
    const mailbox = yield* Mailbox.make<CopyEvent>()
    const told = yield* Effect.forkScoped(Stream.runForEach(Mailbox.toStream(mailbox), onEvent))
    // Whoever interrupts the copy does not wait for what it still has to tell: the scope ends that.
    const exit = yield* Effect.exit(run(into(mailbox)))
    yield* Effect.zipRight(mailbox.end, Fiber.join(told))
    return yield* exit
  })) as Effect.Effect<A, E, R>
