/**
 * The bytes of a blob, verified, going on where a broken connection left off.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Digest from "../../Digest.js"
import { InvalidInput, type RegistryError, SizeMismatch, type TransportError } from "../../RegistryError.js"
import type { Failure, Range, Repository } from "../../Repository.js"
import type { Response } from "../http/transport.js"
import { checkDigest } from "../names.js"
import { pause } from "./backoff.js"
import { conclude } from "./content.js"
import { base, orNotFound, protocol, reading, reference, type Remote, retries } from "./remote.js"
import { scan, type Step } from "./scan.js"

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

/** A connection that ended before its time; the next one goes on. */
class Cut {
  readonly _tag = "Cut"
  constructor(readonly error: RegistryError) {}
}

const isCount = (n: number | undefined): boolean => n === undefined || (Number.isSafeInteger(n) && n >= 0)

export const getBlob = (remote: Remote): Repository["getBlob"] => (blob, range) =>
  Stream.unwrap(Effect.gen(function*() {
    const digest = yield* checkDigest(blob.digest)
    const url = `${yield* base(remote)}/blobs/${digest}`
    const size = blob.size
    if (!isCount(size)) return yield* new InvalidInput({ field: "size", reason: `${size} is not a size in bytes` })
    const window = yield* checkRange(range, size)
    const hasher = range === undefined ? yield* Digest.hasherFor(digest) : undefined
    const transfer: Transfer = {
      remote,
      digest,
      url,
      resource: reference(remote, digest),
      size,
      start: window.start,
      wanted: window.wanted,
      hasher,
      received: 0,
      // An empty part needs no request; an empty blob does, as only the registry knows whether it is there.
      done: range !== undefined && window.wanted === 0,
      plain: false,
      failures: 0,
      connections: 0
    }
    const content = bytes(transfer)
    return hasher === undefined
      ? content
      : Stream.concat(content, Stream.execute(conclude(hasher, { digest, size }, transfer.resource)))
  }))

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

/** One connection after another until all is there. A loop, not a recursion: a long blob may take many. */
const bytes = (transfer: Transfer): Stream.Stream<Uint8Array, Failure> =>
  Stream.flatten(
    Stream.repeatEffectOption(
      Effect.suspend(() => transfer.done ? Effect.fail(Option.none()) : Effect.succeed(connection(transfer)))
    )
  )

const connection = (transfer: Transfer): Stream.Stream<Uint8Array, Failure> => {
  const before = transfer.received
  transfer.connections++
  return Stream.unwrapScoped(open(transfer)).pipe(
    Stream.catchAll((error) => {
      if (error._tag !== "Cut") return Stream.fail(error)
      transfer.failures = transfer.received > before ? 1 : transfer.failures + 1
      // The connection may have broken behind the last byte.
      if (transfer.received === transfer.wanted) transfer.done = true
      if (transfer.done) return Stream.empty
      return transfer.failures > retries(transfer.remote) || transfer.connections >= maxConnections
        ? Stream.fail(error.error)
        : Stream.execute(Effect.zipRight(
          Effect.logDebug(`${transfer.resource} broke off after ${transfer.received} bytes, going on from there`),
          pause(transfer.failures)
        ))
    })
  )
}

/** The `Range` for what is still wanted. Nothing is sent for a whole blob: some registries refuse `bytes=0-`. */
const rangeOf = ({ hasher, plain, received, start, wanted }: Transfer): string | undefined => {
  const from = start + received
  const bounded = hasher === undefined && wanted !== undefined
  if (plain || (from === 0 && !bounded)) return undefined
  return `bytes=${from}-${bounded ? start + wanted - 1 : ""}`
}

const open = (
  transfer: Transfer
): Effect.Effect<Stream.Stream<Uint8Array, Failure | Cut>, Failure | Cut, Scope.Scope> => {
  const { remote, resource, url } = transfer
  const range = rangeOf(transfer)
  return remote.transport.execute({
    method: "GET",
    registry: remote.registry,
    url,
    scopes: reading(remote),
    headers: range === undefined ? undefined : { range },
    accept: range === undefined ? [200] : [200, 206, 416],
    replay: true
  }).pipe(
    orNotFound("blob", resource),
    Effect.tapErrorTag(
      "NotFound",
      () => Effect.sync(() => remote.session.forgetBlob(remote.registry, remote.name, transfer.digest))
    ),
    Effect.flatMap((response) => body(transfer, response))
  )
}

const contentRange = /^bytes +(?:([0-9]{1,15})-([0-9]{1,15})|\*)\/(?:([0-9]{1,15})|\*)$/i

/** What an answer brings, or why it does not. */
const body = (
  transfer: Transfer,
  response: Response
): Effect.Effect<Stream.Stream<Uint8Array, Failure | Cut>, Failure | Cut> => {
  const from = transfer.start + transfer.received
  if (response.status === 200) return Effect.succeed(read(transfer, response, from))

  const [, first, , totalText] = contentRange.exec(response.headers["content-range"]?.trim() ?? "") ?? []
  const total = totalText === undefined ? undefined : Number(totalText)
  const { resource, size } = transfer
  if (total !== undefined && size !== undefined && total !== size) {
    return Effect.fail(new SizeMismatch({ resource, expected: size, actual: total }))
  }
  if (response.status === 206 && first !== undefined && Number(first) === from) {
    if (total !== undefined && transfer.wanted === undefined) transfer.wanted = Math.max(0, total - transfer.start)
    return Effect.succeed(read(transfer, response, 0))
  }
  if (response.status === 416 && transfer.wanted === undefined) {
    if (total === from) {
      transfer.done = true
      return Effect.succeed(Stream.empty)
    }
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

/** The body of an answer without its first `skip` bytes, counted and hashed, and not more of it than is wanted. */
const read = (
  transfer: Transfer,
  response: Response,
  skip: number
): Stream.Stream<Uint8Array, Failure | Cut> => {
  const stream = Stream.catchAll(response.stream, (error) => Stream.fail(isFinal(error) ? error : new Cut(error)))
  const { hasher, resource } = transfer
  let skipped = 0
  const mismatch = (expected: number, actual: number) => new SizeMismatch({ resource, expected, actual })

  const onChunk = (chunk: Chunk.Chunk<Uint8Array>): Step<SizeMismatch> => {
    const passed: Array<Uint8Array> = []
    for (const input of chunk) {
      const jump = Math.min(skip - skipped, input.byteLength)
      skipped += jump
      const rest = jump === 0 ? input : input.subarray(jump)
      const left = transfer.wanted === undefined ? Infinity : transfer.wanted - transfer.received
      if (hasher !== undefined && rest.byteLength > left) {
        return { _tag: "Fail", error: mismatch(transfer.wanted ?? 0, transfer.received + rest.byteLength) }
      }
      const part = rest.byteLength > left ? rest.subarray(0, left) : rest
      if (part.byteLength > 0) {
        hasher?.update(part)
        transfer.received += part.byteLength
        passed.push(part)
      }
    }
    // Of a part the rest is not read; behind a whole blob nothing more may come.
    const last = hasher === undefined && transfer.received === transfer.wanted
    if (last) transfer.done = true
    return { _tag: last ? "Last" : "Pass", chunk: Chunk.unsafeFromArray(passed) }
  }

  const onEnd = (): Effect.Effect<Chunk.Chunk<Uint8Array>, SizeMismatch | Cut> => {
    const { received, start, wanted } = transfer
    if (skipped < skip) return Effect.fail(mismatch(start + (wanted ?? received), skipped))
    if (wanted !== undefined && received < wanted) {
      // A 206 may hold less than was asked for; a whole answer that is short is just that.
      return Effect.fail(
        response.status === 206
          ? new Cut(protocol("GET", response, `the answer ended after ${received} of ${wanted} bytes`))
          : mismatch(wanted, received)
      )
    }
    transfer.done = true
    return Effect.succeed(Chunk.empty())
  }
  return scan(stream, () => ({ onChunk, onEnd }))
}

const isFinal = (error: TransportError): boolean =>
  error.reason === "TooLarge" || error.reason === "Redirect" || error.reason === "Tls"
