/**
 * One HTTP exchange with one address: no authentication, no redirects, no retries.
 *
 * @internal
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as RegistryMetrics from "../../RegistryMetrics.js"
import { count } from "../metrics.js"
import { CurrentObserver } from "../observer.js"
import { declaredLength, stalled } from "./body.js"
import { fromPlatform } from "./failure.js"
import { type Failed, fromTransport } from "./retry.js"
import type { Body, Request } from "./transport.js"
import * as Watchdog from "./watchdog.js"

/** @internal */
export interface Outgoing<E> {
  /** Whose request it is, wherever it goes. */
  readonly registry: string
  readonly method: Request["method"]
  readonly url: string
  /** The address as errors may show it. */
  readonly shown: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body<E> | undefined
  /** Whether all of a success is wanted at once. */
  readonly whole?: boolean | undefined
}

/** What came back: headers, and a body that is to be read, or has been if it is small and wanted at once. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly response: HttpClientResponse
  readonly bytes: Uint8Array | undefined
  /** Whether nothing more comes or goes. */
  readonly isOver: boolean
}

/** @internal */
export type Send = <E>(outgoing: Outgoing<E>, scope: Scope.Scope) => Effect.Effect<Answer, Failed<E>>

/** Up to this length, in bytes, a body is taken in together with its headers. */
const smallBody = 64 * 1024

/** How fast, in bytes a millisecond, a registry is expected to put away an upload before it answers: 10 MiB a second. */
const storing = 10 * 1024 * 1.024

/**
 * How many bytes of a body that is sent at once, whose progress nobody sees, are expected to go out within the idle
 * time-out: several such bodies may share a slow line.
 */
const sending = 128 * 1024

/**
 * node:http gives a connection back to its agent only when the answer has been read to its end, also where it has no
 * body; other clients have ended such an answer by themselves. Without an effect, as most answers of a copy are such.
 */
const letGo = (response: HttpClientResponse): void => {
  const source = Predicate.hasProperty(response, "source") ? response.source : undefined
  if (Predicate.hasProperty(source, "resume") && typeof source.resume === "function") source.resume()
}

/** How an upload gets on. */
interface Progress<E> {
  /** When something moved last. */
  at: number
  sent: number
  /** The next bytes are the source's to give: a slow source is no stalled registry. */
  waiting: boolean
  ended: boolean
  failure: Cause.Cause<E> | undefined
  /** How fast, in bytes a millisecond, what was sent is expected to be dealt with. */
  readonly rate: number
}

/** The content, with its progress and its own failure noted down. */
const noted = <E>(content: Stream.Stream<Uint8Array, E>, progress: Progress<E>, clock: Clock.Clock) =>
  Stream.fromPull(Effect.map(Stream.toPull(content), (pull) => {
    const moved = (): void => {
      progress.waiting = false
      progress.at = clock.unsafeCurrentTimeMillis()
    }
    return Effect.matchCauseEffect(
      Effect.suspend(() => {
        progress.waiting = true
        return pull
      }),
      {
        onFailure: (cause) => {
          moved()
          const failure = Cause.flipCauseOption(cause)
          if (Option.isNone(failure)) progress.ended = true
          else if (!Cause.isInterruptedOnly(failure.value)) progress.failure = failure.value
          return Effect.failCause(cause)
        },
        onSuccess: (chunk: Chunk.Chunk<Uint8Array>) => {
          moved()
          for (const part of chunk) progress.sent += part.length
          return Exit.succeed(chunk)
        }
      }
    )
  }))

/** Milliseconds until nothing has moved for `idle`, and for as long as what was sent may take. */
const restOf = <E>(progress: Progress<E>, idle: number) => (now: number): number => {
  const grace = progress.ended ? Math.floor(progress.sent / progress.rate) : 0
  return progress.waiting ? idle : progress.at + idle + grace - now
}

/**
 * The client as the transport uses it. The scope is tied to the very request that is sent, innermost, so that closing it
 * aborts. The platform's spans are off: they hold whole URLs and send trace headers to strangers. fetch must not follow
 * redirects by itself.
 *
 * @internal
 */
export const make = (client: HttpClient.HttpClient, idle: Duration.Duration): Send => {
  const scoped = client.pipe(
    HttpClient.withScope,
    HttpClient.withTracerDisabledWhen(() => true)
  )
  const within = (scope: Scope.Scope) =>
    Effect.mapInputContext((context: Context.Context<never>) => {
      const init = Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit))
      return context.pipe(
        Context.add(FetchHttpClient.RequestInit, { ...init, redirect: "manual" }),
        Context.add(Scope.Scope, scope)
      )
    })
  const limit = Duration.toMillis(idle)
  const watchdog = Watchdog.make(limit)

  return <E>(outgoing: Outgoing<E>, scope: Scope.Scope) =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      const observer = yield* CurrentObserver
      const { body, headers, method, registry, shown, url } = outgoing
      const progress: Progress<E> = {
        at: clock.unsafeCurrentTimeMillis(),
        sent: body?._tag === "Bytes" ? body.bytes.length : 0,
        waiting: false,
        ended: body?._tag !== "Stream",
        failure: undefined,
        rate: body?._tag === "Bytes" ? sending / limit : storing
      }
      const empty = HttpClientRequest.make(method as "POST")(url, { headers })
      const request = body === undefined
        ? empty
        : HttpClientRequest.setBody(
          empty,
          body._tag === "Bytes"
            ? HttpBody.uint8Array(body.bytes, body.contentType)
            : HttpBody.stream(noted(body.content, progress, clock), body.contentType, body.length)
        )
      observer.onRequest()
      count(RegistryMetrics.requests, 1, { registry, method })
      let refused: Answer | undefined
      const exchange = Effect.flatMap(within(scope)(scoped.execute(request)), (response) => {
        // Read once: the platform makes them anew each time.
        const { headers, status } = response
        const answer: Answer = { status, headers, response, bytes: undefined, isOver: false }
        // An answer may come before all of a streamed body has gone.
        const isOver = body?._tag !== "Stream"
        const length = method === "HEAD" ? 0 : declaredLength(headers)
        if (length === 0) {
          letGo(response)
          return Effect.succeed({ ...answer, bytes: method === "HEAD" ? undefined : new Uint8Array(0), isOver })
        }
        if (length === undefined || length > smallBody) return Effect.succeed(answer)
        // The body of a redirect is not what was asked for, and may never come.
        if (status < 400 && (outgoing.whole !== true || status >= 300)) return Effect.succeed(answer)
        if (status >= 400) refused = answer
        progress.at = clock.unsafeCurrentTimeMillis()
        return Effect.map(response.arrayBuffer, (buffer): Answer => {
          return { ...answer, bytes: new Uint8Array(buffer), isOver }
        })
      })
      return yield* watchdog.guard(exchange, restOf(progress, limit)).pipe(
        // A refusal whose words do not come is one still.
        Effect.catchAll((error) =>
          refused === undefined ? Effect.fail(error) : Effect.succeed({ ...refused, bytes: new Uint8Array(0) })
        ),
        Effect.mapError((error): Failed<E> =>
          progress.failure !== undefined
            ? { cause: progress.failure, retry: undefined }
            : fromTransport(
              error === "stalled"
                ? stalled({ method, url: shown }, idle, progress.ended ? "waiting for the answer" : "sending the body")
                : fromPlatform(method, shown, error)
            )
        ),
        Effect.filterOrElse(
          () => progress.failure === undefined,
          (): Effect.Effect<never, Failed<E>> =>
            Effect.fail({ cause: progress.failure ?? Cause.empty, retry: undefined })
        )
      )
    })
}
