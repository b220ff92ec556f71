/**
 * The bytes of a blob, verified, going on where a broken connection left off (distribution-spec, "Pulling blobs").
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Digest from "../../Digest.js"
import { InvalidInput, type RegistryError, SizeMismatch, type TransportError } from "../../RegistryError.js"
import type { Failure, Range, Repository } from "../../Repository.js"
import { conclude } from "../conclude.js"
import type { Response } from "../http/transport.js"
import { defaultIdleTimeout, defaultMinRate } from "../limits.js"
import { checkDigest } from "../names.js"
import { pause, stepOf } from "./backoff.js"
import { base, orNotFound, protocol, readScopes, reference, type Remote, retries } from "./remote.js"

/** Connections that one blob may take, however far each of them gets. */
const maxConnections = 1000

/** What is wanted of a blob, and how much of it has been passed on. */
interface Transfer {
  readonly remote: Remote
  readonly digest: Digest.Digest
  readonly url: string
  readonly resource: string
  readonly size: number | undefined
  readonly start: number
  /** Bytes wanted from `start` on, where that is known. */
  wanted: number | undefined
  /** Of a whole blob. */
  readonly hasher: Digest.Hasher | undefined
  received: number
  done: boolean
  /** The registry's ranges are not to be relied on: read from the beginning, and skip. */
  plain: boolean
  /** Failures in a row without a byte between them. */
  failures: number
  connections: number
}

/** An answer that is not all that was asked for; the next connection goes on. */
class Cut {
  readonly _tag = "Cut"
  constructor(readonly error: RegistryError) {}
}

const isCount = (n: number | undefined): boolean => n === undefined || (Number.isSafeInteger(n) && n >= 0)

export const getBlob = (remote: Remote): Repository["getBlob"] => (blob, range) =>
  Stream.fromPull(Effect.zipWith(Effect.scope, Effect.clock, (scope, clock) => {
    let pull: Pull | undefined
    return Effect.suspend(() => {
      if (pull !== undefined) return pull
      return prepare(remote, blob, range).pipe(
        Effect.mapError(Option.some),
        Effect.flatMap((transfer) => pull = reading(transfer, scope, clock))
      )
    })
  }))

const prepare = Effect.fnUntraced(function*(
  remote: Remote,
  blob: Parameters<Repository["getBlob"]>[0],
  range: Range | undefined
): Effect.fn.Return<Transfer, InvalidInput> {
  const digest = yield* checkDigest(blob.digest)
  const url = `${yield* base(remote)}/blobs/${digest}`
  const size = blob.size
  if (!isCount(size)) return yield* new InvalidInput({ field: "size", reason: `${size} is not a size in bytes` })
  const window = yield* checkRange(range, size)
  return {
    remote,
    digest,
    url,
    resource: reference(remote, digest),
    size,
    start: window.start,
    wanted: window.wanted,
    hasher: range === undefined ? yield* Digest.hasherFor(digest) : undefined,
    received: 0,
    // An empty part needs no request; an empty blob does, as only the registry knows whether it is there.
    done: range !== undefined && window.wanted === 0,
    plain: false,
    failures: 0,
    connections: 0
  }
})

const checkRange = (
  range: Range | undefined,
  size: number | undefined
): Effect.Effect<{ readonly start: number; readonly wanted: number | undefined }, InvalidInput> => {
  const start = range?.offset ?? 0
  const length = range?.length
  const invalid = (reason: string) => Effect.fail(new InvalidInput({ field: "range", reason }))
  if (!isCount(start) || !isCount(length)) return invalid("offset and length are not sizes in bytes")
  if (size !== undefined && start + (length ?? 0) > size) return invalid(`it ends behind the blob's ${size} bytes`)
  return Effect.succeed({ start, wanted: length ?? (size === undefined ? undefined : size - start) })
}

/** What gives the next bytes: a failure with none is the end. */
type Pull = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<Failure>>

/** An answer that is being read. */
interface Connection {
  readonly scope: Scope.CloseableScope
  readonly pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<TransportError>>
  readonly status: number
  readonly shown: string
  /** Bytes to leave out yet, of a registry that began at the beginning. */
  skip: number
}

/**
 * Bytes that are passed on together: what is behind them works once for each batch, and that is what costs. Sockets
 * give 64 KiB at a time.
 */
interface Batch {
  readonly parts: Array<Uint8Array>
  size: number
}
const batchSize = 256 * 1024

/** Bytes are held back for a batch only while one fills within so many milliseconds; slower ones go on as they come. */
const soon = 100

/**
 * One connection after another until all is there. Pull by pull and not as streams upon streams: each layer would cost
 * every chunk its share of the throughput.
 */
const reading = (transfer: Transfer, scope: Scope.Scope, clock: Clock.Clock): Pull => {
  const { remote } = transfer
  const rate = remote.config.minRate ?? defaultMinRate
  const idle = Duration.toMillis(remote.config.idleTimeout ?? defaultIdleTimeout)
  const patience = idle * (retries(remote) + 1)
  /**
   * Milliseconds that may yet be lost in waits for headers, and for bytes that come slower than the floor rate, over
   * all connections: a byte on each of them is no progress.
   */
  let left = patience
  /** Since when bytes are waited for; undefined while the consumer has its time. */
  let since: number | undefined
  /** Whether bytes come quickly, by what came since when. */
  let isQuick = false
  let came = 0
  let began = -Infinity
  let connection: Connection | undefined
  /** What had come when the connection was made. */
  let before = 0
  let batch: Batch = { parts: [], size: 0 }
  /** What is to be done when the batch has been passed on. */
  let then: Pull | undefined

  /** Whether the batch goes on, of what so many bytes came just now. */
  const isFull = (bytes: number): boolean => {
    const now = clock.unsafeCurrentTimeMillis()
    left += bytes * 1000 / rate
    came += bytes
    if (came >= batchSize || now - began >= soon) {
      isQuick = came >= batchSize
      came = 0
      began = now
    }
    return transfer.done || !isQuick || batch.size >= batchSize
  }

  /** Passes on what has come before anything else happens. */
  const flush = (after: Pull): Pull => {
    const waited = since === undefined ? 0 : clock.unsafeCurrentTimeMillis() - since
    left = Math.min(patience, left - waited)
    since = undefined
    if (batch.size === 0) return after
    const chunk = Chunk.unsafeFromArray(batch.parts)
    batch = { parts: [], size: 0 }
    then = after
    return Exit.succeed(chunk)
  }

  const close = Effect.suspend(() => {
    const closing = connection === undefined ? Effect.void : Scope.close(connection.scope, Exit.void)
    connection = undefined
    return closing
  })

  const end: Pull = Effect.suspend((): Pull => {
    transfer.done = true
    const { digest, hasher, resource, size } = transfer
    const verified = hasher === undefined ? Effect.void : conclude(hasher, { digest, size }, resource)
    return Effect.zipRight(
      close,
      Effect.zipRight(Effect.mapError(verified, Option.some), Effect.fail(Option.none()))
    )
  })

  /** A connection ended before its time; the next one goes on. */
  const resume = (error: RegistryError): Pull =>
    Effect.zipRight(
      close,
      Effect.suspend((): Pull => {
        const { connections, received, url, wanted } = transfer
        transfer.failures = received > before ? 1 : transfer.failures + 1
        // The connection may have broken behind the last byte.
        if (received === wanted) return end
        return transfer.failures > retries(remote) || connections >= maxConnections || left <= 0
          ? Effect.fail(Option.some(error))
          : Effect.zipRight(pause(remote, stepOf(error, { method: "GET", url }), transfer.failures), next)
      })
    )

  const connect: Pull = Effect.suspend((): Pull => {
    transfer.connections++
    before = transfer.received
    const from = clock.unsafeCurrentTimeMillis()
    /** Of each connection an idle time-out at most: pauses that the registry asked for are in it as well. */
    const opened = Effect.sync(() => {
      left -= Math.min(idle, clock.unsafeCurrentTimeMillis() - from)
    })
    return Effect.flatMap(
      Scope.fork(scope, ExecutionStrategy.sequential),
      (own) =>
        Scope.extend(open(transfer, own), own).pipe(
          Effect.onError((cause) => Scope.close(own, Exit.failCause(cause))),
          Effect.ensuring(opened),
          Effect.matchEffect({
            onFailure: (error): Pull => error._tag === "Cut" ? resume(error.error) : Effect.fail(Option.some(error)),
            onSuccess: (opened): Pull => {
              connection = opened
              return opened === undefined ? Effect.zipRight(Scope.close(own, Exit.void), end) : next
            }
          })
        )
    )
  })

  const next: Pull = Effect.suspend((): Pull => {
    if (then !== undefined) {
      const after = then
      then = undefined
      return after
    }
    if (transfer.done) return end
    if (connection === undefined) return connect
    const current = connection
    since ??= clock.unsafeCurrentTimeMillis()
    return Effect.matchEffect(current.pull, {
      onSuccess: (chunk) => {
        const before = batch.size - current.skip
        const excess = take(transfer, current, chunk, batch)
        if (excess !== undefined) return flush(Effect.fail(Option.some(excess)))
        return isFull(batch.size - current.skip - before) ? flush(next) : next
      },
      onFailure: (error): Pull => {
        if (Option.isSome(error)) {
          return flush(isFinal(error.value) ? Effect.fail(error) : resume(error.value))
        }
        const short = shortfall(transfer, current)
        if (short === undefined) return flush(end)
        return flush(short._tag === "Cut" ? resume(short.error) : Effect.fail(Option.some(short)))
      }
    })
  })
  return next
}

/** The `Range` for what is still wanted. Nothing is sent for a whole blob: some registries refuse `bytes=0-`. */
const rangeOf = ({ hasher, plain, received, start, wanted }: Transfer): string | undefined => {
  const from = start + received
  const bounded = hasher === undefined && wanted !== undefined
  if (plain || (from === 0 && !bounded)) return undefined
  return `bytes=${from}-${bounded ? start + wanted - 1 : ""}`
}

const open = (
  transfer: Transfer,
  scope: Scope.CloseableScope
): Effect.Effect<Connection | undefined, Failure | Cut, Scope.Scope> => {
  const { remote, resource, url } = transfer
  const range = rangeOf(transfer)
  return remote.transport.execute({
    method: "GET",
    registry: remote.registry,
    url,
    scopes: readScopes(remote),
    headers: range === undefined ? undefined : { range },
    accept: range === undefined ? [200] : [200, 206, 416],
    replay: true
  }).pipe(
    orNotFound("blob", resource),
    Effect.tapErrorTag(
      "NotFound",
      () => Effect.sync(() => remote.session.forgetBlob(remote.registry, remote.name, transfer.digest))
    ),
    Effect.flatMap((response) => {
      const skip = placed(transfer, response)
      return typeof skip === "number"
        ? Effect.map(response.pull, (pull) => ({ scope, pull, status: response.status, shown: response.shown, skip }))
        : skip
    })
  )
}

const contentRange = /^bytes +(?:([0-9]{1,15})-([0-9]{1,15})|\*)\/(?:([0-9]{1,15})|\*)$/i

/** How many bytes an answer has before those that are wanted, or that it has none of them. */
const placed = (transfer: Transfer, response: Response): number | Effect.Effect<undefined, Failure | Cut> => {
  const from = transfer.start + transfer.received
  if (response.status === 200) return from

  const [, first, , totalText] = contentRange.exec(response.headers["content-range"]?.trim() ?? "") ?? []
  const total = totalText === undefined ? undefined : Number(totalText)
  const { resource, size } = transfer
  if (total !== undefined && size !== undefined && total !== size) {
    return Effect.fail(new SizeMismatch({ resource, expected: size, actual: total }))
  }
  if (response.status === 206 && first !== undefined && Number(first) === from) {
    if (total !== undefined && transfer.wanted === undefined) transfer.wanted = Math.max(0, total - transfer.start)
    return 0
  }
  if (response.status === 416 && transfer.wanted === undefined) {
    if (total === from) return Effect.succeed(undefined)
    if (total !== undefined && total < from) {
      return Effect.fail(new InvalidInput({ field: "range", reason: `it starts behind the blob's ${total} bytes` }))
    }
  }
  // Another part than the one asked for, or none: the next connection does without ranges.
  transfer.plain = true
  return Effect.fail(
    new Cut(protocol("GET", response, `the answer ${response.status} does not hold the bytes from ${from} on`))
  )
}

const mismatch = ({ resource }: Transfer, expected: number, actual: number) =>
  new SizeMismatch({ resource, expected, actual })

/**
 * Adds what came to the batch: without what is to be left out, counted and hashed, and not more than is wanted. An
 * answer that holds more than the blob is a mismatch.
 */
const take = (
  transfer: Transfer,
  connection: Connection,
  chunk: Chunk.Chunk<Uint8Array>,
  batch: Batch
): SizeMismatch | undefined => {
  const { hasher } = transfer
  for (const input of chunk) {
    const jump = Math.min(connection.skip, input.byteLength)
    connection.skip -= jump
    const rest = jump === 0 ? input : input.subarray(jump)
    const left = transfer.wanted === undefined ? Infinity : transfer.wanted - transfer.received
    if (hasher !== undefined && rest.byteLength > left) {
      return mismatch(transfer, transfer.wanted ?? 0, transfer.received + rest.byteLength)
    }
    const part = rest.byteLength > left ? rest.subarray(0, left) : rest
    if (part.byteLength > 0) {
      hasher?.update(part)
      transfer.received += part.byteLength
      batch.parts.push(part)
      batch.size += part.byteLength
    }
  }
  // Of a part the rest is not read; behind a whole blob nothing more may come.
  if (hasher === undefined && transfer.received === transfer.wanted) transfer.done = true
  return undefined
}

/** What is wrong with an answer that has ended here. */
const shortfall = (transfer: Transfer, { shown, skip, status }: Connection): SizeMismatch | Cut | undefined => {
  const { received, size, start, wanted } = transfer
  if (skip === 0 && (wanted === undefined || received >= wanted)) return undefined
  // A 206 may hold less than was asked for; a whole answer that is short is just that.
  return status === 206
    ? new Cut(protocol("GET", { shown }, `the answer ended after ${received} of ${wanted} bytes`))
    : mismatch(transfer, size ?? start + (wanted ?? received), start + received - skip)
}

const isFinal = (error: TransportError): boolean =>
  error.reason === "TooLarge" || error.reason === "Redirect" || error.reason === "Tls"
