/**
 * Digests of content: `sha256:…` and `sha512:…` (image-spec, "Digests"), computed and verified while bytes stream by.
 *
 * @since 0.1.0
 */
import type * as Brand from "effect/Brand"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { conclude } from "./internal/conclude.js"
import { printable } from "./internal/text.js"
import { type DigestMismatch, InvalidInput, SizeMismatch } from "./RegistryError.js"

/**
 * A digest string that fits the grammar of image-spec: `algorithm:encoded`, and for the registered algorithms an
 * encoded part of the right length in lower case. It is safe in a URL path and in a file name.
 *
 * @since 0.1.0
 * @category models
 */
export type Digest = string & Brand.Brand<"effect-oci/Digest">

/**
 * The algorithms that can be computed here.
 *
 * @since 0.1.0
 * @category models
 */
export type Algorithm = "sha256" | "sha512"

const grammar = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/
const registered: Readonly<Record<string, RegExp>> = {
  sha256: /^[a-f0-9]{64}$/,
  sha512: /^[a-f0-9]{128}$/,
  blake3: /^[a-f0-9]{64}$/
}

const split = (digest: string): readonly [algorithm: string, encoded: string] => {
  const colon = digest.indexOf(":")
  return [digest.slice(0, colon), digest.slice(colon + 1)]
}

/**
 * Whether the string is a digest (image-spec, "Digests"). Unknown algorithms are digests too; they cannot be verified.
 *
 * @since 0.1.0
 * @category guards
 */
export const isDigest = (input: string): input is Digest => {
  if (typeof input !== "string" || input.length > 512 || !grammar.test(input)) return false
  const [algorithm, encoded] = split(input)
  const exact = Object.hasOwn(registered, algorithm) ? registered[algorithm] : undefined
  return exact === undefined || exact.test(encoded)
}

/**
 * The digest in a string, or none.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (input: string): Option.Option<Digest> => isDigest(input) ? Option.some(input) : Option.none()

/**
 * The schema of digest strings; its type is `Digest`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Digest: Schema.Schema<Digest, string> = Schema.String.pipe(
  Schema.filter((input): input is Digest => isDigest(input), {
    identifier: "Digest",
    message: (issue) => `${JSON.stringify(printable(String(issue.actual), 160))} is not a digest`,
    arbitrary: () => (fc) =>
      fc.constantFrom<readonly [string, number]>(["sha256", 64], ["sha512", 128]).chain(([name, length]) =>
        fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length })
          .map((hex) => `${name}:${hex}` as Digest)
      )
  })
)

/**
 * The part before the colon.
 *
 * @since 0.1.0
 * @category getters
 */
export const algorithm = (digest: Digest): string => split(digest)[0]

/**
 * The part behind the colon.
 *
 * @since 0.1.0
 * @category getters
 */
export const encoded = (digest: Digest): string => split(digest)[1]

/**
 * Whether digests of that algorithm can be computed here.
 *
 * @since 0.1.0
 * @category guards
 */
export const isAlgorithm = (name: string): name is Algorithm => name === "sha256" || name === "sha512"

/**
 * Whether content can be checked against this digest here: sha256 and sha512 can.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isSupported = (digest: Digest): boolean => isAlgorithm(algorithm(digest))

/**
 * A running hash. It is mutable: `update` it with each chunk in order, then ask for the `digest` once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hasher {
  /** Bytes taken in so far. */
  readonly size: number
  readonly update: (chunk: Uint8Array) => void
  readonly digest: () => Digest
}

/**
 * A new hasher, of sha256 unless another algorithm is asked for.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeHasher = (algorithm: Algorithm = "sha256"): Hasher => {
  const hash = createHash(algorithm)
  let size = 0
  return {
    get size() {
      return size
    },
    update(chunk) {
      hash.update(chunk)
      size += chunk.byteLength
    },
    digest: () => `${algorithm}:${hash.digest("hex")}` as Digest
  }
}

/**
 * The digest of bytes, by sha256 unless another algorithm is asked for.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import * as Digest from "effect-oci/Digest"
 *
 * console.log(Digest.fromBytes(new TextEncoder().encode("{}")))
 * // sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
 * ```
 */
export const fromBytes = (bytes: Uint8Array, algorithm: Algorithm = "sha256"): Digest => {
  const hasher = makeHasher(algorithm)
  hasher.update(bytes)
  return hasher.digest()
}

/**
 * The digest of a whole stream.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromStream = <E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  algorithm: Algorithm = "sha256"
): Effect.Effect<Digest, E, R> =>
  Effect.suspend(() => {
    const hasher = makeHasher(algorithm)
    return Stream.runDrain(Stream.mapChunks(stream, (chunk) => {
      Chunk.forEach(chunk, hasher.update)
      return Chunk.empty<never>()
    })).pipe(Effect.map(() => hasher.digest()))
  })

/**
 * A hasher for the algorithm of a digest, or `InvalidInput` for an algorithm that cannot be computed here: what cannot
 * be checked is not let through.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hasherFor = (digest: Digest): Effect.Effect<Hasher, InvalidInput> => {
  const name = algorithm(digest)
  return isAlgorithm(name)
    ? Effect.sync(() => makeHasher(name))
    : Effect.fail(
      new InvalidInput({ field: "digest", reason: `content of ${digest} cannot be verified: no ${name} here` })
    )
}

/**
 * What is expected of content: its digest and, when known, its size in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Expected {
  readonly digest: Digest
  readonly size?: number | undefined
}

/**
 * Checks bytes that are all there against a digest and a size.
 *
 * @since 0.1.0
 * @category verification
 */
export const verifyBytes = (
  bytes: Uint8Array,
  expected: Expected,
  resource: string = expected.digest
): Effect.Effect<void, DigestMismatch | SizeMismatch | InvalidInput> =>
  Effect.flatMap(hasherFor(expected.digest), (hasher) => {
    hasher.update(bytes)
    return conclude(hasher, expected, resource)
  })

/**
 * The same bytes, checked on their way: the stream fails instead of ending when size or digest are wrong, and fails at
 * once when more bytes come than expected. Each run of the stream starts a hash of its own.
 *
 * @since 0.1.0
 * @category verification
 */
export const verify = <E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  expected: Expected,
  resource: string = expected.digest
): Stream.Stream<Uint8Array, E | DigestMismatch | SizeMismatch | InvalidInput, R> =>
  Stream.unwrap(Effect.map(hasherFor(expected.digest), (hasher) => {
    // Hashing happens in step with the chunks, without an effect for each (a fiber step per chunk costs a third of the
    // throughput). What comes past the expected size is withheld, but one element is let through to the takeWhile,
    // which sees elements only, not empty chunks: a source that never ends must be left at once.
    let excess = 0
    const checked = Stream.mapChunks(stream, (chunk) => {
      const length = Chunk.reduce(chunk, 0, (sum, bytes) => sum + bytes.byteLength)
      if (expected.size !== undefined && hasher.size + length > expected.size) {
        excess = hasher.size + length - expected.size
        return surplus
      }
      Chunk.forEach(chunk, hasher.update)
      return chunk
    })
    return Stream.concat(
      Stream.takeWhile(checked, () => excess === 0),
      Stream.execute(Effect.suspend(() =>
        excess > 0
          ? Effect.fail(
            new SizeMismatch({ resource, expected: expected.size ?? 0, actual: (expected.size ?? 0) + excess })
          )
          : conclude(hasher, expected, resource)
      ))
    )
  }))

const surplus = Chunk.of(new Uint8Array(0))
