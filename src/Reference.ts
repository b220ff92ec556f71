/**
 * References.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Digest from "./Digest.js"
import type { ParseReferenceError, Role } from "./OperationError.js"

/**
 * @since 0.1.0
 * @category models
 */
export class Reference extends Data.Class<{
  readonly registry: string
  readonly repository: string
  readonly tag?: string | undefined
  readonly digest?: Digest.Digest | undefined
}> {
  override toString(): string {
    return ""
  }
}

/**
 * @since 0.1.0
 * @category parsing
 */
export declare const parse: (
  input: string | Reference,
  role?: Role
) => Effect.Effect<Reference, ParseReferenceError>

/**
 * A repository name without tag or digest: `docker.io/library/alpine`, `localhost:5000/app`. The result has neither.
 *
 * @since 0.1.0
 * @category parsing
 */
export declare const parseRepository: (
  input: string | Reference,
  role?: Role
) => Effect.Effect<Reference, ParseReferenceError>

/**
 * `example.com[:port]`, the name of a registry alone.
 *
 * @since 0.1.0
 * @category parsing
 */
export declare const parseRegistry: (input: string, role?: Role) => Effect.Effect<string, ParseReferenceError>

/**
 * The digest when there is one, else the tag, else `latest`: what to ask a registry for.
 *
 * @since 0.1.0
 * @category getters
 */
export declare const target: (reference: Reference) => string

/**
 *
 *
 * @since 0.1.0
 * @category formatting
 */
export declare const familiar: (reference: Reference) => string

/**
 * @since 0.1.0
 * @category schemas
 */
export declare const FromString: Schema.Schema<Reference, string>

/**
 * @since 0.1.0
 * @category guards
 */
export declare const isTag: (input: string) => boolean

/**
 * a repository name, without its registry.
 *
 * @since 0.1.0
 * @category guards
 */
export declare const isRepositoryName: (input: string) => boolean
