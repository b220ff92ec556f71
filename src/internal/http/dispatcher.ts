/**
 * undici's connections as requests to registries need them: names are looked up and judged when a connection is made, and
 * a query is sent as it is written. Only for Node's layer: `undici` comes with an optional peer.
 *
 * @internal
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Dns from "node:dns"
import type { LookupFunction } from "node:net"
import { isInternal } from "./address.js"
import { CurrentPrincipal, mayLeadInside, type Places, type Principal } from "./principal.js"
import { queryOf } from "./url.js"

/** How names are looked up, and which addresses are not on the public network. */
export interface Names {
  readonly lookup: (
    hostname: string,
    options: Dns.LookupAllOptions,
    callback: (error: NodeJS.ErrnoException | null, addresses: Array<Dns.LookupAddress>) => void
  ) => void
  readonly isInternal: (address: string) => boolean
}

/**
 * For tests: a DNS of their own.
 *
 * @internal
 */
export class CurrentNames extends Context.Reference<CurrentNames>()("effect-oci/internal/CurrentNames", {
  defaultValue: (): Names => ({ lookup: Dns.lookup, isInternal })
}) {}

/** Its code is known to `failure.ts`. */
const refused = (hostname: string): Error =>
  Object.assign(new Error(`${hostname} leads to an internal address`), { code: "ERR_INTERNAL_ADDRESS" })

/**
 * A look-up for `net.connect`, which connects to what it is given and looks nothing up again: what is judged is what is
 * connected to, whatever the name stands for a moment later.
 */
const judging = (
  names: Names,
  judge: (hostname: string, addresses: Array<Dns.LookupAddress>) => Array<Dns.LookupAddress>
): LookupFunction =>
(hostname, options, callback) =>
  names.lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, [])
    const usable = judge(hostname, addresses)
    const [first] = usable
    if (first === undefined) return callback(refused(hostname), [])
    return options.all === true ? callback(null, usable) : callback(null, first.address, first.family)
  })

/** What undici is handed with a request, beside its own options. */
const route = Symbol("effect-oci/internal/route")

interface Route {
  readonly principal: Principal
  /** As it is written. */
  readonly query: string
}

/**
 * Two pools that share no connection. `open` goes anywhere, and notes where names lead. `guarded` refuses internal
 * addresses; what a registry on the public network leads to goes through it, so that no such request gets hold of a
 * connection that another one was allowed to make.
 */
class Routes extends Undici.Dispatcher {
  constructor(
    readonly open: Undici.Dispatcher,
    readonly guarded: Undici.Dispatcher,
    readonly names: Names,
    readonly places: Places
  ) {
    super()
  }

  override dispatch(options: Undici.Dispatcher.DispatchOptions, handler: Undici.Dispatcher.DispatchHandler): boolean {
    const { [route]: routed, ...own } = options as Undici.Dispatcher.DispatchOptions & { readonly [route]?: Route }
    if (routed === undefined) return this.open.dispatch(own, handler)
    const { principal, query } = routed
    const { origin = "", path } = own
    own.path = `${path.slice(0, path.length - queryOf(path).length)}${query}`
    if (origin === principal.origin) {
      principal.places = this.places
      return this.open.dispatch(own, handler)
    }
    if (mayLeadInside(principal)) return this.open.dispatch(own, handler)
    // An address is not looked up.
    const { hostname } = new URL(origin)
    if (this.names.isInternal(hostname)) throw refused(hostname)
    return this.guarded.dispatch(own, handler)
  }
}

/**
 * A client over two dispatchers that `connect` makes of how names are to be looked up; both are destroyed with the scope.
 *
 * @internal
 */
export const makeClient = <E>(
  connect: (lookup: LookupFunction) => Effect.Effect<Undici.Dispatcher, E>
): Effect.Effect<HttpClient.HttpClient, E, Scope.Scope> =>
  Effect.gen(function*() {
    const names = yield* CurrentNames
    /**
     * Whether all addresses that a name has ever led to are internal. One on the public network is not forgotten: whoever
     * answers from there may let the name lead inside for the next connection, and must not gain by it.
     */
    const inside = new Map<string, boolean>()
    const places: Places = { isInside: (hostname) => inside.get(hostname) === true }
    const noting = judging(names, (hostname, addresses) => {
      const isInside = addresses.every(({ address }) => names.isInternal(address))
      inside.set(hostname, isInside && inside.get(hostname) !== false)
      return addresses
    })
    const refusing = judging(names, (_, addresses) => addresses.filter(({ address }) => !names.isInternal(address)))
    const scoped = (lookup: LookupFunction) =>
      Effect.acquireRelease(connect(lookup), (dispatcher) => Effect.promise(() => dispatcher.destroy()))
    const routes = new Routes(yield* scoped(noting), yield* scoped(refusing), names, places)
    return HttpClient.transform(NodeHttpClient.makeUndici(routes), (effect, request) =>
      Effect.mapInputContext(effect, (context: Context.Context<never>) => {
        const principal = Context.get(context, CurrentPrincipal)
        const given = Context.getOption(context, NodeHttpClient.UndiciRequestOptions)
        return Context.add(context, NodeHttpClient.UndiciRequestOptions, {
          // undici closes the connection after a HEAD unless told otherwise, and most requests of a copy are HEADs.
          reset: false,
          ...Option.getOrUndefined(given),
          ...(principal === undefined ? {} : { [route]: { principal, query: queryOf(request.url) } })
        } as Undici.Dispatcher.RequestOptions)
      }))
  })
