/**
 * The fault plan, carried out: which faults are due for a request, and what they do to it and to its answer.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Action, ConnectionFault, type Fault } from "../../RegistryFault.js"
import { answerOf, bytes, empty, type Exchange, refuse, type Response, withBody } from "./exchange.js"

export interface Plan {
  readonly set: (faults: ReadonlyArray<Fault>) => void
  /** The actions due for this request, which is counted. */
  readonly take: (exchange: Exchange) => ReadonlyArray<Action>
}

const isDue = (nth: Fault["nth"], count: number): boolean =>
  nth === "always" || (nth === undefined ? count === 1 : typeof nth === "number" ? count === nth : nth.includes(count))

const applies = ({ kind, method, path }: Fault, exchange: Exchange): boolean =>
  (kind === undefined || (typeof kind === "string" ? kind === exchange.kind : kind.includes(exchange.kind))) &&
  (method === undefined || method.toUpperCase() === exchange.method) &&
  (path === undefined || (typeof path === "string" ? exchange.path.includes(path) : exchange.path.search(path) >= 0))

export const make = (initial: ReadonlyArray<Fault>): Plan => {
  let entries = initial.map((fault) => ({ fault, count: 0 }))
  return {
    set: (faults) => {
      entries = faults.map((fault) => ({ fault, count: 0 }))
    },
    take: (exchange) =>
      entries.flatMap((entry) =>
        applies(entry.fault, exchange) && isDue(entry.fault.nth, ++entry.count)
          ? [entry.fault.action]
          : []
      )
  }
}

const codes: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "NAME_UNKNOWN",
  405: "UNSUPPORTED",
  413: "SIZE_INVALID",
  416: "RANGE_INVALID",
  429: "TOOMANYREQUESTS"
}

const reset = new ConnectionFault({ reason: "Reset" })

const wait = (action: Extract<Action, { readonly _tag: "Stall" }>): Effect.Effect<void> =>
  action.duration === undefined ? Effect.never : Effect.sleep(action.duration)

/** Before the request is acted on: an answer ends it here. */
export const before = (
  action: Action,
  expireTokens: () => void
): Effect.Effect<Response | undefined, ConnectionFault> => {
  switch (action._tag) {
    case "Status": {
      const { body, headers = {}, status } = action
      if (body !== undefined) {
        return Effect.succeed(bytes(status, new TextEncoder().encode(body), "text/plain", headers))
      }
      if (status === 204 || status === 304) return Effect.succeed(empty(204, headers))
      const code = action.code ?? codes[status] ?? "UNKNOWN"
      return Effect.succeed(answerOf(refuse(status, code, action.message ?? "planned fault", headers)))
    }
    case "RateLimit":
      return Effect.succeed(
        answerOf(refuse(
          429,
          "TOOMANYREQUESTS",
          "too many requests",
          action.retryAfter === undefined ? {} : { "retry-after": String(action.retryAfter) }
        ))
      )
    case "Redirect":
      return Effect.succeed(empty(action.status ?? 307, { location: action.location }))
    case "Delay":
      return Effect.as(Effect.sleep(action.duration), undefined)
    case "Stall":
      return action.at === "headers" ? Effect.as(wait(action), undefined) : Effect.succeed(undefined)
    case "Reset":
      return action.at === "before" ? Effect.fail(reset) : Effect.succeed(undefined)
    case "Refuse":
      return Effect.fail(new ConnectionFault({ reason: "Refused" }))
    case "ExpireTokens":
      return Effect.sync(() => {
        expireTokens()
        return undefined
      })
    default:
      return Effect.succeed(undefined)
  }
}

/** The first `count` bytes, then `end`. One piece at a time: it is a test that asked for it. */
const cut = <E, E2>(
  stream: Stream.Stream<Uint8Array, E>,
  count: number,
  end: Stream.Stream<Uint8Array, E2>
): Stream.Stream<Uint8Array, E | E2> =>
  Stream.suspend(() => {
    let left = count
    const head = Stream.rechunk(stream, 1).pipe(
      Stream.map((part) => {
        const kept = part.subarray(0, Math.max(0, left))
        left -= part.byteLength
        return kept
      }),
      Stream.takeUntil(() => left <= 0)
    )
    return Stream.concat(count <= 0 ? Stream.empty : head, end)
  })

/** What becomes of the request's body on its way in. */
export const incoming = (action: Action, exchange: Exchange): Exchange =>
  action._tag === "CutUpload"
    ? { ...exchange, body: cut(exchange.body, action.after, Stream.fail(reset)) }
    : exchange

const bodyOf = (response: Response): Stream.Stream<Uint8Array, unknown> => {
  switch (response.body._tag) {
    case "Uint8Array":
      return Stream.make(response.body.body)
    case "Stream":
      return response.body.stream
    default:
      return Stream.empty
  }
}

const changed = (
  response: Response,
  body: Stream.Stream<Uint8Array, unknown>,
  headers: Headers.Headers = response.headers
): Response => withBody(response, headers, body)

/** What becomes of the answer. */
export const after = (action: Action, response: Response): Effect.Effect<Response, ConnectionFault> => {
  switch (action._tag) {
    case "Reset":
      return action.at === "after" ? Effect.fail(reset) : Effect.succeed(response)
    case "CutBody":
      return Effect.succeed(changed(response, cut(bodyOf(response), action.after, Stream.fail(reset))))
    case "TruncateBody":
      return Effect.succeed(
        changed(
          response,
          cut(bodyOf(response), action.after, Stream.empty),
          Headers.remove(response.headers, "content-length")
        )
      )
    case "Stall":
      return Effect.succeed(
        action.at === "body" ? changed(response, stalled(bodyOf(response), action)) : response
      )
    case "CorruptBody":
      return Effect.succeed(changed(response, corrupted(bodyOf(response), action.offset ?? 0)))
    case "Headers": {
      const headers: Record<string, string> = { ...response.headers }
      for (const [name, value] of Object.entries(action.headers)) {
        if (value === undefined) delete headers[name.toLowerCase()]
        else headers[name.toLowerCase()] = value
      }
      const bodiless = response.body._tag === "Empty"
      return Effect.succeed(
        bodiless
          ? HttpServerResponse.empty({ status: response.status, headers })
          : changed(response, bodyOf(response), Headers.fromInput(headers))
      )
    }
    default:
      return Effect.succeed(response)
  }
}

const stalled = (
  stream: Stream.Stream<Uint8Array, unknown>,
  action: Extract<Action, { readonly _tag: "Stall" }>
): Stream.Stream<Uint8Array, unknown> => {
  const at = action.after ?? 0
  return Stream.suspend(() => {
    let passed = 0
    let waited = false
    return Stream.flatMap(Stream.rechunk(stream, 1), (part) => {
      const start = passed
      passed += part.byteLength
      if (waited || passed <= at) return Stream.make(part)
      waited = true
      const first = part.subarray(0, at - start)
      return Stream.concat(
        first.byteLength === 0 ? Stream.empty : Stream.make(first),
        Stream.concat(Stream.execute(wait(action)), Stream.make(part.subarray(at - start)))
      )
    })
  })
}

const corrupted = (
  stream: Stream.Stream<Uint8Array, unknown>,
  offset: number
): Stream.Stream<Uint8Array, unknown> =>
  Stream.suspend(() => {
    let at = 0
    return Stream.mapChunks(
      stream,
      Chunk.map((part) => {
        const inside = offset - at
        at += part.byteLength
        if (inside < 0 || inside >= part.byteLength) return part
        const copy = Uint8Array.from(part)
        copy[inside] = (copy[inside] ?? 0) ^ 0xff
        return copy
      })
    )
  })
