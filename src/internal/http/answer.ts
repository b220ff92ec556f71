/**
 * Answers that are no success, as errors.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import {
  Denied,
  type ErrorEntry,
  RateLimited,
  type RegistryError,
  Unauthorized,
  UnexpectedStatus
} from "../../RegistryError.js"
import { parseErrorBody } from "../errorEntries.js"
import { whole } from "./body.js"
import type { Arrival } from "./follow.js"
import type { Limits } from "./pace.js"
import { isRateLimit, parseRetryAfter } from "./retry.js"
import type { Hide } from "./secrets.js"

/** Error and token bodies are not read any further than this, in bytes. */
export const maxBody = 1024 * 1024

/** What an answer that is no success says. */
export interface Refusal {
  readonly method: string
  readonly url: string
  /** The address as errors may show it. */
  readonly shown: string
  readonly hide: Hide
  readonly status: number
  readonly errors: ReadonlyArray<ErrorEntry>
  readonly retryAfter: Duration.Duration | undefined
}

/**
 * The registry's own words in an answer. A body that is too long, breaks off or does not come within the idle timeout
 * says nothing: the status is enough of an error.
 *
 * @internal
 */
export const read = Effect.fnUntraced(function*(
  limits: Limits,
  method: string,
  arrival: Omit<Arrival, "home">
): Effect.fn.Return<Refusal> {
  const { headers, hide, shown, status, url } = arrival
  const bytes = method === "HEAD"
    ? new Uint8Array(0)
    : arrival.bytes ?? (yield* whole({ method, url: shown }, limits, arrival, maxBody).pipe(
      // inner effects must be interruptible for a timeout to end them where the caller is not
      Effect.interruptible,
      Effect.timeout(limits.idle),
      Effect.orElseSucceed(() => new Uint8Array(0))
    ))
  const now = yield* Clock.currentTimeMillis
  return {
    method,
    url,
    shown,
    hide,
    status,
    errors: parseErrorBody(bytes, hide),
    retryAfter: parseRetryAfter(headers["retry-after"], now)
  }
})

/**
 * The error for a final status. `credentials` says which were tried.
 *
 * @internal
 */
export const toError = (refusal: Refusal, credentials: string): RegistryError => {
  const { errors, method, retryAfter, shown, status } = refusal
  const fields = { method, url: shown, status, errors }
  if (isRateLimit(status, errors)) return new RateLimited({ ...fields, retryAfter })
  switch (status) {
    case 401:
      return new Unauthorized({ ...fields, credentials })
    case 403:
      return new Denied({ ...fields, credentials })
    default:
      return new UnexpectedStatus({ ...fields, retryAfter })
  }
}
