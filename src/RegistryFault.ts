/**
 * What an embedded registry does wrong on purpose: a plan, as data, of which requests fail and how. The registry over
 * sockets and the one behind `RegistryTest.layer` carry out the same plan.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"

/**
 * The requests a fault can be for, by what they do. `startUpload` is the POST without `mount`, `mount` the one with.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind =
  | "ping"
  | "token"
  | "catalog"
  | "tags"
  | "referrers"
  | "headManifest"
  | "getManifest"
  | "putManifest"
  | "deleteManifest"
  | "headBlob"
  | "getBlob"
  | "deleteBlob"
  | "startUpload"
  | "mount"
  | "getUpload"
  | "patchUpload"
  | "putUpload"
  | "deleteUpload"
  | "other"

/**
 * What happens to a request.
 *
 * - `Status`: this answer instead of the real one, the request not acted on; a `body` that is text is sent as it is,
 *   otherwise there is an `errors[]` body with `code`, or the code that usually goes with the status
 * - `RateLimit`: 429 with `TOOMANYREQUESTS`; `retryAfter` is in seconds, or an HTTP date
 * - `Redirect`: 307, unless `status` says otherwise, to `location`, which may be relative
 * - `Delay`: the request is acted on after this time
 * - `Stall`: nothing comes for this time, for ever by default: before the headers, or after so many bytes of the body
 * - `Reset`: the connection breaks before the request is acted on, or after, when the answer is lost
 * - `Refuse`: no connection comes about (over sockets: it breaks at once)
 * - `CutBody`: the connection breaks after so many bytes of the answer's body
 * - `TruncateBody`: the body ends cleanly after so many bytes, without a `Content-Length` to tell
 * - `CorruptBody`: the byte at `offset` (0 by default) is changed
 * - `CutUpload`: the connection breaks when so many bytes of the request's body have come; they are kept
 * - `Headers`: headers of the answer are replaced, or dropped where the value is `undefined`
 * - `ExpireTokens`: all tokens given out so far are void from this request on
 *
 * @since 0.1.0
 * @category models
 */
export type Action =
  | {
    readonly _tag: "Status"
    readonly status: number
    readonly code?: string | undefined
    readonly message?: string | undefined
    readonly body?: string | undefined
    readonly headers?: Readonly<Record<string, string>> | undefined
  }
  | { readonly _tag: "RateLimit"; readonly retryAfter?: number | string | undefined }
  | { readonly _tag: "Redirect"; readonly location: string; readonly status?: number | undefined }
  | { readonly _tag: "Delay"; readonly duration: Duration.DurationInput }
  | {
    readonly _tag: "Stall"
    readonly at: "headers" | "body"
    readonly after?: number | undefined
    readonly duration?: Duration.DurationInput | undefined
  }
  | { readonly _tag: "Reset"; readonly at: "before" | "after" }
  | { readonly _tag: "Refuse" }
  | { readonly _tag: "CutBody"; readonly after: number }
  | { readonly _tag: "TruncateBody"; readonly after: number }
  | { readonly _tag: "CorruptBody"; readonly offset?: number | undefined }
  | { readonly _tag: "CutUpload"; readonly after: number }
  | { readonly _tag: "Headers"; readonly headers: Readonly<Record<string, string | undefined>> }
  | { readonly _tag: "ExpireTokens" }

/**
 * One fault: all conditions must hold. Without any, every request matches.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault {
  readonly kind?: Kind | ReadonlyArray<Kind> | undefined
  readonly method?: string | undefined
  /** The path without its query: a pattern, or a string that the path must contain. */
  readonly path?: RegExp | string | undefined
  /** Which of the matching requests fail, counted from 1: the first by default. */
  readonly nth?: number | ReadonlyArray<number> | "always" | undefined
  readonly action: Action
}

/**
 * The connection came to nothing or broke because the plan said so. This is what an app with a fault plan fails with,
 * and what the body of an answer may fail with; whoever runs the app turns it into what that is on a connection.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionFault extends Data.TaggedError("ConnectionFault")<{
  readonly reason: "Refused" | "Reset"
}> {
  override get message(): string {
    return this.reason === "Refused" ? "connection refused (planned fault)" : "connection reset (planned fault)"
  }
}
