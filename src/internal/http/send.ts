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
import * as Chunk from "effect/Chunk"
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
import * as Pace from "./pace.js"
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
 * Up to so many bytes of a body go to the client at once: it does not say how far it got with them. A larger body of
 * bytes is sent as a stream of such pieces, so that the socket's progress is seen.
 */
const piece = 256 * 1024

/**
 * node:http gives a connection back to its agent only when the answer has been read to its end, also where it has no
 * body; other clients have ended such an answer by themselves. Without an effect, as most answers of a copy are such.
 */
const letGo = (response: HttpClientResponse): void => {
  const source = Predicate.hasProperty(response, "source") ? response.source : undefined
  if (Predicate.hasProperty(source, "resume") && typeof source.resume === "function") source.resume()
}

/** How an upload gets on, in the newest run of its content. */
interface Progress<E> {
  readonly pace: Pace.Pace
  /** Bytes handed to the client. */
  sent: number
  ended: boolean
  failure: Cause.Cause<E> | undefined
}

type Pull<E> = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<E>>

const sizeOf = (chunk: Chunk.Chunk<Uint8Array>): number => {
  let size = 0
  for (const part of chunk) size += part.length
  return size
}

/** The same bytes in chunks of a piece at most. */
const cut = (chunk: Chunk.Chunk<Uint8Array>): Array<Chunk.Chunk<Uint8Array>> => {
  const cuts: Array<Chunk.Chunk<Uint8Array>> = []
  for (const part of chunk) {
    for (let at = 0; at < part.length; at += piece) cuts.push(Chunk.of(part.subarray(at, at + piece)))
  }
  return cuts
}

/** The content, with its progress and its own failure noted down. A slow source is no stalled registry. */
const noted = <E>(
  content: Stream.Stream<Uint8Array, E>,
  progress: Progress<E>,
  clock: Clock.Clock
): Effect.Effect<Pull<E>, never, Scope.Scope> =>
  Effect.map(Stream.toPull(content), (pull) => {
    const { pace } = progress
    /** Pieces of what the source gave at once, the next one last. */
    let cuts: Array<Chunk.Chunk<Uint8Array>> = []
    let size = 0
    const give = (chunk: Chunk.Chunk<Uint8Array>): Exit.Exit<Chunk.Chunk<Uint8Array>> => {
      size = sizeOf(chunk)
      progress.sent += size
      pace.begin(clock.unsafeCurrentTimeMillis(), size)
      return Exit.succeed(chunk)
    }
    const next: Pull<E> = Effect.matchCauseEffect(pull, {
      onFailure: (cause) => {
        const failure = Cause.flipCauseOption(cause)
        if (Option.isNone(failure)) {
          progress.ended = true
          pace.last(clock.unsafeCurrentTimeMillis(), size, Math.floor(progress.sent / storing))
        } else if (!Cause.isInterruptedOnly(failure.value)) progress.failure = failure.value
        return Effect.failCause(cause)
      },
      onSuccess: (chunk) => {
        if (sizeOf(chunk) <= piece) return give(chunk)
        cuts = cut(chunk).reverse()
        return give(cuts.pop() ?? chunk)
      }
    })
    return Effect.suspend((): Pull<E> => {
      pace.end(clock.unsafeCurrentTimeMillis())
      const left = cuts.pop()
      return left === undefined ? next : give(left)
    })
  })

/**
 * The content of a body whose first bytes are there. The head of a request goes out with them: a registry closes a
 * connection on which nothing comes, Node's servers after five seconds. The source ends with the stream, or with the
 * request when the client never ran the stream. A client that sends a request again by itself runs the stream again,
 * which then begins anew, with a progress of its own.
 */
const begun = <E>(
  content: Stream.Stream<Uint8Array, E>,
  begin: () => Progress<E>,
  clock: Clock.Clock,
  scope: Scope.Scope
): Effect.Effect<Stream.Stream<Uint8Array, E>, "source"> =>
  Effect.gen(function*() {
    const own = yield* Scope.make()
    let isRun = false
    yield* Scope.addFinalizerExit(scope, (exit) => isRun ? Effect.void : Scope.close(own, exit))
    const progress = begin()
    const pull = yield* Scope.extend(noted(content, progress, clock), own)
    let first: Exit.Exit<Chunk.Chunk<Uint8Array>, Option.Option<E>> | undefined = yield* Effect.exit(pull)
    if (progress.failure !== undefined) return yield* Effect.fail("source" as const)
    const next = Effect.suspend(() => {
      const given = first
      first = undefined
      return given ?? pull
    })
    const run = Effect.suspend(() => {
      if (isRun) return noted(content, begin(), clock)
      isRun = true
      return Effect.as(Effect.addFinalizer((exit) => Scope.close(own, exit)), next)
    })
    return Stream.fromPull(run)
  })

/**
 * The client as the transport uses it. The scope is tied to the very request that is sent, innermost, so that closing it
 * aborts. The platform's spans are off: they hold whole URLs and send trace headers to strangers. fetch must not follow
 * redirects by itself.
 *
 * @internal
 */
export const make = (client: HttpClient.HttpClient, limits: Pace.Limits): Send => {
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
  const watchdog = Watchdog.make(Duration.toMillis(limits.idle))

  return <E>(outgoing: Outgoing<E>, scope: Scope.Scope) =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      const observer = yield* CurrentObserver
      const { body, headers, method, registry, shown, url } = outgoing
      const now = () => clock.unsafeCurrentTimeMillis()
      const streamed = body === undefined || (body._tag === "Bytes" && body.bytes.length <= piece)
        ? undefined
        : body._tag === "Stream"
        ? body
        : { content: Stream.make(body.bytes), contentType: body.contentType, length: body.bytes.length }
      const begin = (): Progress<E> => ({
        pace: Pace.make(limits),
        sent: 0,
        ended: streamed === undefined,
        failure: undefined
      })
      let progress = begin()
      const empty = HttpClientRequest.make(method as "POST")(url, { headers })
      const complete = body?._tag === "Bytes"
        ? HttpClientRequest.setBody(empty, HttpBody.uint8Array(body.bytes, body.contentType))
        : empty
      if (streamed === undefined) progress.pace.last(now(), body?._tag === "Bytes" ? body.bytes.length : 0)
      const request = streamed === undefined ? Effect.succeed(complete) : Effect.map(
        begun<E>(streamed.content, () => progress = begin(), clock, scope),
        (content) => HttpClientRequest.setBody(empty, HttpBody.stream(content, streamed.contentType, streamed.length))
      )
      let refused: Answer | undefined
      let isReading = false
      const execute = Effect.flatMap(request, (request) => {
        observer.onRequest()
        count(RegistryMetrics.requests, 1, { registry, method })
        return within(scope)(scoped.execute(request))
      })
      const exchange = Effect.flatMap(execute, (response) => {
        // Read once: the platform makes them anew each time.
        const { headers, status } = response
        const answer: Answer = { status, headers, response, bytes: undefined, isOver: false }
        // An answer may come before all of a streamed body has gone.
        const isOver = streamed === undefined
        const length = method === "HEAD" ? 0 : declaredLength(headers)
        if (length === 0) {
          letGo(response)
          return Effect.succeed({ ...answer, bytes: method === "HEAD" ? undefined : new Uint8Array(0), isOver })
        }
        if (length === undefined || length > smallBody) return Effect.succeed(answer)
        // The body of a redirect is not what was asked for, and may never come.
        if (status < 400 && (outgoing.whole !== true || status >= 300)) return Effect.succeed(answer)
        if (status >= 400) refused = answer
        isReading = true
        progress.pace.last(now(), length)
        return Effect.map(response.arrayBuffer, (buffer): Answer => {
          return { ...answer, bytes: new Uint8Array(buffer), isOver }
        })
      })
      return yield* watchdog.guard(exchange, (now) => progress.pace.rest(now)).pipe(
        // A refusal whose words do not come is one still.
        Effect.catchAll((error) =>
          refused === undefined ? Effect.fail(error) : Effect.succeed({ ...refused, bytes: new Uint8Array(0) })
        ),
        Effect.mapError((error): Failed<E> =>
          progress.failure !== undefined
            ? { cause: progress.failure, retry: undefined }
            : fromTransport(
              typeof error === "string"
                ? stalled(
                  { method, url: shown },
                  progress.pace.reason(now()),
                  isReading ? "reading the body" : progress.ended ? "waiting for the answer" : "sending the body"
                )
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
