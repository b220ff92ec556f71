/**
 * Who we are to a registry: its challenge, and tokens for what is wanted of it. There is no ping: the first request
 * takes the 401, and its challenge is remembered.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Credential, Credentials } from "../../Credentials.js"
import type { CredentialsError, RegistryError } from "../../RegistryError.js"
import * as Challenge from "./challenge.js"
import * as credentials from "./credential.js"
import type { Host } from "./host.js"
import * as Scopes from "./scope.js"
import type { Issuer, Token, Wanted } from "./token.js"

/** With what a request is sent. */
export interface Authorization {
  /** The header's value; undefined for none. */
  readonly header: Redacted.Redacted | undefined
  /** For errors: which credentials these are. */
  readonly credentials: string
  /** The token behind it, to be dropped when it is refused. */
  readonly token: Cached | undefined
}

/** @internal */
export const none: Authorization = { header: undefined, credentials: "anonymous", token: undefined }

const ofToken = (token: Cached): Authorization => ({
  header: token.token.authorization,
  credentials: token.credentials,
  token
})

/** @internal */
export interface Auth {
  /** For a request with these scopes; nothing while no challenge of the registry is known. */
  readonly authorize: (host: Host, scopes: ReadonlyArray<string>) => Effect.Effect<Authorization, RegistryError>
  /**
   * After a 401 to `refused`: what to try next, undefined when there is nothing else. `header` is the challenge.
   */
  readonly renew: (
    host: Host,
    scopes: ReadonlyArray<string>,
    refused: Authorization,
    header: string | undefined
  ) => Effect.Effect<Authorization | undefined, RegistryError>
  /** Whether a challenge of the registry is known. */
  readonly isKnown: (host: Host) => boolean
}

/** A token with what it was got for. */
interface Cached {
  readonly token: Token
  readonly issuer: Issuer
  /** What it was wanted for; more than `token.scopes` when the token server refused to give it all. */
  readonly wanted: ReadonlyArray<string>
  readonly repository: string | undefined
  readonly credentials: string
}

interface Flight {
  readonly fiber: Fiber.RuntimeFiber<unknown>
  readonly result: Deferred.Deferred<Cached, RegistryError>
  waiting: number
}

/** What is known of one registry. */
interface State {
  scheme: "basic" | "bearer"
  issuer: Issuer
  /** What goes without a token, by what it is wanted for: a store may run a program each time that it is asked. */
  readonly direct: Map<string, Authorization>
  readonly tokens: Set<Cached>
  readonly flights: Map<string, Flight>
}

/**
 * `fetchToken` is asked once for all who need the same token at the same time.
 *
 * @internal
 */
export const make = (
  store: Credentials.Service,
  fetchToken: (wanted: Wanted) => Effect.Effect<Token, RegistryError>
): Auth => {
  const states = new Map<string, State>()

  const credentialFor = (
    host: Host,
    scopes: ReadonlyArray<string>
  ): Effect.Effect<Option.Option<Credential>, CredentialsError> => {
    const repository = Scopes.repository(scopes)
    return Effect.map(
      store.get({ registry: host.registry, repository, actions: Scopes.actions(scopes, repository) }),
      Option.filter((credential) => !credentials.isAnonymous(credential))
    )
  }

  /** The credential itself in the header. */
  const direct = Effect.fnUntraced(function*(
    host: Host,
    state: State,
    scopes: ReadonlyArray<string>,
    credential: Option.Option<Credential>
  ): Effect.fn.Return<Authorization, RegistryError> {
    const description = credentials.describe(credential)
    if (Option.isNone(credential) || credential.value._tag === "Identity") return { ...none, credentials: description }
    const header = credential.value._tag === "Basic"
      ? yield* credentials.basic(host.registry, credential.value.username, credential.value.password)
      : yield* credentials.bearer(host.registry, Redacted.value(credential.value.token))
    const authorization = { header, credentials: description, token: undefined }
    state.direct.set(scopes.join(" "), authorization)
    return authorization
  })

  const basic = Effect.fnUntraced(function*(
    host: Host,
    state: State,
    scopes: ReadonlyArray<string>
  ): Effect.fn.Return<Authorization, RegistryError> {
    return state.direct.get(scopes.join(" ")) ??
      (yield* direct(host, state, scopes, yield* credentialFor(host, scopes)))
  })

  /** A valid token that is enough, got for the same repository: its credentials may be for that one alone. */
  const cached = (state: State, repository: string | undefined, wanted: ReadonlyArray<string>, now: number) => {
    for (const entry of state.tokens) {
      if (entry.token.renewAt <= now) state.tokens.delete(entry)
      else if (
        entry.repository === repository && entry.issuer.realm === state.issuer.realm &&
        entry.issuer.service === state.issuer.service &&
        (Scopes.covers(entry.token.scopes, wanted) || entry.wanted.join(" ") === wanted.join(" "))
      ) {
        return entry
      }
    }
    return undefined
  }

  const fetched = (
    host: Host,
    state: State,
    wanted: ReadonlyArray<string>,
    repository: string | undefined,
    credential: Option.Option<Credential>
  ): Effect.Effect<Cached, RegistryError> => {
    const issuer = state.issuer
    const key = JSON.stringify([issuer.realm, issuer.service, repository, wanted])
    const load = Effect.map(
      fetchToken({ host, issuer, scopes: wanted, repository, credential }),
      (token): Cached => {
        const entry = { token, issuer, wanted, repository, credentials: credentials.describe(credential) }
        state.tokens.add(entry)
        return entry
      }
    )
    const join = Effect.suspend(() => {
      const running = state.flights.get(key)
      if (running !== undefined) {
        running.waiting++
        return Effect.succeed(running)
      }
      // In a fiber of its own: the request that was first may be interrupted while others wait for the same token.
      let flight: Flight | undefined = undefined
      const result = Deferred.unsafeMake<Cached, RegistryError>(FiberId.none)
      return load.pipe(
        Effect.interruptible,
        Effect.exit,
        Effect.flatMap((exit) =>
          Effect.zipRight(
            Effect.sync(() => {
              if (state.flights.get(key) === flight) state.flights.delete(key)
            }),
            Deferred.done(result, exit)
          )
        ),
        Effect.forkDaemon,
        Effect.map((fiber) => {
          flight = { fiber, result, waiting: 1 }
          state.flights.set(key, flight)
          return flight
        })
      )
    })
    return Effect.acquireUseRelease(
      join,
      (joined) => Deferred.await(joined.result),
      (joined, exit) =>
        Effect.suspend(() => {
          joined.waiting--
          if (joined.waiting > 0 || Exit.isSuccess(exit) || !Cause.isInterrupted(exit.cause)) return Effect.void
          if (state.flights.get(key) === joined) state.flights.delete(key)
          return Fiber.interruptFork(joined.fiber)
        })
    )
  }

  const bearer = Effect.fnUntraced(function*(
    host: Host,
    state: State,
    scopes: ReadonlyArray<string>,
    wanted: ReadonlyArray<string>
  ): Effect.fn.Return<Authorization, RegistryError> {
    const configured = state.direct.get(scopes.join(" "))
    if (configured !== undefined) return configured
    const repository = Scopes.repository(scopes)
    const hit = cached(state, repository, wanted, yield* Clock.currentTimeMillis)
    if (hit !== undefined) return ofToken(hit)
    const credential = yield* credentialFor(host, scopes)
    if (Option.isSome(credential) && credential.value._tag === "Bearer") {
      return yield* direct(host, state, scopes, credential)
    }
    return ofToken(yield* fetched(host, state, wanted, repository, credential))
  })

  const current = (host: Host, state: State, scopes: ReadonlyArray<string>, wanted: ReadonlyArray<string>) =>
    state.scheme === "basic" ? basic(host, state, scopes) : bearer(host, state, scopes, wanted)

  const learn = (host: Host, challenge: Challenge.Challenge): State => {
    const scheme = challenge.scheme === "bearer" ? "bearer" : "basic"
    const issuer = {
      realm: Challenge.parameter(challenge, "realm") ?? "",
      service: Challenge.parameter(challenge, "service")
    }
    const known = states.get(host.registry)
    if (known !== undefined) {
      if (known.scheme !== scheme) known.direct.clear()
      known.scheme = scheme
      known.issuer = issuer
      return known
    }
    const state: State = { scheme, issuer, direct: new Map(), tokens: new Set(), flights: new Map() }
    states.set(host.registry, state)
    return state
  }

  return {
    isKnown: (host) => states.has(host.registry),
    authorize: (host, scopes) =>
      Effect.suspend(() => {
        const state = states.get(host.registry)
        return state === undefined ? Effect.succeed(none) : current(host, state, scopes, Scopes.union(scopes))
      }),
    renew: Effect.fnUntraced(function*(host, scopes, refused, header) {
      const challenge = header === undefined ? undefined : Challenge.select(Challenge.parse(header))
      const state = challenge === undefined ? states.get(host.registry) : learn(host, challenge)
      if (state === undefined) return undefined
      if (refused.token !== undefined) state.tokens.delete(refused.token)
      // Only what was refused: another request may have put newer credentials there.
      if (state.direct.get(scopes.join(" ")) === refused) state.direct.delete(scopes.join(" "))
      const more = challenge === undefined ? undefined : Challenge.parameter(challenge, "scope")
      // What we know to need and what the registry says it wants.
      const wanted = Scopes.union(scopes, more === undefined ? [] : [more])
      const next = yield* current(host, state, scopes, wanted)
      // The same credentials again are pointless; a new token is not, even from a token server that repeats itself.
      const same = next.header === undefined ||
        (next.token === undefined && refused.header !== undefined &&
          Redacted.value(next.header) === Redacted.value(refused.header))
      return same ? undefined : next
    })
  }
}
