/**
 * A transport that answers from a script and keeps what was asked.
 */
import * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Digest from "../../../src/Digest.js"
import { parseErrorBody } from "../../../src/internal/errorEntries.js"
import type { Pull, Request, Response, Transport } from "../../../src/internal/http/transport.js"
import { redact } from "../../../src/internal/http/url.js"
import { makeRepository } from "../../../src/internal/remote/repository.js"
import { make as makeSession } from "../../../src/internal/session.js"
import type * as RegistryConfig from "../../../src/RegistryConfig.js"
import {
  Denied,
  RateLimited,
  type RegistryError,
  TransportError,
  Unauthorized,
  UnexpectedStatus
} from "../../../src/RegistryError.js"
import type { CompleteRepository } from "../../../src/Repository.js"
import type { Session } from "../../../src/Repository.js"

export const registry = "registry.test"
export const name = "team/app"
export const origin = `https://${registry}`

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Where it came from, after a redirect. */
  readonly at?: string
  readonly body?: string | Uint8Array | ReadonlyArray<Uint8Array>
  /** The wait before each part of the body. */
  readonly every?: Duration.DurationInput
  /** The body breaks off at its end; with that error where one is given. */
  readonly cut?: boolean | TransportError
  /** No answer comes. */
  readonly error?: RegistryError
  /** So many bytes of the request's body are taken, then the connection breaks. */
  readonly breakAfter?: number
  /** It comes only after so long. */
  readonly delay?: Duration.DurationInput
  /** Nothing ever comes. */
  readonly hang?: boolean
  /** Nothing ever comes, and the connection cannot be given up either. */
  readonly stuck?: boolean
}

export interface Seen {
  readonly line: string
  readonly request: Request<unknown>
  readonly headers: Readonly<Record<string, string>>
  body: Uint8Array
  /** The whole body was sent. */
  complete: boolean
  /** The connection has been let go. */
  released: boolean
}

export const reset = new TransportError({ method: "GET", url: origin, reason: "Reset", description: "cut" })

const join = (parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))
const encode = (body: Answer["body"]): ReadonlyArray<Uint8Array> =>
  body === undefined ? [] : typeof body === "string" ? [Buffer.from(body)] : body instanceof Uint8Array ? [body] : body

const failure = (request: Request<unknown>, url: string, status: number, body: Uint8Array): RegistryError => {
  const fields = { method: request.method, url, status, errors: parseErrorBody(body, (text) => text) }
  switch (status) {
    case 401:
      return new Unauthorized({ ...fields, credentials: "anonymous" })
    case 403:
      return new Denied({ ...fields, credentials: "anonymous" })
    case 429:
      return new RateLimited(fields)
    default:
      return new UnexpectedStatus(fields)
  }
}

export interface Script {
  readonly transport: Transport
  readonly session: Session
  readonly repository: CompleteRepository
  readonly seen: ReadonlyArray<Seen>
  readonly lines: () => ReadonlyArray<string>
}

/** `answer` is a list to be gone through in order, or a function of the request. A request too many is a defect. */
export const script = (
  answer: ReadonlyArray<Answer> | ((seen: Seen, index: number) => Answer),
  options?: { readonly config?: RegistryConfig.Options; readonly name?: string }
): Effect.Effect<Script> =>
  Effect.map(makeSession, (session) => {
    const seen: Array<Seen> = []
    const answerTo = (one: Seen, index: number): Answer => {
      const given = typeof answer === "function" ? answer(one, index) : answer[index]
      if (given === undefined) throw new Error(`request ${index + 1} is not in the script: ${one.line}`)
      return given
    }
    const transport: Transport = {
      transfer: (_registry, effect) => effect,
      shown: (_registry, url) => redact(url),
      call: (request) => Effect.scoped(transport.execute(request)),
      execute: <E = never>(request: Request<E>) =>
        Effect.gen(function*() {
          const url = request.url.startsWith("/") ? `${origin}${request.url}` : request.url
          const one: Seen = {
            line: `${request.method} ${request.url}`,
            request: request as Request<unknown>,
            headers: request.headers ?? {},
            body: new Uint8Array(0),
            complete: request.body === undefined,
            released: false
          }
          const given = answerTo(one, seen.push(one) - 1)
          yield* Effect.addFinalizer(() => Effect.sync(() => one.released = true))
          if (request.body?._tag === "Bytes") {
            one.body = request.body.bytes
            one.complete = true
          } else if (request.body?._tag === "Stream") {
            const limit = given.breakAfter ?? Infinity
            let taken = 0
            yield* request.body.content.pipe(
              Stream.takeWhile(() => taken < limit),
              Stream.runForEach((bytes) =>
                Effect.sync(() => {
                  taken += bytes.byteLength
                  one.body = join([one.body, bytes])
                })
              )
            )
            one.complete = one.body.byteLength === request.body.length
          }
          if (given.hang === true) return yield* Effect.never
          if (given.stuck === true) return yield* Effect.onInterrupt(Effect.never, () => Effect.never)
          if (given.delay !== undefined) yield* Effect.sleep(given.delay)
          if (given.breakAfter !== undefined) return yield* reset
          if (given.error !== undefined) return yield* given.error
          const status = given.status ?? 200
          const parts = request.method === "HEAD" ? [] : encode(given.body)
          if (!request.accept.includes(status)) {
            return yield* failure(request as Request<unknown>, url.split("?")[0] ?? "", status, join(parts))
          }
          const whole = Stream.fromChunk(Chunk.unsafeFromArray(parts)).pipe(
            Stream.rechunk(1),
            Stream.tap(() => given.every === undefined ? Effect.void : Effect.sleep(given.every))
          )
          const broken = given.cut === true ? reset : given.cut === false ? undefined : given.cut
          const stream = broken === undefined ? whole : Stream.concat(whole, Stream.fail(broken))
          let isOver = false
          const once = (pull: Pull): Pull =>
            Effect.suspend(() =>
              isOver ? Effect.dieMessage("pulled behind the end") : Effect.tapError(pull, () =>
                Effect.sync(() => {
                  isOver = true
                }))
            )
          const response: Response = {
            status,
            headers: given.headers ?? {},
            url: given.at ?? url,
            shown: redact(given.at ?? url),
            hide: (text) => text,
            stream,
            pull: Effect.map(Stream.toPull(stream), once),
            bytes: (limit) => {
              const bytes = join(parts)
              return bytes.byteLength > limit
                ? new TransportError({
                  method: "GET",
                  url,
                  reason: "TooLarge",
                  size: bytes.byteLength,
                  description: `over ${limit} bytes`
                })
                : broken ?? Effect.succeed(bytes)
            }
          }
          return response
        })
    }
    return {
      transport,
      session,
      repository: makeRepository({
        transport,
        session,
        registry,
        name: options?.name ?? name,
        config: options?.config ?? {}
      }),
      seen,
      lines: () => seen.map((one) => one.line)
    }
  })

/** Runs it with waits that take no time at all, for what waits a thousand times. */
export const instantly = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) =>
    Effect.withClock(effect, Object.assign(Object.create(clock) as typeof clock, { sleep: () => Effect.yieldNow() }))
  )

/** Bytes that differ from place to place. */
export const sample = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) % 251)

export const blobOf = (bytes: Uint8Array, algorithm?: Digest.Algorithm) => ({
  digest: Digest.fromBytes(bytes, algorithm),
  size: bytes.byteLength
})

/** The bytes in pieces of that size, one piece to a chunk. */
export const piecewise = (bytes: Uint8Array, size: number): Stream.Stream<Uint8Array> =>
  Stream.fromIterable(
    Array.from({ length: Math.ceil(bytes.byteLength / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  ).pipe(Stream.rechunk(1))

export const collect = <E, R>(stream: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Uint8Array, E, R> =>
  Effect.map(Stream.runCollect(stream), (chunk) => join(Chunk.toReadonlyArray(chunk)))
