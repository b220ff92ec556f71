/**
 * The copies that `RegistryClient` offers, over the repositories of registries.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Copy from "../Copy.js"
import * as Digest from "../Digest.js"
import { GetImageIndexError, ParseReferenceError, RegistryOperationError } from "../OperationError.js"
import * as Platform from "../Platform.js"
import * as Reference from "../Reference.js"
import type { CopyOptions, PlatformInput, ReferenceInput, RegistryClient } from "../RegistryClient.js"
import type { CompleteRepository, Failure } from "../Repository.js"
import { pull, push } from "./remote/remote.js"

type Copies = Pick<
  RegistryClient.Service,
  | "copy"
  | "copyImage"
  | "copyIndex"
  | "copyPlatformImage"
  | "copyRepository"
  | "copyStream"
  | "copyTo"
  | "planCopy"
>

interface Ends {
  readonly source: Copy.Endpoint
  readonly destinations: ReadonlyArray<Copy.Destination>
}

export interface Parts {
  readonly open: (
    reference: Reference.Reference,
    access: "read" | "write",
    also: ReadonlyArray<string>
  ) => CompleteRepository
}

export const make = ({ open }: Parts): Copies => {
  /**
   * The repositories of both ends. Within one registry each asks for what the other needs as well, so that one token
   * serves the whole copy.
   */
  const repositories = Effect.fnUntraced(function*(
    from: Reference.Reference,
    to: ReadonlyArray<Reference.Reference>,
    other: RegistryClient.Service | undefined
  ) {
    // A client may be given itself as the one that writes.
    const isShared = other === undefined || (yield* other.repository(from)).session === open(from, "read", []).session
    const near = isShared ? to.filter(({ registry }) => registry === from.registry) : []
    const isOwn = near.some(({ repository }) => repository === from.repository)
    const scopes = (own: Reference.Reference) => [
      ...(isOwn || own.repository === from.repository ? [] : pull(from.repository)),
      ...near.flatMap(({ repository }) => repository === own.repository ? [] : push(repository))
    ]
    return {
      source: open(from, isOwn ? "write" : "read", scopes(from)),
      destinations: yield* Effect.forEach(to, (reference) =>
        isShared
          ? Effect.succeed(open(reference, "write", near.includes(reference) ? scopes(reference) : []))
          : other.repository(reference, { access: "write" }))
    }
  })

  const ends = Effect.fnUntraced(function*(
    source: ReferenceInput,
    destinations: ReadonlyArray<ReferenceInput>,
    options: CopyOptions | undefined
  ): Effect.fn.Return<Ends, ParseReferenceError> {
    const from = yield* Reference.parse(source, "source")
    const to = yield* Effect.forEach(destinations, (destination) => Reference.parse(destination, "destination"))
    yield* Effect.annotateCurrentSpan({ source: from.toString(), destination: to.join(", ") })
    const opened = yield* repositories(from, to, options?.destination)
    return {
      source: { repository: opened.source, reference: Reference.target(from) },
      destinations: opened.destinations.map((repository, index) => ({
        repository,
        tag: to[index]?.tag,
        digest: to[index]?.digest
      }))
    }
  })

  type Choice = { readonly platform?: PlatformInput | undefined }

  /** The source, the one destination and the options of a copy, once all of them are in order. */
  const single = Effect.fnUntraced(function*(
    kind: "any" | "image" | "index",
    source: ReferenceInput,
    destination: ReferenceInput,
    { destination: client, platform: input, ...rest }: CopyOptions & Choice
  ) {
    const platform = yield* parsePlatform(input)
    const { destinations: [to], source: from } = yield* ends(source, [destination], { destination: client })
    return to === undefined
      ? yield* Effect.dieMessage("a copy without a destination")
      : { from, to, options: { ...rest, kind, platform } }
  })

  const run = Effect.fnUntraced(function*(...args: Parameters<typeof single>) {
    const { from, options, to } = yield* single(...args)
    const result = yield* Copy.run(from, to, options)
    yield* Effect.annotateCurrentSpan({ outcome: result.outcome, bytes: result.bytes })
    return result
  })

  return {
    copy: (source, destination, options = {}) =>
      Effect.withSpan(run("any", source, destination, options), "RegistryClient.copy"),

    copyImage: (source, destination, options = {}) =>
      Effect.withSpan(run("image", source, destination, options), "RegistryClient.copyImage"),

    copyIndex: (source, destination, options = {}) =>
      run("index", source, destination, options).pipe(
        Effect.mapError((error) =>
          error._tag === "CopyError" && error.cause._tag === "NotAnIndex"
            ? new GetImageIndexError({ reference: error.source, cause: error.cause })
            : error
        ),
        Effect.withSpan("RegistryClient.copyIndex")
      ),

    copyPlatformImage: (source, platformOrDigest, destination, options = {}) =>
      (typeof platformOrDigest === "string" && platformOrDigest.includes(":")
        ? Effect.flatMap(
          childReference(source, platformOrDigest),
          (child) => run("image", child, destination, options)
        )
        : run("image", source, destination, { ...options, platform: platformOrDigest })).pipe(
          Effect.withSpan("RegistryClient.copyPlatformImage")
        ),

    copyTo: (source, destinations, { destination: client, platform: input, ...rest } = {}) =>
      Effect.gen(function*() {
        const platform = yield* parsePlatform(input)
        const to = yield* ends(source, destinations, { destination: client })
        return yield* Copy.runTo(to.source, to.destinations, { ...rest, platform })
      }).pipe(Effect.withSpan("RegistryClient.copyTo")),

    copyStream: (source, destination, options = {}) =>
      Stream.unwrap(Effect.map(
        single("any", source, destination, options),
        ({ from, options: rest, to }) => Copy.stream(from, to, rest)
      )).pipe(Stream.withSpan("RegistryClient.copyStream")),

    planCopy: (source, destination, options = {}) =>
      Effect.flatMap(
        single("any", source, destination, options),
        ({ from, options: rest, to }) => Copy.plan(from, to, rest)
      ).pipe(Effect.withSpan("RegistryClient.planCopy")),

    copyRepository: (source, destination, { destination: client, ...options } = {}) =>
      Stream.unwrap(Effect.gen(function*() {
        const from = yield* Reference.parseRepository(source, "source")
        const to = yield* Reference.parseRepository(destination, "destination")
        const { destinations: [target], source: repository } = yield* repositories(from, [to], client)
        const failed = (cause: Failure) =>
          cause._tag === "NotFound"
            ? cause
            : new RegistryOperationError({ operation: "copyRepository", reference: from.toString(), cause })
        return target === undefined
          ? yield* Effect.dieMessage("a copy without a destination")
          : Stream.mapError(Copy.runTags(repository, target, options), failed)
      })).pipe(Stream.withSpan("RegistryClient.copyRepository"))
  }
}

export const parsePlatform = (input: PlatformInput | undefined) =>
  typeof input === "string" ? Platform.parse(input) : Effect.succeed(input)

/** The source's repository with the digest of one of its images. */
const childReference = Effect.fnUntraced(function*(source: ReferenceInput, digest: string) {
  const { registry, repository } = yield* Reference.parse(source, "source")
  return Digest.isDigest(digest)
    ? new Reference.Reference({ registry, repository, digest })
    : yield* new ParseReferenceError({
      input: digest,
      role: "source",
      reason: "BadDigest",
      description: "this is neither a platform like linux/arm64 nor a digest like sha256:… with 64 hexadecimal digits"
    })
})
