/**
 * The upload sessions of a registry's content: whose they are, how many an account may have, and when idle ones end.
 * None has a fiber or a timer: what has expired goes when the next request comes, so any clock will do.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import type * as Digest from "../../Digest.js"
import type { Upload } from "../../RegistryServer.js"
import * as Pool from "../pool.js"

/** Whose a session is: a user of a host. Other hosts of the same content have users of their own. */
export interface Owner {
  readonly host: object
  readonly user: string | undefined
}

export interface Session {
  readonly id: string
  readonly name: string
  readonly owner: Owner
  readonly upload: Upload
  readonly lock: Pool.Pool
  readonly algorithm: Digest.Algorithm | undefined
  /** Last byte of the first chunk, for registries that never tell more. */
  firstLast: number | undefined
  /** A chunk below the least length has come: it must have been the last. */
  short: boolean
  serial: number
  /** Requests that are at work on it, or wait to be. */
  active: number
  /** When the last one ended. */
  usedAt: number
}

export interface Sessions {
  /** A new session, or `undefined` when the account has `maximum` already. */
  readonly open: (
    options: Pick<Session, "name" | "owner" | "upload" | "algorithm">,
    maximum: number
  ) => Effect.Effect<Session | undefined>
  /**
   * The session of that id, if it is of this repository. Where it was opened, it is its owner's alone; on another host
   * of the same content, the access rules of that host decide.
   */
  readonly find: (id: string, name: string, by: Owner) => Session | undefined
  /** Keeps a session from expiring while it is used. */
  readonly using: <A, E>(session: Session, effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** Takes a session away; what it has stored stays with the caller. */
  readonly close: (session: Session) => void
  /** Ends the sessions that have been idle for too long, with what they have stored. */
  readonly expire: Effect.Effect<void>
  readonly size: () => number
}

const isSame = (a: Owner, b: Owner): boolean => a.host === b.host && a.user === b.user

/** `idle` is in milliseconds. */
export const make = (idle: number): Sessions => {
  // In the order of their last use: those that expire first come first.
  const sessions = new Map<string, Session>()

  const count = (owner: Owner): number => {
    let found = 0
    for (const session of sessions.values()) if (isSame(session.owner, owner)) found++
    return found
  }

  return {
    open: (options, maximum) =>
      Effect.map(Clock.currentTimeMillis, (usedAt) => {
        if (count(options.owner) >= maximum) return undefined
        const session: Session = {
          ...options,
          id: randomUUID(),
          lock: Pool.make(1),
          firstLast: undefined,
          short: false,
          serial: 0,
          active: 0,
          usedAt
        }
        sessions.set(session.id, session)
        return session
      }),
    find: (id, name, by) => {
      const session = sessions.get(id)
      return session === undefined || session.name !== name ||
          (session.owner.host === by.host && !isSame(session.owner, by))
        ? undefined
        : session
    },
    using: (session, effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          session.active++
        }),
        () => effect,
        () =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            session.active--
            session.usedAt = now
            if (sessions.delete(session.id)) sessions.set(session.id, session)
          })
      ),
    close: ({ id }) => {
      sessions.delete(id)
    },
    expire: Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const over: Array<Session> = []
      for (const session of sessions.values()) {
        if (session.active > 0) continue
        if (now - session.usedAt < idle) break
        over.push(session)
      }
      if (over.length === 0) return Effect.void
      for (const { id } of over) sessions.delete(id)
      return Effect.uninterruptible(Effect.forEach(over, ({ upload }) => upload.discard, { discard: true }))
    }),
    size: () => sessions.size
  }
}
