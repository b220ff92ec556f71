/**
 * Anonymous bearer tokens, as public registries ask for them: a request without a token that covers it is answered with
 * a challenge that names the scope, and whoever asks the token endpoint gets what he asked for.
 */
import type { IncomingMessage } from "node:http"

/** `repository:NAME:ACTION` with one action: what a request needs, or a token gives. */
type Grant = string

const pathOf = (request: IncomingMessage): URL => new URL(request.url ?? "/", "http://proxy")

/** The repository of a path of the distribution API. */
const repositoryOf = ({ pathname }: URL): string | undefined =>
  /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(pathname)?.[1]

/** Scopes, each with all of its actions, as a challenge names them. */
export const scopes = (request: IncomingMessage): ReadonlyArray<string> => {
  const url = pathOf(request)
  const repository = repositoryOf(url)
  if (repository === undefined) return []
  const reads = request.method === "GET" || request.method === "HEAD"
  const from = url.searchParams.get("mount") === null ? null : url.searchParams.get("from")
  return [
    `repository:${repository}:${reads ? "pull" : "pull,push"}`,
    ...(from === null || from === repository ? [] : [`repository:${from}:pull`])
  ]
}

const grants = (scope: string): ReadonlyArray<Grant> => {
  const end = scope.lastIndexOf(":")
  return scope.slice(end + 1).split(",").map((action) => `${scope.slice(0, end)}:${action}`)
}

/** Of a write the right to push is enough, with that to pull where it mounts from. */
const needs = (request: IncomingMessage): ReadonlyArray<Grant> =>
  scopes(request).flatMap((scope) => {
    const all = grants(scope)
    return all.length === 1 ? all : all.filter((grant) => grant.endsWith(":push"))
  })

export interface Tokens {
  /** The body of the token endpoint's answer. */
  readonly issue: (request: IncomingMessage) => string
  /** The challenge to a request whose token does not cover it. */
  readonly challenge: (request: IncomingMessage, realm: string) => string | undefined
}

export const make = (): Tokens => {
  const issued = new Map<string, ReadonlySet<Grant>>()
  return {
    issue: (request) => {
      const token = `anonymous-${issued.size + 1}`
      const asked = pathOf(request).searchParams.getAll("scope").flatMap((scope) => scope.split(" "))
      issued.set(token, new Set(asked.flatMap(grants)))
      return JSON.stringify({ token, access_token: token, expires_in: 300, issued_at: new Date().toISOString() })
    },
    challenge: (request, realm) => {
      const given = issued.get(/^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "")
      if (given !== undefined && needs(request).every((grant) => given.has(grant))) return undefined
      const scope = scopes(request).join(" ")
      return [
        `Bearer realm="${realm}"`,
        `service="registry"`,
        ...(scope === "" ? [] : [`scope="${scope}"`]),
        ...(given === undefined ? [] : [`error="insufficient_scope"`])
      ].join(",")
    }
  }
}
