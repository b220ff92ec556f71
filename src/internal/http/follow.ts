/**
 * A request with its redirects.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { drain } from "./body.js"
import { failure } from "./failure.js"
import { distrust, type Host } from "./host.js"
import { CurrentPrincipal } from "./principal.js"
import { type Failed, final } from "./retry.js"
import type { Hide } from "./secrets.js"
import type { Answer, Outgoing, Send } from "./send.js"
import { resolve, withoutFragment } from "./url.js"

/** @internal */
export interface Journey<E> extends Omit<Outgoing<E>, "registry"> {
  readonly host: Host
  /** The origin that `own` is for. */
  readonly origin: string
  /** Headers for the origin only, credentials above all; taken off for good when a redirect leaves it. */
  readonly own: Readonly<Record<string, string>>
  readonly accept: ReadonlyArray<number>
  /** A redirect that leaves the origin fails (`Refuse`: the body is a secret) or is the last answer (`End`). */
  readonly stay?: "Refuse" | "End" | undefined
  /** Fields of a form in the body, which are secret. */
  readonly form?: string | undefined
}

/** @internal */
export interface Arrival extends Answer {
  /** Where the answer came from. */
  readonly url: string
  /** The same, as errors, logs and spans may show it. */
  readonly shown: string
  /** Takes what was sent in confidence out of what the answer says. */
  readonly hide: Hide
  /** Whether the answer is from the origin that `own` is for, reached without leaving it. */
  readonly home: boolean
  /** Lets go of the connection, whatever is still under way on it: the body breaks off. */
  readonly abort: Effect.Effect<void>
}

const maxHops = 10
const redirects = new Set([301, 302, 303, 307, 308])

/**
 * What becomes of a connection: it stays open as long as a scope, is let go of at once, or comes to its end by itself.
 */
type Fate = Scope.Scope | "Close" | "Over"

/**
 * Runs an effect with a scope of its own. What is over is left as it is: closing the scope would abort a request that
 * has ended, which takes much of what it took to make it.
 */
const withOwnScope = <A, E, R>(
  effect: (scope: Scope.CloseableScope) => Effect.Effect<A, E, R>,
  fate: (result: A) => Fate
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.onExit(restore(effect(scope)), (exit) => {
        const next = Exit.isSuccess(exit) ? fate(exit.value) : "Close"
        if (next === "Over") return Effect.void
        return next === "Close"
          ? Scope.close(scope, exit)
          : Scope.addFinalizerExit(next, (exit) => Scope.close(scope, exit))
      }))
  )

interface Next {
  readonly to: string
  /** Its origin. */
  readonly origin: string
  readonly getInstead: boolean
}

/** Where an answer leads, undefined when it is the last one. */
const next = <E>(journey: Journey<E>, arrival: Arrival): Effect.Effect<Next | undefined, Failed> => {
  const { headers, hide, shown, status, url } = arrival
  const location = headers["location"]
  if (!redirects.has(status) || journey.accept.includes(status) || location === undefined) {
    return Effect.succeed(undefined)
  }
  const refuse = (why: string) => Effect.fail(final(failure(journey.method, shown, "Redirect", why)))
  const to = resolve(location, url)
  if (to === undefined) return refuse("the address that it redirects to is malformed")
  const target = new URL(to)
  const { origin } = target
  if (origin !== new URL(url).origin) {
    const why = distrust(journey.host, url, target)
    if (journey.stay === "End" && origin !== journey.origin) return Effect.succeed(undefined)
    if (journey.stay === "Refuse" && origin !== journey.origin) {
      return refuse("it redirects a secret to another origin")
    }
    if (why !== undefined) return refuse(hide(`it redirects to ${origin}: ${why}`))
  }
  const reads = journey.method === "GET" || journey.method === "HEAD"
  if (status === 303) return Effect.succeed({ to, origin, getInstead: !reads })
  // What a 301 or 302 means for other methods differs from client to client; 307 and 308 keep method and body (RFC 9110
  // §15.4).
  if (!reads && status < 303) return refuse(`a ${journey.method} was redirected with ${status}`)
  return Effect.succeed({ to, origin, getInstead: false })
}

/**
 * Lets go of a redirect's connection, when what little it has of a body has been read. That goes on beside the next
 * request, for the body may never come, and ends with the fiber at the latest. Only when the request streams its own
 * body is it waited for, as the source has one reader at a time.
 */
const leave = <E>({ body, method }: Outgoing<E>, answer: Answer, close: Effect.Effect<void>): Effect.Effect<void> => {
  if (answer.isOver) return Effect.void
  const cleared = Effect.ensuring(Effect.interruptible(drain(method, answer.headers, answer.response.stream)), close)
  // A fiber begins as uninterruptible as its parent: one that is interrupted before it begins closes nothing.
  return body?._tag === "Stream" ? cleared : Effect.asVoid(Effect.uninterruptible(Effect.fork(cleared)))
}

/**
 * Sends the request, follows up to ten redirects, and hands the answer on, with the scope of its connection. That stays
 * open as long as the scope that `keep` gives for what comes of the answer; without one it is let go of.
 *
 * @internal
 */
export const follow = <E, A>(
  send: Send,
  journey: Journey<E>,
  arrived: (arrival: Arrival, scope: Scope.Scope) => Effect.Effect<A, Failed<E>>,
  keep: (result: A) => Scope.Scope | undefined
): Effect.Effect<A, Failed<E>> => {
  type Step =
    | { readonly _tag: "End"; readonly result: A; readonly isOver: boolean }
    | ({ readonly _tag: "Onward" } & Next)
  const { publicHeaders, secrets } = journey.host
  const confided = Object.entries(journey.own).flatMap(([name, value]) => publicHeaders.has(name) ? [] : [value])
  const fate = (step: Step): Fate => step._tag === "Onward" || step.isOver ? "Over" : keep(step.result) ?? "Close"
  const hop = (
    outgoing: Outgoing<E>,
    home: boolean,
    count: number
  ): Effect.Effect<A, Failed<E>> =>
    Effect.gen(function*() {
      const headers = home ? { ...outgoing.headers, ...journey.own } : outgoing.headers
      const hide = secrets.sent({
        url: outgoing.url,
        headers: home ? confided : [],
        form: outgoing.body === undefined ? undefined : journey.form
      })
      const step = (scope: Scope.CloseableScope) =>
        Effect.flatMap(send({ ...outgoing, headers }, scope), (answer) => {
          const { shown, url } = outgoing
          const arrival: Arrival = { ...answer, url, shown, hide, home, abort: Scope.close(scope, Exit.void) }
          return Effect.flatMap(next(journey, arrival), (onward): Effect.Effect<Step, Failed<E>> =>
            onward === undefined
              ? Effect.map(arrived(arrival, scope), (result) => ({ _tag: "End", result, isOver: answer.isOver }))
              : Effect.as(leave(outgoing, answer, arrival.abort), { _tag: "Onward", ...onward }))
        })
      const onward = yield* withOwnScope(step, fate)
      if (onward._tag === "End") return onward.result
      if (count === maxHops) {
        const error = failure(outgoing.method, outgoing.shown, "Redirect", `more than ${maxHops} redirects`)
        return yield* Effect.fail(final(error))
      }
      const { getInstead, origin, to } = onward
      const then: Outgoing<E> = {
        registry: outgoing.registry,
        method: getInstead ? "GET" : outgoing.method,
        url: to,
        shown: secrets.shown(to, hide),
        headers: getInstead ? withoutContent(outgoing.headers) : outgoing.headers,
        body: getInstead ? undefined : outgoing.body,
        whole: outgoing.whole
      }
      return yield* hop(then, home && origin === journey.origin, count + 1)
    })
  const { body, headers, method, shown, whole } = journey
  const url = withoutFragment(journey.url)
  const registry = journey.host.registry
  return Effect.provideService(
    hop({ registry, method, url, shown, headers, body, whole }, new URL(url).origin === journey.origin, 0),
    CurrentPrincipal,
    journey.host.principal
  )
}

const withoutContent = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.toLowerCase().startsWith("content-")))
