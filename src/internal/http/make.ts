/**
 * The transport: `transport.ts` made of the pieces beside it.
 *
 * @internal
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Credentials } from "../../Credentials.js"
import type * as RegistryConfig from "../../RegistryConfig.js"
import type { InvalidInput, RegistryError, TransportError } from "../../RegistryError.js"
import { read, type Refusal, toError } from "./answer.js"
import * as Auth from "./auth.js"
import { collect, drain, drainOnClose, ofBytes, watched } from "./body.js"
import { failure } from "./failure.js"
import * as First from "./first.js"
import { type Arrival, follow, type Journey } from "./follow.js"
import * as Host from "./host.js"
import * as Limiter from "./limiter.js"
import { type Failed, final, fromTransport, isRateLimit, ofAnswer, retrying } from "./retry.js"
import * as Rotation from "./rotation.js"
import * as Send from "./send.js"
import * as Settings from "./settings.js"
import * as Token from "./token.js"
import type { Pull, Request, Response, Transport } from "./transport.js"
import { redact } from "./url.js"
import * as Warning from "./warning.js"

/** A request whose host and address are known to be in order. */
interface Prepared<E> {
  readonly request: Request<E>
  readonly host: Host.Host
  readonly url: string
  /** The address as errors, logs and spans may show it. */
  readonly shown: string
  /** As long as this the connection of a success stays open; undefined when it is not to be read from. */
  readonly kept: Scope.Scope | undefined
}

/** What one sending came to. */
type Outcome =
  | { readonly _tag: "Accepted"; readonly response: Response }
  | {
    readonly _tag: "Refused"
    readonly refusal: Refusal
    readonly challenge: string | undefined
    /** Whether it was the registry that refused, not whom it redirected to. */
    readonly home: boolean
  }

/** How a registry's answer is to be taken; undefined when it says nothing about how busy the registry is. */
const verdictOf = (outcome: Outcome): Limiter.Verdict | undefined => {
  if (outcome._tag === "Accepted") return outcome
  const { errors, retryAfter, status } = outcome.refusal
  if (!outcome.home) return undefined
  if (status === 503 || isRateLimit(status, errors)) return { _tag: "TooMany", retryAfter }
  return status === 404 ? { _tag: "Accepted" } : undefined
}

/** Larger bodies, in bytes, are no small requests. */
const smallBody = 1024 * 1024

/** Whether a request is over soon: it sends no big body, and what it is answered is not read as it streams. */
const isSmall = <E>({ body, buffer, method, url }: Request<E>): boolean => {
  if (body !== undefined && (body._tag === "Stream" || body.bytes.length > smallBody)) return false
  return method !== "GET" || buffer !== undefined || !/\/blobs\/[^/?]+$/.test(url)
}

/** Headers of the caller that are for the registry alone, like its credentials. */
const confidential = new Set(["authorization", "cookie", "proxy-authorization"])

/** The body of the answer to a HEAD. */
const nothing: Pull = Effect.fail(Option.none())

/**
 * The transport over a platform's HTTP client.
 *
 * @internal
 */
export const makeTransport = Effect.fnUntraced(function*(
  options: RegistryConfig.Options = {}
): Effect.fn.Return<Transport, InvalidInput, HttpClient.HttpClient | Credentials> {
  const client = yield* HttpClient.HttpClient
  const store = yield* Credentials
  const settings = yield* Settings.make(options)
  const { limits, policy, userAgent } = settings
  const send = Send.make(client, limits)
  const auth = Auth.make(store, Rotation.make(Token.make({ send, limits, policy, userAgent })))
  const logWarnings = Warning.makeLog()

  const hosts = new Map<string, Host.Host>(settings.hosts)
  const hostOf = (registry: string): Effect.Effect<Host.Host, InvalidInput> => {
    const name = Host.canonical(registry)
    const known = hosts.get(name)
    return known !== undefined
      ? Effect.succeed(known)
      : Effect.tap(Host.make(registry, undefined), (host) => Effect.sync(() => hosts.set(name, host)))
  }

  const limiters = new Map<string, Limiter.Limiter>()
  const limiterOf = (registry: string): Limiter.Limiter => {
    const name = Host.canonical(registry)
    let limiter = limiters.get(name)
    if (limiter === undefined) {
      const concurrency = settings.hosts.get(name)?.concurrency ?? Host.defaultConcurrency
      limiters.set(name, limiter = Limiter.make(concurrency, policy.maxRetryAfter))
    }
    return limiter
  }

  const firsts = new Map<string, First.First>()
  const firstOf = (registry: string): First.First => {
    const known = firsts.get(registry)
    if (known !== undefined) return known
    const first = First.make()
    firsts.set(registry, first)
    return first
  }

  const prepare = <E>(
    request: Request<E>,
    kept: Scope.Scope | undefined
  ): Effect.Effect<Prepared<E>, InvalidInput | TransportError> =>
    Effect.flatMap(hostOf(request.registry), (host) => {
      const isOurs = request.url.startsWith("/")
      const url = isOurs ? `${host.origin}${request.url}` : request.url
      const shown = isOurs ? redact(url) : host.secrets.shown(url)
      const refuse = (why: string) => Effect.fail(failure(request.method, shown, "Redirect", host.secrets.hide(why)))
      if (!URL.canParse(url)) return refuse("the address is malformed")
      const to = new URL(url)
      const why = to.origin === host.origin ? undefined : Host.distrust(host, host.origin, to)
      return why === undefined
        ? Effect.succeed({ request, host, url, shown, kept })
        : refuse(`${host.registry} leads to ${to.origin}: ${why}`)
    })

  const respond = <E>(
    { kept, request }: Prepared<E>,
    arrival: Arrival,
    scope: Scope.Scope
  ): Effect.Effect<Response, Failed<E>> => {
    const { bytes, headers, hide, response, shown, status, url } = arrival
    const about = { method: request.method, url: shown }
    const body: Effect.Effect<Pull, never, Scope.Scope> = request.method === "HEAD"
      ? Effect.succeed(nothing)
      : bytes !== undefined
      ? ofBytes(bytes)
      : watched(about, limits, arrival)
    const answer = (pull: Response["pull"]): Response => ({
      status,
      headers,
      url,
      shown,
      hide,
      pull,
      stream: Stream.fromPull(pull),
      bytes: (limit) => collect(about, request.buffer === undefined ? headers : {}, pull, limit)
    })
    if (request.buffer !== undefined) {
      return collect(about, headers, body, request.buffer).pipe(
        Effect.mapError(fromTransport),
        Effect.map((bytes) => answer(ofBytes(bytes)))
      )
    }
    // Without a body the answer is over.
    if (request.method === "HEAD" || bytes !== undefined) {
      return Effect.succeed(answer(body))
    }
    let touched = false
    const clear = Effect.suspend(() => drain(request.method, headers, response.stream))
    if (kept === undefined) return Effect.as(clear, answer(body))
    return Effect.as(
      drainOnClose(scope, () => !touched, clear),
      answer(Effect.suspend(() => {
        touched = true
        return body
      }))
    )
  }

  /** One sending, redirects included, when the registry has room for it. `heard` is called when headers are there. */
  const dispatch = <E>(
    prepared: Prepared<E>,
    authorization: Auth.Authorization,
    heard: (arrival: Arrival) => void
  ): Effect.Effect<Outcome, Failed<E>> => {
    const { host, kept, request, shown, url } = prepared
    const headers: Record<string, string> = { "user-agent": userAgent }
    const own: Record<string, string> = { ...host.headers }
    for (const [name, value] of Object.entries(request.headers ?? {})) {
      const lower = name.toLowerCase()
      if (confidential.has(lower)) own[lower] = value
      else headers[lower] = value
    }
    headers["accept-encoding"] = "identity"
    if (authorization.header !== undefined) own["authorization"] = Redacted.value(authorization.header)
    const { accept, body, method } = request
    const arrived = Effect.fnUntraced(function*(
      arrival: Arrival,
      scope: Scope.Scope
    ): Effect.fn.Return<Outcome, Failed<E>> {
      heard(arrival)
      if (arrival.home) yield* logWarnings(host.registry, arrival.headers["warning"], arrival.hide)
      if (accept.includes(arrival.status)) {
        return { _tag: "Accepted", response: yield* respond(prepared, arrival, scope) }
      }
      return {
        _tag: "Refused",
        refusal: yield* read(limits, method, arrival),
        challenge: arrival.headers["www-authenticate"],
        home: arrival.home
      }
    })
    const whole = request.buffer !== undefined
    const { origin } = host
    const stay = request.stay === true ? "End" : undefined
    const journey: Journey<E> = { method, url, shown, headers, body, host, origin, own, accept, whole, stay }
    const exchange = follow(send, journey, arrived, ({ _tag }) => _tag === "Accepted" ? kept : undefined)
    return limiterOf(host.registry).request(isSmall(request), (tell) =>
      Effect.tap(exchange, (outcome) => {
        const verdict = verdictOf(outcome)
        return verdict === undefined ? Effect.void : tell(verdict)
      }))
  }

  /**
   * The challenge of `/v2/`, for a registry that sent none with its 401, as gcr.io used to.
   */
  const probe = (host: Host.Host): Effect.Effect<string | undefined, Failed> =>
    Effect.map(
      dispatch<never>(
        {
          request: { method: "GET", registry: host.registry, url: "/v2/", scopes: [], accept: [], replay: true },
          host,
          url: `${host.origin}/v2/`,
          shown: `${host.origin}/v2/`,
          kept: undefined
        },
        Auth.none,
        () => {}
      ),
      (outcome) =>
        outcome._tag === "Refused" && outcome.home && outcome.refusal.status === 401 ? outcome.challenge : undefined
    )

  /**
   * One try. `answered` is called as soon as those who wait for the first answer of the registry may go on: they find
   * its challenge then.
   */
  const attempt = <E>(
    prepared: Prepared<E>,
    home: boolean,
    answered: () => void
  ): Effect.Effect<Response, Failed<E>> =>
    Effect.gen(function*() {
      const { host, request } = prepared
      const heard = ({ headers, home, status }: Arrival): void => {
        const challenge = headers["www-authenticate"]
        if (home && status === 401 && !auth.isKnown(host)) {
          if (challenge === undefined) return
          auth.learn(host, challenge)
        }
        answered()
      }
      // what fails here has had its own retries
      const first = home ? yield* Effect.mapError(auth.authorize(host, request.scopes), final) : Auth.none
      let used = first
      let outcome = yield* dispatch(prepared, used, heard)
      if (outcome._tag === "Refused" && outcome.refusal.status === 401 && outcome.home) {
        const challenge = outcome.challenge ?? (auth.isKnown(host) ? undefined : yield* probe(host))
        if (challenge !== undefined) auth.learn(host, challenge)
        answered()
        const next = yield* Effect.mapError(auth.renew(host, request.scopes, first, challenge), final)
        if (next !== undefined) {
          used = next
          outcome = yield* dispatch(prepared, used, heard)
        }
      }
      if (outcome._tag === "Accepted") return outcome.response
      const { refusal } = outcome
      const other = refusal.hide(new URL(refusal.url).host)
      const tried = outcome.home ? used.credentials : `none, because ${other} is not the registry`
      const retry = ofAnswer(refusal.status, refusal.errors, refusal.retryAfter)
      return yield* Effect.fail<Failed<E>>({ ...final(toError(refusal, tried)), retry })
    })

  /** A try that waits while nothing is known of the registry but that another request is on its way to it. */
  const inTurn = <E>(prepared: Prepared<E>): Effect.Effect<Response, Failed<E>> => {
    const { host, request, url } = prepared
    const home = new URL(url).origin === host.origin
    // A body's content may itself come from a request to this registry, which must not wait for the request of the
    // body.
    return home && request.body?._tag !== "Stream"
      ? firstOf(host.registry)((answered) => attempt(prepared, home, answered))
      : attempt(prepared, home, () => {})
  }

  const perform = <E>(
    request: Request<E>,
    kept: Scope.Scope | undefined
  ): Effect.Effect<Response, RegistryError | E> =>
    Effect.flatMap(prepare(request, kept), (prepared) => {
      const { method, replay } = request
      const url = prepared.shown
      const registry = prepared.host.registry
      return retrying(policy, { registry, method, url, replay }, inTurn(prepared)).pipe(
        Effect.tap((response) => Effect.annotateCurrentSpan("http.response.status_code", response.status)),
        Effect.withSpan(`effect-oci ${method}`, {
          kind: "client",
          captureStackTrace: false,
          attributes: { "http.request.method": method, registry, url }
        })
      )
    })

  return {
    call: (request) => perform(request, undefined),
    execute: (request) => Effect.scopeWith((scope) => perform(request, scope)),
    transfer: (registry, effect) => limiterOf(registry).transfer(effect),
    shown: (registry, url) => hosts.get(Host.canonical(registry))?.secrets.shown(url) ?? redact(url)
  }
})
