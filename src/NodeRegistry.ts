/**
 * Everything a program on Node needs to talk to registries, in one import: an `HttpClient` over undici, set up the way
 * registries want it, and a `RegistryClient` on top. Needs the optional peer `@effect/platform-node`.
 *
 * @since 0.1.0
 */
import * as Undici from "@effect/platform-node/Undici"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { X509Certificate } from "node:crypto"
import * as Tls from "node:tls"
import * as Credentials from "./Credentials.js"
import * as Dispatcher from "./internal/http/dispatcher.js"
import * as RegistryClient from "./RegistryClient.js"
import type * as RegistryConfig from "./RegistryConfig.js"
import { InvalidInput } from "./RegistryError.js"

/**
 * How connections are made.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpOptions {
  /**
   * Most connections to one origin at a time; more requests wait. 64 by default. An origin that is a registry and that a
   * public registry leads to as well has as many again for the latter. A copy within one registry holds two for
   * each blob on its way, so keep it above twice the concurrency of all copies that run together.
   */
  readonly connections?: number | undefined
  /** Certificates of authorities in PEM, trusted beside those that Node trusts by itself. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /**
   * `true`, the default: the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (or their lower-case forms) name, if
   * any. `false`: none, whatever the environment says. A URL: that proxy. `localhost`, `127.0.0.1` and `[::1]` are never
   * reached by proxy.
   */
  readonly proxy?: boolean | string | Redacted.Redacted | undefined
}

/**
 * An `HttpClient` over pools of connections of its own, closed with the layer. It follows no redirects, decodes no bodies
 * and adds no headers, and a `HEAD` leaves its connection open. For a `RegistryClient` it sends queries byte for byte as
 * the registry gave them, and refuses names that lead from a public registry to an internal address
 * (`RegistryConfig.HostOptions.allowPrivate`). Through a proxy no name is looked up.
 *
 * Fails with `InvalidInput` for a number of connections, a certificate or a proxy URL that can never work.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttp = (options: HttpOptions = {}): Layer.Layer<HttpClient.HttpClient, InvalidInput> =>
  Layer.scoped(HttpClient.HttpClient, makeClient(options))

/**
 * What `layer` takes: the settings of `RegistryClient`, how connections are made, and whose credentials are used.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<E = never, R = never> extends RegistryConfig.Options {
  readonly http?: HttpOptions | undefined
  /** `Credentials.layerAnonymous` by default. */
  readonly credentials?: Layer.Layer<Credentials.Credentials, E, R> | undefined
}

/**
 * A `RegistryClient` that is ready to run, without anything to provide.
 *
 * Fails with `InvalidInput` for options that can never work, and as the credentials' layer does.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import * as NodeRegistry from "effect-oci/NodeRegistry"
 * import * as RegistryClient from "effect-oci/RegistryClient"
 * import * as Effect from "effect/Effect"
 *
 * const program = RegistryClient.getDigest("docker.io/library/alpine:3.20").pipe(
 *   Effect.provide(NodeRegistry.layer())
 * )
 * ```
 */
export const layer = <E = never, R = never>(
  { credentials, http, ...config }: Options<E, R> = {}
): Layer.Layer<RegistryClient.RegistryClient, InvalidInput | E, R> =>
  RegistryClient.layer(config).pipe(
    Layer.provide(layerHttp(http)),
    Layer.provide(credentials ?? Credentials.layerAnonymous)
  )

const makeClient = Effect.fnUntraced(function*({ ca, connections = 64, proxy = true }: HttpOptions) {
  if (!Number.isInteger(connections) || connections < 1) {
    return yield* new InvalidInput({ field: "connections", reason: "it must be a whole number above 0" })
  }
  const trusted = ca === undefined ? undefined : yield* certificates(typeof ca === "string" ? [ca] : ca)
  const tls = trusted === undefined ? {} : { ca: trusted }
  return yield* Dispatcher.makeClient((lookup) =>
    Effect.try({
      try: (): Undici.Dispatcher => {
        // Of direct connections alone: a proxy looks names up by itself.
        const pool = { connections, connect: { ...tls, lookup } }
        if (proxy === false) return new Undici.Agent(pool)
        const url = proxy === true ? undefined : Redacted.isRedacted(proxy) ? Redacted.value(proxy) : proxy
        const uri = url === undefined ? {} : { httpProxy: url, httpsProxy: url }
        return new Undici.EnvHttpProxyAgent({ ...pool, ...uri, requestTls: tls, proxyTls: tls, noProxy: noProxy() })
      },
      // Not undici's own words: they quote the URL, which may hold a password.
      catch: () => new InvalidInput({ field: "proxy", reason: "the proxy's URL is not valid" })
    })
  )
})

/** A proxy cannot reach this machine's loopback. Go's clients leave it out by themselves; undici must be told. */
const noProxy = (): string => {
  const named = process.env.no_proxy ?? process.env.NO_PROXY ?? ""
  return named.trim() === "*" ? "*" : `${named},localhost,127.0.0.1,[::1]`
}

/** A `ca` given to Node replaces the authorities it trusts, so those must be in the list as well. */
const certificates = (ca: ReadonlyArray<string>): Effect.Effect<Array<string>, InvalidInput> =>
  Effect.try({
    try: () => {
      // Node passes over what it cannot read in a list of authorities; a certificate read by itself is checked.
      for (const pem of ca) new X509Certificate(pem)
      return [...systemCertificates(), ...ca]
    },
    catch: () => new InvalidInput({ field: "ca", reason: "it is not a certificate in PEM" })
  })

/** Those of NODE_EXTRA_CA_CERTS and of the system too, where Node can tell (22.15 and later). */
const systemCertificates = (): ReadonlyArray<string> => {
  const tls: typeof Tls & { readonly getCACertificates?: () => ReadonlyArray<string> } = Tls
  return tls.getCACertificates?.() ?? Tls.rootCertificates
}
