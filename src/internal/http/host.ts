/**
 * A registry's name made into where its API is, with what was set for it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as RegistryConfig from "../../RegistryConfig.js"
import { InvalidInput } from "../../RegistryError.js"
import { mask } from "../reference.js"
import { isInternal, isLoopback } from "./address.js"
import { mayLeadInside, type Principal } from "./principal.js"
import * as Secrets from "./secrets.js"

/** @internal */
export interface Host {
  /** As references have it: `docker.io`, `localhost:5000`. */
  readonly registry: string
  /** Scheme and host of its API, without a slash at the end. Also what "its own origin" means. */
  readonly origin: string
  readonly secure: boolean
  /** The registry as the layer that makes connections sees it. */
  readonly principal: Principal
  /** Headers for its own origin only. Values may be secret. */
  readonly headers: Readonly<Record<string, string>>
  /** Names of those headers whose values are no secret. */
  readonly publicHeaders: ReadonlySet<string>
  /** What must not be shown of what it, or its token server, says. */
  readonly secrets: Secrets.Secrets
  /** How many bodies move from or to it at once. */
  readonly concurrency: number
}

/** Where nothing else is set. */
export const defaultConcurrency = 16

const dockerHub = "docker.io"
const dockerHubNames = new Set([dockerHub, "index.docker.io", "registry-1.docker.io"])
const label = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
const registryPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[A-Fa-f0-9:.]+\\])(?::[0-9]{1,5})?$`)
const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/
/** Headers that only the transport can set right. */
const reserved = new Set(["connection", "content-length", "host", "transfer-encoding", "accept-encoding", "upgrade"])

/**
 * One name for each registry: lower case, and `docker.io` for all names of Docker Hub.
 *
 * @internal
 */
export const canonical = (registry: string): string => {
  const name = registry.toLowerCase()
  return dockerHubNames.has(name) ? dockerHub : name
}

/**
 * Whether a name is one of a registry: a host, with a port or without.
 *
 * @internal
 */
export const isRegistry = (name: string): boolean => registryPattern.test(name) && URL.canParse(`https://${name}`)

const invalid = (field: string, reason: string) => Effect.fail(new InvalidInput({ field, reason }))

/**
 * Whether a value can be sent as a header.
 *
 * @internal
 */
export const isHeaderValue = (value: string): boolean => headerValue.test(value)

const secretName = /auth|cookie|credential|key|passw|secret|session|signature|token/i
const isHostName = (value: string): boolean => value.includes(".") && !/[A-Z]/.test(value) && isRegistry(value)

/** Whether a value looks like one that was made at random. */
const isRandom = (value: string): boolean =>
  !isHostName(value) &&
  (value.match(/[A-Za-z0-9]{16,}/g) ?? []).some((run) =>
    [/[a-z]/, /[A-Z]/, /[0-9]/].filter((kind) => kind.test(run)).length > 1
  )

const readHeaders = Effect.fnUntraced(function*(registry: string, options: RegistryConfig.HostOptions | undefined) {
  const headers: Record<string, string> = {}
  const publicHeaders = new Set<string>()
  for (const [name, value] of Object.entries(options?.headers ?? {})) {
    const field = `headers of ${registry}`
    const text = Redacted.isRedacted(value) ? Redacted.value(value) : value
    if (!headerName.test(name) || name === "__proto__") {
      return yield* invalid(field, `${JSON.stringify(name)} is not a header name`)
    }
    if (reserved.has(name.toLowerCase())) return yield* invalid(field, `${name} cannot be set`)
    if (typeof text !== "string" || !isHeaderValue(text)) {
      return yield* invalid(field, `the value of ${name} holds a character that a header cannot have`)
    }
    const key = name.toLowerCase()
    headers[key] = text
    if (Redacted.isRedacted(value) || secretName.test(name) || isRandom(text)) publicHeaders.delete(key)
    else publicHeaders.add(key)
  }
  return { headers, publicHeaders }
})

/**
 * Where the registry is. Plain http by default only where nothing leaves this machine.
 *
 * @internal
 */
export const make = Effect.fnUntraced(function*(
  name: string,
  options: RegistryConfig.HostOptions | undefined
): Effect.fn.Return<Host, InvalidInput> {
  const registry = canonical(name)
  const address = registry === dockerHub ? "registry-1.docker.io" : registry
  if (!isRegistry(registry)) {
    return yield* invalid("registry", `${JSON.stringify(mask(name).shown)} is not a host name with an optional port`)
  }
  const { hostname } = new URL(`https://${address}`)
  const plain = options?.plainHttp ?? isLoopback(hostname)
  const { headers, publicHeaders } = yield* readHeaders(registry, options)
  const { origin } = new URL(`${plain ? "http" : "https"}://${address}`)
  return {
    registry,
    origin,
    secure: !plain,
    principal: { origin, hostname, allowPrivate: options?.allowPrivate, places: undefined },
    headers,
    publicHeaders,
    secrets: Secrets.make(origin),
    concurrency: options?.concurrency ?? defaultConcurrency
  }
})

/**
 * Why an address that the registry gave must not be asked, in words; undefined when it may. `from` is where it was
 * found. The rule holds for realms, redirects and `Location` alike: no scheme but http and https, never from https to
 * http, and not from a public registry to an internal address. Names are judged when a connection is made, by a layer
 * that looks them up. A `Link` does not leave its origin at all.
 *
 * @internal
 */
export const distrust = (host: Host, from: string, to: URL): string | undefined => {
  if (to.protocol !== "https:" && to.protocol !== "http:") return `${to.protocol} is neither http nor https`
  if (to.protocol === "http:" && (host.secure || from.startsWith("https:"))) {
    return "plain http after https is not allowed"
  }
  if (to.origin !== host.origin && isInternal(to.hostname) && !mayLeadInside(host.principal)) {
    return `${to.hostname} is not on the public network, but the registry is: allowPrivate permits it`
  }
  return undefined
}
