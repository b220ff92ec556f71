/**
 * Changes of one list, gathered: while one is under way those that come are kept, and the next to go takes them all.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Session } from "../../Repository.js"
import * as Pool from "../pool.js"

/** Gives the entries as they are to be; the very same array when they are already. */
export type Edit = (entries: ReadonlyArray<unknown>) => ReadonlyArray<unknown>

interface Waiting {
  readonly edit: Edit
  /** What came of the change that took it along. */
  outcome: Exit.Exit<void, unknown> | undefined
}

interface Queue {
  readonly lock: Pool.Pool
  waiting: ReadonlyArray<Waiting>
}

// The queue is the session's, as several objects may stand for one repository; other clients are beyond it.
const queues = new WeakMap<Session, Map<string, Queue>>()

const queueOf = (session: Session, key: string): Queue => {
  let all = queues.get(session)
  if (all === undefined) queues.set(session, all = new Map())
  let queue = all.get(key)
  if (queue === undefined) all.set(key, queue = { lock: Pool.make(1), waiting: [] })
  return queue
}

/**
 * Makes one edit of the list that the key stands for, together with all that wait by then. Those whose change was
 * interrupted wait on, and another one of them goes.
 */
export const together = <E>(
  session: Session,
  key: string,
  edit: Edit,
  run: (edits: ReadonlyArray<Edit>) => Effect.Effect<void, E>
): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    const queue = queueOf(session, key)
    const own: Waiting = { edit, outcome: undefined }
    queue.waiting = [...queue.waiting, own]

    const go = Effect.suspend(() => {
      // The key stands for one kind of change, so its failures are of one type.
      if (own.outcome !== undefined) return own.outcome as Exit.Exit<void, E>
      const taken = queue.waiting
      queue.waiting = []
      return Effect.onExit(run(taken.map(({ edit }) => edit)), (exit) =>
        Effect.sync(() => {
          if (Exit.isInterrupted(exit)) queue.waiting = [...taken, ...queue.waiting]
          else for (const one of taken) one.outcome = exit
        }))
    })
    return Effect.ensuring(
      queue.lock.run(go),
      Effect.sync(() => {
        queue.waiting = queue.waiting.filter((one) => one !== own)
      })
    )
  })
