/**
 * Waits between tries of a transfer. Single requests are tried again by the transport; this is for what takes several
 * of them: a download that goes on, an upload that starts over.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const shortest = 250
const longest = 10_000

/** Waits after so many failures in a row: twice as long each time, up to ten seconds, and never the same for two. */
export const pause = (failures: number): Effect.Effect<void> =>
  Effect.flatMap(
    Random.nextRange(0.5, 1),
    (jitter) => Effect.sleep(jitter * Math.min(longest, shortest * 2 ** (failures - 1)))
  )
