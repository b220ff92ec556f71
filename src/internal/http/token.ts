/**
 * Getting a token from a registry's token server.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type { Credential } from "../../Credentials.js"
import { CredentialsError, type RegistryError, Unauthorized } from "../../RegistryError.js"
import { parseJson } from "../json.js"
import { maxBody, read, type Refusal, toError } from "./answer.js"
import { whole } from "./body.js"
import * as credentials from "./credential.js"
import { follow, type Journey } from "./follow.js"
import { distrust, type Host } from "./host.js"
import type { Limits } from "./pace.js"
import { put } from "./recent.js"
import { type Failed, final, fromTransport, ofAnswer, type Policy, retrying } from "./retry.js"
import * as Scopes from "./scope.js"
import type { Send } from "./send.js"
import { resolve } from "./url.js"

/** Where the tokens of a registry come from, by its challenge. */
export interface Issuer {
  readonly realm: string
  readonly service: string | undefined
}

/** @internal */
export interface Token {
  /** The value of the `Authorization` header. */
  readonly authorization: Redacted.Redacted
  /** When to get a new one, in milliseconds since the epoch: a little before it expires. */
  readonly renewAt: number
  /** What was asked for in the end. */
  readonly scopes: ReadonlyArray<string>
  /** What to use in place of the identity token from now on, when the token server says so. */
  readonly refreshToken?: Redacted.Redacted | undefined
}

/** @internal */
export interface Wanted {
  readonly host: Host
  readonly issuer: Issuer
  /** Normalised. */
  readonly scopes: ReadonlyArray<string>
  /** The repository that the request is about, when it is about one. */
  readonly repository: string | undefined
  readonly credential: Option.Option<Credential>
}

/** @internal */
export interface Settings {
  readonly send: Send
  readonly limits: Limits
  readonly policy: Policy
  readonly userAgent: string
}

const clientId = "effect-oci"

/**
 * The user as which Azure's registry takes an identity token for a password, where its token server has no POST.
 */
const identityUser = "00000000-0000-0000-0000-000000000000"

/** Every token lives at least this long (distribution, "Token Authentication Specification"). */
const shortestLife = 60_000

/**
 * When to renew a token: counted from `issued_at` where that is plausible, from the request otherwise, and a tenth of
 * its life, at most half a minute, before it ends (distribution, "Token Authentication Specification").
 *
 * @internal
 */
export const renewal = (answer: object, requested: number): number => {
  const seconds = Number(Predicate.hasProperty(answer, "expires_in") ? answer.expires_in : NaN)
  const life = Number.isFinite(seconds) && seconds > 0 ? Math.max(shortestLife, seconds * 1000) : shortestLife
  const stamp = Predicate.hasProperty(answer, "issued_at") && typeof answer.issued_at === "string"
    ? Date.parse(answer.issued_at)
    : NaN
  // A clock ahead of ours, the zero date, or one that makes the fresh token an old one, is wrong.
  const issued = stamp <= requested && stamp + life > requested + shortestLife / 2 ? stamp : requested
  return issued + life - Math.min(30_000, life / 10)
}

/** The text of the token in an answer: `token` and `access_token` mean the same ("Token response fields" there). */
const tokenOf = (answer: object): string | undefined => {
  for (const name of ["token", "access_token"] as const) {
    const value = Predicate.hasProperty(answer, name) ? answer[name] : undefined
    if (typeof value === "string" && value !== "") return value
  }
  return undefined
}

/**
 * The new identity token in an answer to one. It is made of printable ASCII (RFC 6749, appendix A.17), or is of no use.
 */
const refreshTokenOf = (wanted: Wanted, answer: object): Redacted.Redacted | undefined => {
  if (!isIdentity(wanted)) return undefined
  const value = Predicate.hasProperty(answer, "refresh_token") ? answer.refresh_token : undefined
  return typeof value === "string" && /^[\x20-\x7e]+$/.test(value) ? Redacted.make(value) : undefined
}

const isIdentity = ({ credential }: Wanted): boolean =>
  Option.isSome(credential) && credential.value._tag === "Identity"

const parameters = (list: ReadonlyArray<readonly [string, string]>): string =>
  list.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")

type Form = {
  readonly method: "GET" | "POST"
  readonly url: string
  readonly authorization: Redacted.Redacted | undefined
  /** Form fields; they hold the identity token. */
  readonly body: Redacted.Redacted | undefined
}

const getForm = (
  realm: string,
  wanted: Wanted,
  scopes: ReadonlyArray<string>,
  authorization: Redacted.Redacted | undefined
): Form => {
  // Each scope is a parameter of its own, and the realm's own query is kept.
  const query = parameters([
    ...(wanted.issuer.service === undefined ? [] : [["service", wanted.issuer.service] as const]),
    ...scopes.map((scope) => ["scope", scope] as const)
  ])
  const url = query === "" ? realm : `${realm}${realm.includes("?") ? "&" : "?"}${query}`
  return { method: "GET", url, authorization, body: undefined }
}

const postForm = (realm: string, wanted: Wanted, scopes: ReadonlyArray<string>, token: Redacted.Redacted): Form => ({
  method: "POST",
  url: realm,
  authorization: undefined,
  body: Redacted.make(parameters([
    ["grant_type", "refresh_token"],
    ["service", wanted.issuer.service ?? ""],
    ["client_id", clientId],
    ...(scopes.length === 0 ? [] : [["scope", scopes.join(" ")] as const]),
    ["refresh_token", Redacted.value(token)]
  ]))
})

/** Where the token server is, if it may be asked at all. */
const locate = (wanted: Wanted): Effect.Effect<string, CredentialsError> => {
  const { host, issuer } = wanted
  const realm = resolve(issuer.realm, `${host.origin}/v2/`)
  const why = realm === undefined ? "it is malformed" : distrust(host, host.origin, new URL(realm))
  return realm === undefined || why !== undefined
    ? Effect.fail(
      new CredentialsError({
        registry: host.registry,
        reason: `its token server at ${host.secrets.shown(issuer.realm)} is not asked: ${host.secrets.hide(`${why}`)}`
      })
    )
    : Effect.succeed(realm)
}

/** What the token server says: a token with the JSON object that held it, or a status that is no success. */
type Answer =
  | { readonly _tag: "Granted"; readonly value: object; readonly authorization: Redacted.Redacted }
  | { readonly _tag: "Refused"; readonly refusal: Refusal }

const ask = (settings: Settings, wanted: Wanted, form: Form): Effect.Effect<Answer, RegistryError> => {
  const { limits, policy, send } = settings
  const shown = wanted.host.secrets.shown(form.url)
  // What was garbled on its way is right the second time; a server that means it says it again.
  let tries = 0
  const garbled = (error: CredentialsError): Failed => ({
    ...final(error),
    retry: tries++ === 0 ? { reason: "Protocol", retryAfter: undefined, acted: true } : undefined
  })
  const attempt: Effect.Effect<Answer, Failed> = Effect.scoped(Effect.gen(function*() {
    const scope = yield* Effect.scope
    const journey: Journey<never> = {
      method: form.method,
      url: form.url,
      shown,
      host: wanted.host,
      origin: new URL(form.url).origin,
      headers: { accept: "application/json", "accept-encoding": "identity", "user-agent": settings.userAgent },
      own: form.authorization === undefined ? {} : { authorization: Redacted.value(form.authorization) },
      body: form.body === undefined ? undefined : {
        _tag: "Bytes",
        bytes: new TextEncoder().encode(Redacted.value(form.body)),
        contentType: "application/x-www-form-urlencoded"
      },
      accept: [],
      // an identity token is for the token server alone, whatever it says
      stay: form.body === undefined ? undefined : "Refuse",
      form: form.body === undefined ? undefined : Redacted.value(form.body),
      whole: true
    }
    const arrival = yield* follow(send, journey, Effect.succeed, () => scope)
    const { status } = arrival
    if (status !== 200) {
      const refusal = yield* read(limits, form.method, arrival)
      const retry = ofAnswer(refusal.status, refusal.errors, refusal.retryAfter)
      if (retry === undefined) return { _tag: "Refused" as const, refusal }
      return yield* Effect.fail<Failed>({ ...final(toError(refusal, credentials.describe(wanted.credential))), retry })
    }
    const about = { method: form.method, url: arrival.shown }
    const bytes = yield* Effect.mapError(whole(about, limits, arrival, maxBody), fromTransport)
    const answer = parseJson(bytes)
    if (!Predicate.isRecord(answer)) {
      return yield* Effect.fail(garbled(unusable(wanted, arrival.shown, "is no JSON object")))
    }
    const text = tokenOf(answer)
    if (text === undefined) return yield* Effect.fail(garbled(unusable(wanted, arrival.shown, "holds no token")))
    const authorization = yield* Effect.mapError(credentials.bearer(wanted.host.registry, text), garbled)
    return { _tag: "Granted" as const, value: answer, authorization }
  }))
  return retrying(
    policy,
    { registry: wanted.host.registry, method: form.method, url: shown, replay: true },
    attempt
  )
}

const unusable = (wanted: Wanted, shown: string, why: string): CredentialsError =>
  new CredentialsError({
    registry: wanted.host.registry,
    reason: `the answer of the token server ${shown} ${why}`
  })

/**
 * The error for what the token server refused for good. A 404 of it must not be taken for one of the registry's, so
 * whatever is not about the credentials or the server itself is a `CredentialsError`.
 */
const refusedError = (wanted: Wanted, refusal: Refusal): RegistryError => {
  const tried = credentials.describe(wanted.credential)
  const { status } = refusal
  // An identity token that is not valid any more is a 400 by OAuth2 (RFC 6749, section 5.2).
  if (status === 400 && isIdentity(wanted)) {
    const { errors, method, shown } = refusal
    return new Unauthorized({ method, url: shown, status, errors, credentials: tried })
  }
  return status === 401 || status === 403 || status >= 500
    ? toError(refusal, tried)
    : unusable(wanted, refusal.shown, `is ${status}${refusal.errors.map((entry) => `, ${entry.code}`).join("")}`)
}

/** How a token server takes identity tokens, by its realm. */
type Ways = Map<string, "GET" | "POST">

/** With how many token servers to remember it. */
const mostWays = 64

const isMissing = (status: number): boolean => status === 404 || status === 405

/** Whether a refusal may be about the credentials, or about how they were sent. */
const isUnwelcome = (status: number): boolean => status === 400 || status === 401

/**
 * Asks with an identity token: with a POST, and with a GET where that is refused. Token servers without the POST answer
 * it with 404 or 405, some with 400, Artifactory with 401. What works is remembered: each refusal may count as a failed
 * login, and a few of these lock an account. That both refuse says nothing of either: the next token may be a valid
 * one.
 */
const requestByIdentity = Effect.fnUntraced(function*(
  settings: Settings,
  ways: Ways,
  wanted: Wanted,
  realm: string,
  scopes: ReadonlyArray<string>,
  token: Redacted.Redacted
): Effect.fn.Return<Answer, RegistryError> {
  const get = Effect.flatMap(
    credentials.basic(wanted.host.registry, identityUser, token),
    (authorization) => ask(settings, wanted, getForm(realm, wanted, scopes, authorization))
  )
  const way = ways.get(realm)
  if (way === "GET") return yield* get
  const posted = yield* ask(settings, wanted, postForm(realm, wanted, scopes, token))
  if (posted._tag === "Granted") {
    put(ways, realm, "POST", mostWays)
    return posted
  }
  const { status } = posted.refusal
  if (!isMissing(status) && (way === "POST" || !isUnwelcome(status))) return posted
  const got = yield* get
  if (got._tag === "Granted") {
    put(ways, realm, "GET", mostWays)
    return got
  }
  if (isMissing(got.refusal.status)) {
    if (!isMissing(status)) put(ways, realm, "POST", mostWays)
    return posted
  }
  // Both refused: it is the token. What is said to the POST is said about it.
  return !isMissing(status) && isUnwelcome(got.refusal.status) ? posted : got
})

/** Asks once, by the way that fits the credential. */
const request = Effect.fnUntraced(function*(
  settings: Settings,
  ways: Ways,
  wanted: Wanted,
  realm: string,
  scopes: ReadonlyArray<string>
): Effect.fn.Return<Answer, RegistryError> {
  const { credential, host } = wanted
  if (Option.isSome(credential) && credential.value._tag === "Identity") {
    return yield* requestByIdentity(settings, ways, wanted, realm, scopes, credential.value.token)
  }
  const authorization = Option.isSome(credential) && credential.value._tag === "Basic"
    ? yield* credentials.basic(host.registry, credential.value.username, credential.value.password)
    : undefined
  return yield* ask(settings, wanted, getForm(realm, wanted, scopes, authorization))
})

/**
 * A token for the scopes. Where the token server refuses a request for several repositories, as some do when a mount's
 * source is not ours to read, it is asked again for the first one alone: no copy fails on a mount.
 *
 * @internal
 */
export const make = (settings: Settings): (wanted: Wanted) => Effect.Effect<Token, RegistryError> => {
  const ways: Ways = new Map()
  return (wanted) => fetchToken(settings, ways, wanted)
}

const fetchToken = Effect.fnUntraced(function*(
  settings: Settings,
  ways: Ways,
  wanted: Wanted
): Effect.fn.Return<Token, RegistryError> {
  const realm = yield* locate(wanted)
  const requested = yield* Clock.currentTimeMillis
  const fewer = wanted.repository === undefined ? wanted.scopes : Scopes.ofRepository(wanted.scopes, wanted.repository)
  let scopes = wanted.scopes
  let answer = yield* request(settings, ways, wanted, realm, scopes)
  if (answer._tag === "Refused" && fewer.length < scopes.length && isAboutScopes(wanted, answer.refusal.status)) {
    scopes = fewer
    answer = yield* request(settings, ways, wanted, realm, scopes)
  }
  if (answer._tag === "Refused") return yield* refusedError(wanted, answer.refusal)
  return {
    authorization: answer.authorization,
    renewAt: renewal(answer.value, requested),
    scopes,
    refreshToken: refreshTokenOf(wanted, answer.value)
  }
})

/** Whether a refusal may be about what was asked for. A 401 to credentials is about these. */
const isAboutScopes = (wanted: Wanted, status: number): boolean =>
  status >= 400 && status < 500 && (status !== 401 || Option.isNone(wanted.credential))
