/**
 * What every part of a registry's repository works with, and the errors they have in common.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { NotFound } from "../../OperationError.js"
import type * as RegistryConfig from "../../RegistryConfig.js"
import { type InvalidInput, TransportError, type UnexpectedStatus } from "../../RegistryError.js"
import type { Session } from "../../Repository.js"
import { canonical } from "../http/host.js"
import type { Response, Transport } from "../http/transport.js"
import { type Bounds, readJson } from "../json.js"
import { defaultManifestSize, defaultRetries } from "../limits.js"
import { checkName, located } from "../names.js"

export interface Remote {
  readonly transport: Transport
  readonly session: Session
  readonly registry: string
  readonly name: string
  readonly config: RegistryConfig.Options
  /** Of a repository that is to be written, reads ask for the right to push too: one token serves all its requests. */
  readonly access?: "read" | "write" | undefined
  /** Token scopes asked for together with the repository's own, so that one token serves several repositories. */
  readonly also?: ReadonlyArray<string> | undefined
}

/** `/v2/<name>`, of a name that may stand in a URL. */
export const base = (remote: Remote): Effect.Effect<string, InvalidInput> =>
  Effect.map(checkName(remote.name), (name) => `/v2/${name}`)

/** What a token must allow for reading, writing and deleting. */
export const pull = (name: string): ReadonlyArray<string> => [`repository:${name}:pull`]
export const push = (name: string): ReadonlyArray<string> => [`repository:${name}:pull,push`]
/** The repository's own scope comes first: whom credentials are asked for. */
export const readScopes = (
  { access, also = [], name }: Pick<Remote, "access" | "also" | "name">
): ReadonlyArray<string> => [...(access === "write" ? push(name) : pull(name)), ...also]
export const writeScopes = ({ also = [], name }: Pick<Remote, "also" | "name">): ReadonlyArray<string> => [
  ...push(name),
  ...also
]
export const remove = (name: string): ReadonlyArray<string> => [`repository:${name}:delete`]

/** How messages name a manifest or a blob of the repository. */
export const reference = (remote: Remote, target: string): string =>
  located(`${remote.registry}/${remote.name}`, target)

/** Any 2xx that registries have been seen to answer where the specification names one of them. */
export const success: ReadonlyArray<number> = [200, 201, 202, 204]

/** Whether the error is a final status that no other error stands for, and one of these. */
export const isStatus = (
  error: { readonly _tag: string; readonly status?: number | undefined },
  ...statuses: ReadonlyArray<number>
): boolean => error._tag === "UnexpectedStatus" && error.status !== undefined && statuses.includes(error.status)

/** A 404 becomes `NotFound` of that resource; what the registry said with it is kept. */
export const orNotFound =
  (resource: NotFound["resource"], reference: string) =>
  <A, E extends { readonly _tag: string }, R>(
    self: Effect.Effect<A, E | UnexpectedStatus, R>
  ): Effect.Effect<A, E | UnexpectedStatus | NotFound, R> =>
    Effect.catchAll(self, (error) =>
      Effect.fail(
        "status" in error && isStatus(error, 404)
          ? new NotFound({ resource, reference, side: "none", errors: "errors" in error ? error.errors : [] })
          : error
      ))

export const protocol = (method: string, response: Pick<Response, "shown">, description: string): TransportError =>
  new TransportError({ method, url: response.shown, reason: "Protocol", description })

/** The whole body as JSON; nothing larger than `limit` bytes or with more in it than the bounds allow is read. */
export const json = (response: Response, limit: number, bounds?: Bounds): Effect.Effect<unknown, TransportError> =>
  Effect.flatMap(response.bytes(limit), (bytes) =>
    Either.mapLeft(
      readJson(bytes, bounds),
      (reason) => protocol("GET", response, `the body cannot be used: ${reason}`)
    ))

/** The host's own settings, by any of the names that the host has. */
export const hostOptions = ({ config, registry }: Pick<Remote, "config" | "registry">): RegistryConfig.HostOptions =>
  Object.entries(config.hosts ?? {}).find(([name]) => canonical(name) === canonical(registry))?.[1] ?? {}

/** Tries of one step after the first. */
export const retries = (remote: Remote): number => remote.config.retries ?? defaultRetries

export const maxManifestSize = (remote: Remote): number => remote.config.maxManifestSize ?? defaultManifestSize
