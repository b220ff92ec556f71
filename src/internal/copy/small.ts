/**
 * The moving of a small blob: read whole, once, into memory, and sent from there to each target that lacks it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import type * as Descriptor from "../../Descriptor.js"
import * as bytes from "../bytes.js"
import type { Job } from "./job.js"
import type { Way } from "./move.js"
import * as Shared from "./shared.js"
import * as sided from "./sided.js"
import { atHand, count, isSure, isWrong, logReread, type Member, put, recorded, rereads, started } from "./transfer.js"

export const ways = (
  job: Job,
  descriptor: Descriptor.Descriptor,
  members: ReadonlyArray<Member>
): Effect.Effect<ReadonlyArray<Way>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const { begin, result } = Shared.make(scope, read(job, descriptor, rereads))
    return members.map((member): Way => {
      const needed = Effect.zipRight(begin, started(job, member))
      // The bytes come while the session is opened, where it is sure that they are needed.
      const stored = isSure(member)
        ? Effect.zipRight(needed, put(member, result, identity))
        : put(member, result, (send) => Effect.zipRight(needed, send))
      return { move: recorded(member, stored), leave: Effect.void }
    })
  })

const read = (
  job: Job,
  descriptor: Descriptor.Descriptor,
  tries: number
): Effect.Effect<Uint8Array, sided.Sided> => {
  const data = atHand(descriptor)
  if (data !== undefined) return Effect.succeed(data)
  return sided.source(bytes.readBlob(job.source, descriptor)).pipe(
    Effect.tap(() => count(job.source.registry, "download", descriptor.size)),
    Effect.catchAll((error) =>
      isWrong(error) && tries > 0
        ? Effect.zipRight(logReread(error), read(job, descriptor, tries - 1))
        : Effect.fail(error)
    )
  )
}
