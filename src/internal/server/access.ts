/**
 * Who may do what: Basic, Bearer, and the token endpoint.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"
import type { Access, Auth, Quirks } from "../../RegistryServer.js"
import * as Names from "../names.js"
import { type Exchange, type Handled, json, readBody, type Refusal, refuse } from "./exchange.js"
import * as Tokens from "./tokens.js"

interface Scope {
  readonly type: string
  readonly name: string
  readonly actions: ReadonlyArray<string>
}

/** What an access token stands for. */
interface Token {
  readonly user?: string | undefined
  readonly scopes: ReadonlyArray<Scope>
  readonly expiresAt: number
}

/** Whom a request comes from, and what it may read beyond what it was checked for. */
export interface Account {
  /** `undefined` for the anonymous. */
  readonly user: string | undefined
  readonly mayPull: (repository: string) => boolean
}

export interface AccessControl {
  /** Fails when the request is not allowed. */
  readonly check: (exchange: Exchange) => Effect.Effect<Account, Refusal>
  readonly token: (exchange: Exchange, quirks: Quirks) => Handled
  readonly isTokenPath: (path: string) => boolean
  readonly expire: () => void
}

const pullOf = (name: string): Scope => ({ type: "repository", name, actions: ["pull"] })

const print = ({ actions, name, type }: Scope): string => `${type}:${name}:${actions.join(",")}`

/** The name may hold colons, so the first and the last one count. */
const parseScope = (text: string): Scope | undefined => {
  const match = /^([^:]+):(.+):([^:]*)$/.exec(text)
  return match?.[1] === undefined || match[2] === undefined
    ? undefined
    : { type: match[1], name: match[2], actions: (match[3] ?? "").split(",").filter((action) => action !== "") }
}

/** What a request needs (distribution, "Token Scope Documentation"). */
const needed = ({ kind, query, route }: Exchange): ReadonlyArray<Scope> => {
  switch (route._tag) {
    case "Catalog":
      return [{ type: "registry", name: "catalog", actions: ["*"] }]
    case "Ping":
    case "Unknown":
      return []
    default: {
      const repository = (name: string, ...actions: ReadonlyArray<string>) => ({ type: "repository", name, actions })
      if (kind === "deleteManifest" || kind === "deleteBlob") return [repository(route.name, "delete")]
      if (route._tag !== "Uploads" && route._tag !== "Upload" && kind !== "putManifest") {
        return [pullOf(route.name)]
      }
      const from = kind === "mount" ? query.get("from") : null
      const push = repository(route.name, "pull", "push")
      return from === null || from === route.name || !Names.isName(from) ? [push] : [push, pullOf(from)]
    }
  }
}

const allowed: Access = ({ actions }) => actions
const pullOnly: Access = ({ actions, type }) => type === "repository" ? actions.filter((a) => a === "pull") : []

/** What somebody may do; undefined for the anonymous where there is nothing for them. */
const accessOf = (
  { access, anonymousPull }: Exclude<Auth, { readonly _tag: "Anonymous" }>,
  user: string | undefined
): Access | undefined => {
  if (user !== undefined) return access ?? allowed
  if (anonymousPull !== true) return undefined
  return access === undefined ? pullOnly : (request) => [...pullOnly(request), ...access(request)]
}

const secret = (value: string | Redacted.Redacted): string => Redacted.isRedacted(value) ? Redacted.value(value) : value

/** The user of a Basic header; `null` when the header is none or its password is wrong. */
const basicUser = (
  header: string,
  users: Readonly<Record<string, string | Redacted.Redacted>>
): string | null => {
  const match = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header)
  const decoded = match?.[1] === undefined ? undefined : Either.getOrUndefined(Encoding.decodeBase64String(match[1]))
  const colon = decoded?.indexOf(":") ?? -1
  if (decoded === undefined || colon < 0) return null
  return checkPassword(users, decoded.slice(0, colon), decoded.slice(colon + 1))
}

const checkPassword = (
  users: Readonly<Record<string, string | Redacted.Redacted>>,
  user: string,
  password: string
): string | null => {
  const expected = Object.hasOwn(users, user) ? users[user] : undefined
  return expected !== undefined && secret(expected) === password ? user : null
}

const denied = (scope: Scope) => refuse(403, "DENIED", `${print(scope)} is not allowed`)

const basic = (auth: Extract<Auth, { readonly _tag: "Basic" }>): AccessControl["check"] => (exchange) => {
  const unauthorized = refuse(401, "UNAUTHORIZED", "authentication required", {
    "www-authenticate": "Basic realm=\"embedded registry\", charset=\"UTF-8\""
  })
  const header = exchange.headers.authorization
  const user = header === undefined ? undefined : basicUser(header, auth.users)
  if (user === null) return unauthorized
  const scopes = needed(exchange)
  const access = accessOf(auth, user)
  if (access === undefined) return unauthorized
  const may = (scope: Scope): boolean => {
    const granted = access({ user, ...scope })
    return scope.actions.every((action) => granted.includes(action))
  }
  const missing = scopes.find((scope) => !may(scope))
  if (missing === undefined) return Effect.succeed({ user, mayPull: (name) => may(pullOf(name)) })
  return user === undefined ? unauthorized : denied(missing)
}

const bearer = (auth: Extract<Auth, { readonly _tag: "Bearer" }>): AccessControl => {
  const tokens = Tokens.make<Token>()
  const refreshTokens = Tokens.make<{ readonly user: string }>()
  const identityTokens = new Map<string, string>()
  for (const [user, token] of Object.entries(auth.identityTokens ?? {})) identityTokens.set(secret(token), user)
  const service = auth.service ?? "embedded-registry"
  const lifetime = Duration.toMillis(auth.expiresIn ?? Duration.minutes(5))
  const tokenPath = auth.realm === undefined ? "/token" : new URL(auth.realm).pathname

  const challenge = (exchange: Exchange, scopes: ReadonlyArray<Scope>, error?: string): Refusal => {
    const realm = auth.realm ?? `${exchange.origin}${tokenPath}`
    const parameters = [
      `realm="${realm}"`,
      `service="${service}"`,
      ...(scopes.length === 0 ? [] : [`scope="${scopes.map(print).join(" ")}"`]),
      ...(error === undefined ? [] : [`error="${error}"`])
    ]
    return refuse(401, "UNAUTHORIZED", "authentication required", {
      "www-authenticate": `Bearer ${parameters.join(",")}`
    })
  }

  const check: AccessControl["check"] = Effect.fnUntraced(function*(exchange) {
    const scopes = needed(exchange)
    const header = exchange.headers.authorization
    if (header === undefined) return yield* challenge(exchange, scopes)
    const token = tokens.verify(/^bearer +(.+)$/i.exec(header)?.[1] ?? "")
    const now = yield* Clock.currentTimeMillis
    if (token === undefined || token.expiresAt <= now) return yield* challenge(exchange, scopes, "invalid_token")
    const covers = (scope: Scope): boolean =>
      scope.actions.every((action) =>
        token.scopes.some((held) =>
          held.type === scope.type && held.name === scope.name &&
          (held.actions.includes(action) || held.actions.includes("*"))
        )
      )
    if (!scopes.every(covers)) return yield* challenge(exchange, scopes, "insufficient_scope")
    // A token is for what it was asked for, even where its user may do more.
    return { user: token.user, mayPull: (name) => covers(pullOf(name)) }
  })

  const wrong = refuse(401, "UNAUTHORIZED", "the credentials are wrong")

  /** What is not allowed is left out, without a word. */
  const grant = (user: string | undefined, asked: ReadonlyArray<string>): ReadonlyArray<Scope> => {
    const access = accessOf(auth, user) ?? (() => [])
    return asked.flatMap((entry) => entry.split(" ")).flatMap((entry) => {
      const scope = parseScope(entry)
      if (scope === undefined) return []
      const held = access({ user, ...scope })
      const actions = scope.actions.filter((action) => held.includes(action))
      return actions.length === 0 ? [] : [{ ...scope, actions }]
    })
  }

  const give = (user: string | undefined, asked: ReadonlyArray<string>, offline: boolean, quirks: Quirks): Handled =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const scopes = grant(user, asked)
      const token = tokens.sign({ user, scopes, expiresAt: now + lifetime })
      const refresh = offline && user !== undefined ? refreshTokens.sign({ user }) : undefined
      return json(200, {
        ...(quirks.accessTokenOnly === true ? {} : { token }),
        access_token: token,
        ...(quirks.expiresIn === false ? {} : { expires_in: Math.floor(lifetime / 1000) }),
        issued_at: new Date(now).toISOString(),
        ...(refresh === undefined ? {} : { refresh_token: refresh }),
        scope: scopes.map(print).join(" ")
      }, { "cache-control": "no-store" })
    })

  const userOfForm = (form: URLSearchParams): string | null => {
    switch (form.get("grant_type")) {
      case "password":
        return checkPassword(auth.users ?? {}, form.get("username") ?? "", form.get("password") ?? "")
      case "refresh_token": {
        const token = form.get("refresh_token") ?? ""
        return identityTokens.get(token) ?? refreshTokens.verify(token)?.user ?? null
      }
      default:
        return null
    }
  }

  const token: AccessControl["token"] = (exchange, quirks) =>
    Effect.gen(function*() {
      if (exchange.method === "GET") {
        const header = exchange.headers.authorization
        const user = header === undefined ? undefined : basicUser(header, auth.users ?? {})
        if (user === null) return yield* wrong
        const offline = exchange.query.get("offline_token") === "true"
        return yield* give(user, exchange.query.getAll("scope"), offline, quirks)
      }
      if (exchange.method !== "POST") return yield* refuse(405, "UNSUPPORTED", "tokens come by GET and POST")
      if (quirks.tokenPostStatus !== undefined) {
        return yield* refuse(quirks.tokenPostStatus, "UNSUPPORTED", "tokens come by GET only")
      }
      const body = yield* readBody(exchange, 64 * 1024)
      if (body === undefined) return yield* refuse(413, "UNSUPPORTED", "the form is too large")
      const form = new URLSearchParams(new TextDecoder().decode(body))
      // What the form must have (distribution, "OAuth2 Token Authentication").
      if (!form.has("grant_type") || !form.has("service") || !form.has("client_id")) {
        return yield* refuse(400, "UNSUPPORTED", "grant_type, service and client_id are required")
      }
      const user = userOfForm(form)
      if (user === null) return yield* wrong
      return yield* give(user, form.getAll("scope"), form.get("access_type") === "offline", quirks)
    })

  return { check, token, isTokenPath: (path) => path === tokenPath, expire: tokens.revokeAll }
}

const anybody: Account = { user: undefined, mayPull: () => true }

export const make = (auth: Auth): AccessControl => {
  if (auth._tag === "Bearer") return bearer(auth)
  return {
    check: auth._tag === "Anonymous" ? () => Effect.succeed(anybody) : basic(auth),
    token: () => refuse(404, "UNSUPPORTED", "there is no token endpoint"),
    isTokenPath: () => false,
    expire: () => {}
  }
}
