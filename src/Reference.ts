/**
 * References to images: `[registry/]repository[:tag][@digest]`, in the grammar and with the defaults of Docker and
 * every other client (distribution/reference). `alpine` is `docker.io/library/alpine:latest`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as Digest from "./Digest.js"
import * as names from "./internal/names.js"
import * as internal from "./internal/reference.js"
import { ParseReferenceError, type Role } from "./OperationError.js"

/**
 * A reference in full: `registry` is `docker.io` for Docker Hub, `repository` has its `library/`. Tag and digest may
 * both be there; the digest decides then, and the tag is for people.
 *
 * Two references with the same parts are equal (`Equal.equals`). One that was made with `new` is not checked until an
 * operation takes it.
 *
 * @since 0.1.0
 * @category models
 */
export class Reference extends Data.Class<{
  readonly registry: string
  readonly repository: string
  readonly tag?: string | undefined
  readonly digest?: Digest.Digest | undefined
}> {
  constructor(fields: internal.Fields) {
    const { digest, registry, repository, tag } = fields
    // An absent part must be no property at all, or equality would tell it from one that is undefined.
    super({ registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) })
  }

  /**
   * `registry/repository[:tag][@digest]`, which parses to an equal reference.
   *
   * @since 0.1.0
   */
  override toString(): string {
    return `${this.registry}/${suffixed(this.repository, this)}`
  }
}

const suffixed = (name: string, { digest, tag }: Reference): string =>
  `${name}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`

const failure = (input: string, role: Role, problem: internal.Problem): ParseReferenceError => {
  const { isMasked, shown } = internal.mask(input)
  const { description, reason } = isMasked ? internal.maskedProblem : problem
  return new ParseReferenceError({ input: shown, role, reason, description })
}

const notText = (input: unknown, role: Role): ParseReferenceError =>
  new ParseReferenceError({
    input: "",
    role,
    reason: "BadFormat",
    description: `it is ${input === null ? "null" : `of type ${typeof input}`}, not a string or a Reference`
  })

const read = (input: string | Reference, role: Role): Reference | ParseReferenceError => {
  if (typeof input !== "string" && !(input instanceof Reference)) return notText(input, role)
  const fields = typeof input === "string" ? internal.parseFields(input) : internal.checkFields(input)
  return internal.isProblem(fields)
    ? failure(typeof input === "string" ? input : written(input), role, fields)
    : new Reference(fields)
}

/** Of a reference made by hand no part need be a string. */
const written = (reference: Reference): string =>
  Object.values(reference).every((part) => typeof part === "string") ? String(reference) : ""

/**
 * The reference in a string, with the defaults filled in: registry `docker.io`, `library/` there, and the tag `latest`
 * where there is neither tag nor digest. A `Reference` is checked and completed in the same way.
 *
 * Fails with `ParseReferenceError`, whose `role` is the one given, `image` by default. User names, passwords and
 * queries in a malformed input are masked in it.
 *
 * @since 0.1.0
 * @category parsing
 * @example
 * ```ts
 * import * as Reference from "effect-oci/Reference"
 * import * as Effect from "effect/Effect"
 *
 * console.log(String(Effect.runSync(Reference.parse("alpine"))))
 * // docker.io/library/alpine:latest
 * ```
 */
export const parse = (
  input: string | Reference,
  role: Role = "image"
): Effect.Effect<Reference, ParseReferenceError> =>
  Effect.suspend(() => {
    const reference = read(input, role)
    if (!(reference instanceof Reference)) return Effect.fail(reference)
    return Effect.succeed(completed(reference))
  })

const completed = (reference: Reference): Reference =>
  reference.tag === undefined && reference.digest === undefined
    ? new Reference({ ...reference, tag: "latest" })
    : reference

/**
 * A repository name without tag or digest: `docker.io/library/alpine`, `localhost:5000/app`. The result has neither.
 *
 * A string that holds a tag or a digest fails with `BadTag` or `BadDigest`; of a `Reference` they are dropped.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseRepository = (
  input: string | Reference,
  role: Role = "image"
): Effect.Effect<Reference, ParseReferenceError> =>
  Effect.suspend(() => {
    const reference = read(input, role)
    if (!(reference instanceof Reference)) return Effect.fail(reference)
    const { digest, registry, repository, tag } = reference
    if (typeof input === "string" && (tag !== undefined || digest !== undefined)) {
      const part = digest !== undefined ? "digest" : "tag"
      return Effect.fail(failure(input, role, {
        reason: digest !== undefined ? "BadDigest" : "BadTag",
        description: `a repository is named without a ${part}: ${registry}/${repository}`
      }))
    }
    return Effect.succeed(new Reference({ registry, repository }))
  })

/**
 * The name of a registry alone, `example.com[:port]`, as references have it: `index.docker.io` becomes `docker.io`.
 *
 * Fails for what no reference could name: a scheme, a path, a bare word other than `localhost`.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseRegistry = (input: string, role: Role = "image"): Effect.Effect<string, ParseReferenceError> =>
  Effect.suspend(() => {
    if (typeof input !== "string") return Effect.fail(notText(input, role))
    const registry = internal.parseRegistryName(input)
    return internal.isProblem(registry) ? Effect.fail(failure(input, role, registry)) : Effect.succeed(registry)
  })

/**
 * What to ask a registry for: the digest when there is one, else the tag, else `latest`.
 *
 * @since 0.1.0
 * @category getters
 */
export const target = (reference: Reference): string => reference.digest ?? reference.tag ?? "latest"

/**
 * The short form in which people write it: without `docker.io/` and its `library/`. It always parses back to
 * the same registry and repository; a Hub name that would read as another registry's keeps its `docker.io/`.
 *
 * @since 0.1.0
 * @category formatting
 */
export const familiar = (reference: Reference): string => {
  const { registry, repository } = reference
  if (registry !== internal.hub) return String(reference)
  const short = /^library\/[^/]+$/.test(repository) ? repository.slice("library/".length) : repository
  const text = suffixed(short, reference)
  const back = internal.parseFields(text)
  return !internal.isProblem(back) && back.registry === registry && back.repository === repository
    ? text
    : String(reference)
}

const isReference = (u: unknown): u is Reference => u instanceof Reference

const declaration: Schema.Schema<Reference> = Schema.declare(isReference, {
  identifier: "Reference",
  description: "a reference to an image",
  pretty: () => String,
  arbitrary: () => (fc) =>
    fc.record({
      registry: fc.constantFrom("docker.io", "ghcr.io", "localhost:5000", "[::1]:5000", "Registry"),
      repository: fc.stringMatching(/^[a-z0-9]{1,8}\/[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}$/),
      tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,15}$/)
    }).map((fields) => new Reference(fields))
})

/**
 * A `Reference` from a string as `parse` reads it, and back to the full form.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FromString: Schema.Schema<Reference, string> = Schema.transformOrFail(Schema.String, declaration, {
  strict: true,
  decode: (input, _, ast) => {
    const reference = read(input, "image")
    return reference instanceof Reference
      ? ParseResult.succeed(completed(reference))
      // The error is told what is wrong, not the input, which may hold a secret.
      : ParseResult.fail(new ParseResult.Type(ast, reference.input, reference.message))
  },
  encode: (reference) => ParseResult.succeed(String(reference))
})

/**
 * Whether the string is a tag (distribution-spec, "Pulling manifests"): up to 128 letters, digits, `_`, `.` and `-`,
 * not starting with `.` or `-`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTag = (input: string): boolean => names.isTag(input)

/**
 * Whether the string is the name of a repository within its registry (distribution-spec, "Pulling manifests"), of at
 * most 255 characters.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRepositoryName = (input: string): boolean => names.isName(input)
