/**
 * Tags of a repository, and repositories of a registry.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { NotFound } from "../../OperationError.js"
import type { TransportError } from "../../RegistryError.js"
import type { Failure } from "../../Repository.js"
import type { Response, Transport } from "../http/transport.js"
import { listBounds } from "../json.js"
import { isName, isTag } from "../names.js"
import { type Page, pages, pageSize } from "./pages.js"
import { base, json, orNotFound, protocol, readScopes, type Remote } from "./remote.js"

/**
 * The strings under `key`. Nexus lists `null`, an empty repository may have `null` for a list, Artifactory
 * lists digests: what is not a name of the kind is left out, as nothing could be done with it.
 */
const names = (
  key: string,
  is: (name: string) => boolean,
  path: string
) =>
(response: Response, limit: number): Effect.Effect<Page<string>, TransportError> =>
  Effect.flatMap(json(response, limit, listBounds), (content) => {
    const entries = Predicate.isRecord(content) ? content[key] ?? [] : undefined
    if (!Array.isArray(entries)) return protocol("GET", response, `the body is not a list of ${key}`)
    const last: unknown = entries.at(-1)
    // A registry of old cuts its list without a word; a page that is not exactly full is the last one. Half a surrogate
    // cannot be written into a query.
    const after = entries.length === pageSize && typeof last === "string" && !/\p{Cs}/u.test(last)
      ? `${path}?n=${pageSize}&last=${encodeURIComponent(last)}`
      : undefined
    return Effect.succeed({
      items: entries.filter((entry): entry is string => typeof entry === "string" && is(entry)),
      after
    })
  })

const missing =
  (resource: NotFound["resource"], reference: string) =>
  <A>(self: Stream.Stream<A, Failure>): Stream.Stream<A, Failure> =>
    Stream.catchAll(self, (error) => Stream.fromEffect(orNotFound(resource, reference)(Effect.fail(error))))

export const tags = (remote: Remote): Stream.Stream<string, Failure> =>
  Stream.unwrap(Effect.map(base(remote), (root) => {
    const path = `${root}/tags/list`
    return pages({
      transport: remote.transport,
      config: remote.config,
      registry: remote.registry,
      scopes: readScopes(remote),
      first: `${path}?n=${pageSize}`,
      unsized: path,
      page: names("tags", isTag, path)
    })
  })).pipe(missing("repository", `${remote.registry}/${remote.name}`))

/** The names of a registry's repositories, where it tells them. */
export const listRepositories = (
  transport: Transport,
  registry: string,
  config: Remote["config"] = {}
): Stream.Stream<string, Failure> => {
  const path = "/v2/_catalog"
  return pages({
    transport,
    config,
    registry,
    scopes: ["registry:catalog:*"],
    first: `${path}?n=${pageSize}`,
    unsized: path,
    page: names("repositories", isName, path)
  }).pipe(missing("registry", registry))
}

/** Whether the registry answers and takes the credentials (distribution-spec, "Determining Support"). */
export const ping = (transport: Transport, registry: string): Effect.Effect<void, Failure> =>
  transport.call({ method: "GET", registry, url: "/v2/", scopes: [], accept: [200], replay: true }).pipe(
    Effect.asVoid,
    orNotFound("registry", registry)
  )
