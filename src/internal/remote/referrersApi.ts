/**
 * Whether a repository has the referrers API (distribution-spec, "Listing Referrers"), by what the registry answers. A
 * client remembers that, so that none is asked in vain twice. The repositories of one host may differ: behind the one name
 * of Artifactory, Harbor or Nexus some are proxies of other registries.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Digest from "../../Digest.js"
import * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import { ManifestInvalid } from "../../RegistryError.js"
import type { Failure, Session } from "../../Repository.js"
import { put } from "../http/recent.js"
import type { Request, Response } from "../http/transport.js"
import { notJson, readJson } from "../json.js"
import { decodeWire } from "../schema.js"
import { base, isStatus, maxManifestSize, readScopes, reference, type Remote } from "./remote.js"

type State = "Served" | "Lacking"

/** By `registry/name` of repositories. */
const known = new WeakMap<Session, Map<string, State>>()

/** More repositories are not remembered. */
const mostKnown = 1000

const keyOf = ({ name, registry }: Remote): string => `${registry}/${name}`

const stateOf = (remote: Remote): State | undefined => known.get(remote.session)?.get(keyOf(remote))

export const isLacking = (remote: Remote): boolean => stateOf(remote) === "Lacking"

const learn = (remote: Remote, state: State): void => {
  let states = known.get(remote.session)
  if (states === undefined) known.set(remote.session, states = new Map())
  put(states, keyOf(remote), state, mostKnown)
}

/** The registry has shown that the repository has the API. */
export const isThere = (remote: Remote): void => learn(remote, "Served")

/** The question. GHCR redirects it to a web page of another host, which is not its answer to it. */
export const question = (remote: Remote, subject: Digest.Digest) =>
  Effect.map(base(remote), (path) => ({
    registry: remote.registry,
    url: `${path}/referrers/${subject}`,
    scopes: readScopes(remote),
    headers: { accept: MediaType.ociIndex },
    stay: true
  } satisfies Partial<Request>))

/** A success that is no answer of the API: the page of a web site, or of whoever asks people to log in. */
export class NoApi {
  readonly _tag = "NoApi"
}

const decode = decodeWire(Manifest.ImageIndex)

/** The list in an answer. What is sent as an index and is none is an error; anything else means that there is no API. */
export const listOf = (
  remote: Remote,
  subject: Digest.Digest,
  response: Response,
  limit: number
): Effect.Effect<Manifest.ImageIndex, Failure | NoApi> =>
  Effect.flatMap(response.bytes(limit), (bytes): Effect.Effect<Manifest.ImageIndex, ManifestInvalid | NoApi> => {
    const json = readJson(bytes)
    const index = Either.flatMap(json, decode)
    if (Either.isRight(index)) {
      isThere(remote)
      return Effect.succeed(index.right)
    }
    // A list that holds more than can be read is one still.
    const isList = isIndex(response) || (Either.isLeft(json) && json.left !== notJson)
    return isList
      ? Effect.fail(notAnIndex(remote, subject, Either.isLeft(json) ? json.left : undefined))
      : Effect.fail(new NoApi())
  })

export const notAnIndex = (
  remote: Remote,
  subject: Digest.Digest,
  reason = "the list is not an index"
): ManifestInvalid =>
  new ManifestInvalid({ resource: `referrers of ${reference(remote, subject)}`, reason, errors: [] })

const isIndex = ({ headers }: Response): boolean =>
  MediaType.fromContentType(headers["content-type"]) === MediaType.ociIndex

/**
 * What an answer that is no list says: there is no API, there are no referrers as the registry does not have the
 * subject, or nothing of the kind (undefined).
 */
export const verdict = (remote: Remote, error: Failure | NoApi): "NoApi" | "NoSubject" | undefined => {
  const says = (...codes: ReadonlyArray<string>) =>
    "errors" in error && error.errors.some(({ code }) => codes.includes(code))
  if (isStatus(error, 400)) {
    // Quay answers so for a subject that it does not have.
    if (says("MANIFEST_INVALID", "MANIFEST_UNKNOWN")) return "NoSubject"
    // A registry without the API may take its path for a bad name.
    return says("UNSUPPORTED", "NAME_INVALID") ? "NoApi" : undefined
  }
  // A web page, or a redirect to one, may be all that GHCR has to say.
  if (error._tag !== "NoApi" && !isStatus(error, 301, 302, 303, 307, 308, 404, 405)) return undefined
  // A repository or a subject that is not there is answered 404 by registries that have the API too (zot).
  const isAbsent = says("NAME_UNKNOWN", "MANIFEST_UNKNOWN")
  if (!isAbsent && stateOf(remote) === undefined) learn(remote, "Lacking")
  return "NoApi"
}

/** Whether the registry lists the subject's referrers by itself. Not asked where it is known. */
export const isServed = (remote: Remote, subject: Digest.Digest): Effect.Effect<boolean, Failure> =>
  Effect.suspend(() => {
    const state = stateOf(remote)
    if (state !== undefined) return Effect.succeed(state === "Served")
    return Effect.flatMap(
      question(remote, subject),
      (asked) => remote.transport.execute({ ...asked, method: "GET", accept: [200], replay: true })
    ).pipe(
      Effect.flatMap((response) =>
        // Of a list only the type is of interest: it may have any length.
        isIndex(response)
          ? Effect.sync(() => isThere(remote))
          : Effect.asVoid(listOf(remote, subject, response, maxManifestSize(remote)))
      ),
      Effect.scoped,
      Effect.as(true),
      Effect.catchAll((error: Failure | NoApi) => {
        const said = verdict(remote, error)
        return said === undefined && error._tag !== "NoApi"
          ? Effect.fail(error)
          : Effect.succeed(said === "NoSubject")
      })
    )
  })
