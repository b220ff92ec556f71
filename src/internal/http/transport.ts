/**
 * One request to a registry, with everything that every request needs: authentication, redirects, retries, the idle
 * watchdog, limits on what is read, and errors that hold no secret.
 *
 * @internal
 */
import type * as Chunk from "effect/Chunk"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { RegistryError, TransportError } from "../../RegistryError.js"
import type { Session } from "../../Repository.js"
import type { Hide } from "./secrets.js"

/**
 * A body that can be sent again: `content` is run once for each try. `length` in bytes becomes the Content-Length. A
 * failure of `content` itself ends the request with that very failure and is not tried again.
 */
export type Body<E = never> =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array; readonly contentType: string }
  | {
    readonly _tag: "Stream"
    readonly content: Stream.Stream<Uint8Array, E>
    readonly contentType: string
    readonly length: number | undefined
  }

export interface Request<E = never> {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** The registry's name as references have it (`docker.io`): decides host, scheme, credentials, tokens and limits. */
  readonly registry: string
  /** A path with query on the registry's API host (`/v2/…`), or an absolute URL that the registry gave, byte for byte. */
  readonly url: string
  /** Token scopes the request needs: `repository:library/alpine:pull`. */
  readonly scopes: ReadonlyArray<string>
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Body<E> | undefined
  /** Statuses handed back as values; every other final status becomes a `RegistryError`. */
  readonly accept: ReadonlyArray<number>
  /**
   * Whether the request may be sent again after a failure whose effect on the registry is unknown (a lost answer, a
   * 5xx). A 401 whose request was not acted on, and a 429, are always tried again.
   */
  readonly replay: boolean
  /**
   * Reads the whole body of an accepted answer, up to so many bytes, as a part of the try, so that a body that breaks
   * or stalls is tried again like a lost answer. `bytes` and `stream` then give what was read.
   */
  readonly buffer?: number | undefined
  /** Does not follow a redirect to another origin: it is the final answer, with its own status. */
  readonly stay?: boolean | undefined
}

/** Gives the next bytes; a failure with none is the end. */
export type Pull = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<TransportError>>

export interface Response {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Where the answer came from after redirects: the base for a `Location` or `Link` in it. */
  readonly url: string
  /** The same, as errors, logs and spans may show it. */
  readonly shown: string
  /** Takes what was sent in confidence out of what the answer says. */
  readonly hide: Hide
  /** The body, watched for stalls, to be read once: as a stream, or pull by pull where throughput matters. */
  readonly stream: Stream.Stream<Uint8Array, TransportError>
  readonly pull: Effect.Effect<Pull, never, Scope.Scope>
  /** The whole body, or `TooLarge` past the limit in bytes. */
  readonly bytes: (limit: number) => Effect.Effect<Uint8Array, TransportError>
}

export interface Transport {
  /** For an answer of which only the headers, or what `buffer` takes in, are of interest: then it is over. */
  readonly call: <E = never>(request: Request<E>) => Effect.Effect<Response, RegistryError | E>
  /** For a body that is read as it comes. The scope holds the connection: closing it aborts what has not been read. */
  readonly execute: <E = never>(request: Request<E>) => Effect.Effect<Response, RegistryError | E, Scope.Scope>
  /** `Session.transfer` of the client's session. */
  readonly transfer: Session["transfer"]
  /** An address that a registry gave, as errors, logs and spans may show it. */
  readonly shown: (registry: string, url: string) => string
}
