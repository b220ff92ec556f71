/**
 * Who we are to a registry: its challenge, and tokens for what is wanted of it. There is no ping: the first request
 * takes the 401, and its challenge is remembered.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
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
import * as ScopeIndex from "./scopeIndex.js"
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
  credentials: credentials.describe(token.credential),
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
  /** Remembers the registry's challenge. */
  readonly learn: (host: Host, header: string) => void
  /** Whether a challenge of the registry is known. */
  readonly isKnown: (host: Host) => boolean
}

/** For what a token is got, and as whom. */
interface Purpose {
  readonly issuer: Issuer
  /** What it is wanted for; more than its scopes when the token server refuses to give it all. */
  readonly wanted: ReadonlyArray<string>
  readonly repository: string | undefined
  readonly credential: Option.Option<Credential>
}

/** A token with what it was got for. */
interface Cached extends Purpose {
  readonly token: Token
  /** Repositories for which the store has the very same credential. */
  readonly repositories: Set<string | undefined>
}

interface Flight extends Purpose {
  readonly result: Deferred.Deferred<Cached, RegistryError>
  fiber: Fiber.RuntimeFiber<unknown> | undefined
  waiting: number
}

const isFor = (a: Purpose, b: Purpose): boolean =>
  a.repository === b.repository && a.wanted.join(" ") === b.wanted.join(" ")

/** From one token server, to one user. */
const isAlike = (a: Purpose, b: Purpose): boolean =>
  a.issuer.realm === b.issuer.realm && a.issuer.service === b.issuer.service &&
  credentials.isSame(a.credential, b.credential)

/** Whether another repository's own scopes may be granted where one's are refused. */
const isAboutRights = (error: RegistryError, { credential }: Purpose): boolean =>
  error._tag === "Denied" || error._tag === "CredentialsError" ||
  // A 401 to credentials is about these (distribution, "Token Authentication Specification").
  (error._tag === "Unauthorized" && Option.isNone(credential))

/** What is known of one registry. */
interface State {
  scheme: "basic" | "bearer"
  issuer: Issuer
  /** What goes without a token, by what it is wanted for: a store may run a program each time that it is asked. */
  readonly direct: Map<string, Authorization>
  readonly tokens: ScopeIndex.ScopeIndex<Cached>
  readonly flights: ScopeIndex.ScopeIndex<Flight>
  /** With how many tokens to look for those that have expired and that nobody has asked for since. */
  sweepAt: number
}

const fewTokens = 64

const tokens = () => ScopeIndex.make<Cached>(({ token }) => token.scopes)
const flights = () => ScopeIndex.make<Flight>(({ wanted }) => wanted)

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

  /** The first of some tokens that is valid still and is what is looked for. */
  const find = (
    state: State,
    tokens: Iterable<Cached>,
    now: number,
    is: (entry: Cached) => boolean
  ): Cached | undefined => {
    for (const entry of tokens) {
      if (entry.token.renewAt <= now) state.tokens.remove(entry)
      else if (is(entry)) return entry
    }
    return undefined
  }

  /** Now and then, so that it costs nothing to speak of, all that have expired are dropped. */
  const keep = (state: State, entry: Cached, now: number): void => {
    state.tokens.add(entry)
    if (state.tokens.all.size < state.sweepAt) return
    find(state, state.tokens.all, now, () => false)
    state.sweepAt = Math.max(fewTokens, 2 * state.tokens.all.size)
  }

  /** Begins to get a token, in a fiber of its own: who is first may be interrupted while others wait for the same. */
  const depart = (host: Host, state: State, purpose: Purpose, now: number): Effect.Effect<Flight> => {
    const { credential, issuer, repository, wanted } = purpose
    const flight: Flight = { ...purpose, result: Deferred.unsafeMake(FiberId.none), fiber: undefined, waiting: 1 }
    state.flights.add(flight)
    // What was refused for all of it to one of the repositories need not be asked for by the next.
    const isRefused = undefined !== find(
      state,
      state.tokens.wanting(wanted),
      now,
      (entry) => isAlike(entry, purpose) && !Scopes.covers(entry.token.scopes, wanted)
    )
    const scopes = isRefused && repository !== undefined ? Scopes.ofRepository(wanted, repository) : wanted
    return fetchToken({ host, issuer, scopes, repository, credential }).pipe(
      Effect.map((token): Cached => {
        const entry = { ...purpose, token, repositories: new Set([repository]) }
        keep(state, entry, now)
        return entry
      }),
      Effect.interruptible,
      Effect.exit,
      Effect.flatMap((exit) => {
        state.flights.remove(flight)
        return Deferred.done(flight.result, exit)
      }),
      Effect.forkDaemon,
      Effect.map((fiber) => {
        flight.fiber = fiber
        return flight
      })
    )
  }

  /** A new token, or the one that is on its way already: for another repository too, when `isShared`. */
  const fetched = (
    host: Host,
    state: State,
    purpose: Purpose,
    now: number,
    isShared = true
  ): Effect.Effect<Cached, RegistryError> => {
    const join = Effect.suspend(() => {
      for (const flight of state.flights.covering(purpose.wanted)) {
        if (isAlike(flight, purpose) && (isShared || isFor(flight, purpose))) {
          flight.waiting++
          return Effect.succeed(flight)
        }
      }
      return depart(host, state, purpose, now)
    })
    return Effect.acquireUseRelease(
      join,
      (flight) => Effect.map(Effect.either(Deferred.await(flight.result)), (result) => ({ flight, result })),
      (flight, exit) =>
        Effect.suspend(() => {
          flight.waiting--
          if (flight.waiting > 0 || Exit.isSuccess(exit) || flight.fiber === undefined) return Effect.void
          state.flights.remove(flight)
          return Fiber.interruptFork(flight.fiber)
        })
    ).pipe(Effect.flatMap(({ flight, result }) => {
      if (isFor(flight, purpose)) return result
      const alone = fetched(host, state, purpose, now, false)
      if (Either.isLeft(result)) return isAboutRights(result.left, purpose) ? alone : result
      // The token server may have granted the other repository its own scopes alone.
      if (!Scopes.covers(result.right.token.scopes, purpose.wanted)) return alone
      result.right.repositories.add(purpose.repository)
      return result
    }))
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
    const now = yield* Clock.currentTimeMillis
    const { issuer } = state
    const enough = () => state.tokens.covering(wanted)
    const isFrom = (entry: Cached): boolean =>
      entry.issuer.realm === issuer.realm && entry.issuer.service === issuer.service
    const own = find(state, enough(), now, (entry) => isFrom(entry) && entry.repositories.has(repository)) ??
      // That is all that the token server would give for this.
      find(state, state.tokens.wanting(wanted), now, (entry) => isFrom(entry) && entry.repository === repository)
    if (own !== undefined) return ofToken(own)
    const credential = yield* credentialFor(host, scopes)
    if (Option.isSome(credential) && credential.value._tag === "Bearer") {
      return yield* direct(host, state, scopes, credential)
    }
    // A token of another repository serves this one as well when it was got with the same credential.
    const purpose: Purpose = { issuer, wanted, repository, credential }
    const other = find(state, enough(), now, (entry) => isAlike(entry, purpose))
    if (other !== undefined) {
      other.repositories.add(repository)
      return ofToken(other)
    }
    return ofToken(yield* fetched(host, state, purpose, now))
  })

  /** Drops a token that the registry does not take any more, and older ones that would take its place. */
  const forget = (state: State, refused: Cached): void => {
    if (!state.tokens.all.has(refused)) return
    for (const entry of state.tokens.covering(refused.token.scopes)) {
      if (isAlike(entry, refused)) state.tokens.remove(entry)
      if (entry === refused) return
    }
  }

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
    const state: State = { scheme, issuer, direct: new Map(), tokens: tokens(), flights: flights(), sweepAt: fewTokens }
    states.set(host.registry, state)
    return state
  }

  return {
    learn: (host, header) => {
      const challenge = Challenge.select(Challenge.parse(header))
      if (challenge !== undefined) learn(host, challenge)
    },
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
      if (refused.token !== undefined) forget(state, refused.token)
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
