/**
 * What can be set about registries: plain http, headers, limits, time-outs, retries.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"

/**
 * Settings of one registry, by its name as references have it (`docker.io`, `localhost:5000`).
 *
 * @since 0.1.0
 * @category models
 */
export interface HostOptions {
  /** http instead of https. By default only for loopback hosts. */
  readonly plainHttp?: boolean | undefined
  /** Headers sent to this registry's own origin only. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Let a realm, redirect, `Location` or `Link` of this registry lead to loopback, link-local and private addresses. By default only when the registry is at such an address itself. */
  readonly allowPrivate?: boolean | undefined
  /** Upload in chunks of this many bytes instead of one streamed PUT. */
  readonly chunkSize?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly hosts?: Readonly<Record<string, HostOptions>> | undefined
  /** Nothing moved for so long: a failure that is tried again. 20 seconds by default. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** Tries of one request after the first. 4 by default. */
  readonly retries?: number | undefined
  /** Largest manifest read, in bytes. 8 MiB by default. */
  readonly maxManifestSize?: number | undefined
  readonly userAgent?: string | undefined
}
