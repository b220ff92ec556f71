/**
 * How long a body may take: a time-out for each wait, and a floor under the rate at which the whole of it moves.
 *
 * @internal
 */
import * as Duration from "effect/Duration"

/** What a registry, or a line, is given. */
export interface Limits {
  /** How long nothing may move. */
  readonly idle: Duration.Duration
  /** The floor, in bytes a second, under the rate of a body. */
  readonly rate: number
}

/** The longest wait, and the most that a body that came fast has to its credit for later, in idle time-outs. */
const most = 3

/**
 * The time that a body has left. It passes only during waits for the other side: time that the consumer of a download or
 * the source of an upload takes does not count. At the beginning there is one idle time-out, and each byte adds what it
 * may take at the floor rate. So a body takes at most an idle time-out longer than its bytes at that rate, and one byte
 * now and then keeps no connection open. What is to the credit is bounded, or a large body that comes fast at first
 * could drip for hours after that.
 */
export interface Pace {
  /** A wait begins, during which so many bytes are on their way whose progress nobody sees. */
  readonly begin: (now: number, bytes?: number) => void
  /** A wait ends, with so many bytes that came of it. */
  readonly end: (now: number, bytes?: number) => void
  /** All that is left is one wait, for so many bytes and `grace` milliseconds more. */
  readonly last: (now: number, bytes: number, grace?: number) => void
  /** Milliseconds until the time is up: with no wait under way, if one began now. */
  readonly rest: (now: number) => number
  /** What was wrong when the time was up, in words that go before `while …`. */
  readonly reason: (now: number) => string
}

/** In whole seconds, where these say enough. */
const rounded = (millis: number): string => {
  const unit = millis < 10_000 ? 1 : 1000
  return Duration.format(Duration.millis(Math.round(millis / unit) * unit))
}

/** @internal */
export const make = ({ idle, rate }: Limits): Pace => {
  const limit = Duration.toMillis(idle)
  const credit = (bytes: number): number => (bytes * 1000) / rate
  /** Of the whole body. */
  let left = limit
  /** Of one wait. */
  let allowed = limit
  let since: number | undefined = undefined
  const end = (now: number, bytes = 0): void => {
    const waited = since === undefined ? 0 : now - since
    left = Math.min(most * limit, left - waited + credit(bytes))
    since = undefined
  }
  return {
    begin: (now, bytes = 0) => {
      end(now, bytes)
      allowed = Math.min(most * limit, limit + credit(bytes))
      since = now
    },
    end,
    last: (now, bytes, grace = 0) => {
      allowed = left = Math.min(most * limit, limit + credit(bytes)) + grace
      since = now
    },
    rest: (now) => {
      // Not less than a tenth: who sleeps for the rest would do nothing else while others take their time.
      if (since === undefined) return Math.ceil(Math.max(limit / 10, Math.min(limit, left)))
      return Math.ceil(since + Math.min(allowed, left) - now)
    },
    reason: (now) =>
      since === undefined || now - since < allowed
        ? `less than ${rate} bytes per second`
        : `no progress for ${rounded(allowed)}`
  }
}
