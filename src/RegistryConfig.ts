/**
 * What can be set about registries: plain http, headers, limits, time-outs, retries.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"

/**
 * Settings of one registry, by its name as references have it (`docker.io`, `localhost:5000`).
 *
 * @since 0.1.0
 * @category models
 */
export interface HostOptions {
  /** http instead of https. By default only for loopback hosts. */
  readonly plainHttp?: boolean | undefined
  /**
   * Headers sent to this registry's own origin only. A secret one is hidden wherever the registry repeats it: one given as
   * `Redacted`, one whose name holds `auth`, `cookie`, `credential`, `key`, `passw`, `secret`, `session`, `signature` or
   * `token`, and one that looks like a random text: with at least 16 letters and digits in a row, of more than one of the
   * kinds lower case, upper case and digit, unless it is the name of a host. Any other plain value is shown.
   */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /**
   * Whether a realm, redirect or `Location` of this registry may lead to an internal address: loopback, link-local, private,
   * multicast, reserved, or one that a translator such as Teredo resolves. By default only when the registry is at such an
   * address itself. Its own origin may be asked in any case, and a `Link` never leaves it. What is refused is a
   * `TransportError` with the reason `Redirect`, for an address in a realm a `CredentialsError`.
   *
   * Names are looked up by the HTTP layer of `NodeRegistry`, whenever it makes a connection and not through a proxy. With
   * other HTTP layers only `localhost` and addresses that are written out are judged: a name may lead anywhere, and a
   * registry counts as internal only when its own name is one of those.
   */
  readonly allowPrivate?: boolean | undefined
  /** Upload in chunks of this many bytes instead of one streamed PUT. */
  readonly chunkSize?: number | undefined
  /**
   * How many blobs of more than 1 MiB move from or to this registry at once, in all copies of the client together. 16 by
   * default; of small requests twice as many are under way. A registry that answers 429 or 503 gets fewer for a while. A
   * blob that waits for another try does not count.
   */
  readonly concurrency?: number | undefined
  /**
   * How a copy asks this registry whether it has a blob. `head`, the default: one HEAD. `mount`: by mounting the blob from
   * the very repository it is to go to, which saves a request for each blob that is missing. It is for registries that
   * answer 201 when the blob is there and 202, with a session to use, when it is not, as distribution's
   * `docker-registry` does; others would get blobs again that they have.
   */
  readonly blobCheck?: "head" | "mount" | undefined
}

/**
 * A try of a request that failed in a way that another try may mend.
 *
 * @since 0.1.0
 * @category models
 */
export interface FailedTry {
  /** The registry as references name it. */
  readonly registry: string
  readonly method: string
  /** The address without its query. */
  readonly url: string
  /** Which try it was: 1 for the first. */
  readonly attempt: number
  /** Why it failed, in a word: a status (`503`) or the reason of a `TransportError` (`Timeout`). */
  readonly reason: string
  /** The system's code for what happened to the connection, such as `ECONNREFUSED`, when there is one. */
  readonly code?: string | undefined
  /** How long the registry asked to wait, when it did. */
  readonly retryAfter: Duration.Duration | undefined
}

/**
 * What `onRetry` is told: the try that failed, and how long it will be until the next.
 *
 * @since 0.1.0
 * @category models
 */
export interface Retry extends FailedTry {
  readonly delay: Duration.Duration
}

/**
 * Settings of a client. All of them are optional.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly hosts?: Readonly<Record<string, HostOptions>> | undefined
  /**
   * How long a request may make no progress before it fails with `Timeout` and is retried. Default: 20 seconds. While
   * bytes are being sent, up to 256 KiB are in flight, and the limit is extended by the time they take at `minRate`, to
   * at most three times the time-out. After a streamed upload the registry has one more second to answer for every 10 MiB
   * that were sent.
   */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /**
   * The slowest allowed rate of a body, in bytes per second. Default: 10,000. A body may take `idleTimeout` plus its size
   * divided by this rate; after that the request fails with `Timeout` and is retried. It fails earlier when it becomes
   * slow after a fast start: the time saved by then counts for at most three times `idleTimeout`. Time spent by the
   * consumer of `getBlob` or by the source of an upload does not count. Must be a whole number above 0, else
   * `InvalidInput`. Use 1 to disable it in practice.
   */
  readonly minRate?: number | undefined
  /**
   * Tries of one request after the first, and of one step of a transfer that gets no further. 4 by default.
   */
  readonly retries?: number | undefined
  /**
   * When a failed try is followed by another, and after how long; it ends when the schedule does. By default `retries`
   * times, after 0.5, 1, 2, 4, … seconds, at most 20, each 20 % more or less. A longer `Retry-After` of the registry
   * is obeyed on top of it. Which failures are tried again at all is not for the schedule to say. A download or upload
   * that broke off goes on after waits of its own.
   */
  readonly retry?: Schedule.Schedule<unknown, FailedTry> | undefined
  /**
   * The longest `Retry-After` that is waited for: a registry that asks for more gets no further try, and the failure is
   * reported at once with what it asked for. 60 seconds by default.
   */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
  /** Told of each retry before its delay begins. */
  readonly onRetry?: ((retry: Retry) => Effect.Effect<void>) | undefined
  /** Largest manifest read, in bytes. 8 MiB by default. */
  readonly maxManifestSize?: number | undefined
  /**
   * Pages of one list of tags, repositories or referrers; a longer list ends with a failure. 10 000 by default. Of pages
   * that hold fewer than ten entries on average there may be a tenth of that, or 100 where a tenth is less.
   */
  readonly maxPages?: number | undefined
  /**
   * How long the pages of one list may take to get, all together; what is done with its entries in between does not count.
   * 10 minutes by default.
   */
  readonly maxListTime?: Duration.DurationInput | undefined
  /** The `User-Agent` header. `effect-oci/<version>` by default. */
  readonly userAgent?: string | undefined
}
