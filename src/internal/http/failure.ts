/**
 * Failures of the platform's HTTP client as `TransportError`. The platform's own errors hold the request with its
 * credentials and the URL with its query, so nothing of them is kept but the kind of failure.
 *
 * @internal
 */
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as Predicate from "effect/Predicate"
import { TransportError } from "../../RegistryError.js"
import { redact } from "./url.js"

type Reason = Exclude<TransportError["reason"], "TooLarge">

const words: Readonly<Record<string, readonly [Reason, string]>> = {
  EAI_AGAIN: ["Connect", "the name could not be looked up"],
  EADDRNOTAVAIL: ["Connect", "no local address left to connect from"],
  ECONNABORTED: ["Reset", "the connection was aborted"],
  ECONNREFUSED: ["Connect", "connection refused"],
  ECONNRESET: ["Reset", "the connection was reset"],
  EHOSTDOWN: ["Connect", "the host is down"],
  EHOSTUNREACH: ["Connect", "no route to the host"],
  ENETDOWN: ["Connect", "the network is down"],
  ENETUNREACH: ["Connect", "the network cannot be reached"],
  ENOTFOUND: ["Connect", "the name does not exist"],
  EPIPE: ["Reset", "the connection was closed while sending"],
  EPROTO: ["Tls", "the TLS handshake failed; a registry without TLS needs plainHttp"],
  ERR_INTERNAL_ADDRESS: [
    "Redirect",
    "the name leads to an address that is not on the public network, but the registry is: allowPrivate permits it"
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: ["Tls", "the server does not speak TLS; a registry without TLS needs plainHttp"],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ["Tls", "the server does not speak TLS; a registry without TLS needs plainHttp"],
  ERR_TLS_CERT_ALTNAME_INVALID: ["Tls", "the certificate is for another name"],
  CERT_HAS_EXPIRED: ["Tls", "the certificate has expired"],
  CERT_NOT_YET_VALID: ["Tls", "the certificate is not valid yet"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["Tls", "the certificate is signed by itself, not by an authority that is trusted"],
  SELF_SIGNED_CERT_IN_CHAIN: ["Tls", "the certificate is signed by an authority that is not trusted"],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["Tls", "the certificate is signed by an authority that is not trusted"],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["Tls", "the certificate is signed by an authority that is not trusted"],
  ETIMEDOUT: ["Connect", "the connection timed out"],
  UND_ERR_CONNECT_TIMEOUT: ["Connect", "connecting took too long"],
  UND_ERR_HEADERS_OVERFLOW: ["Protocol", "the answer has too many headers"],
  UND_ERR_INVALID_ARG: ["Protocol", "the request could not be written"],
  UND_ERR_NOT_SUPPORTED: ["Protocol", "the request could not be written"],
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: ["Protocol", "the body sent is longer or shorter than its declared length"],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ["Reset", "the answer is shorter than its declared length"],
  UND_ERR_SOCKET: ["Reset", "the connection was closed by the other side"]
}

const classify = (code: string): readonly [Reason, string] | undefined => {
  if (Object.hasOwn(words, code)) return words[code]
  if (/^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH)/.test(code)) {
    return ["Tls", "the TLS connection could not be made"]
  }
  if (code.startsWith("HPE_")) return ["Protocol", "the answer is not HTTP"]
  return undefined
}

/** Codes of an error and of what it was caused by: fetch wraps, and Node tries several addresses of a host at once. */
const codes = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (depth > 6 || !Predicate.isObject(error)) return []
  const own = Predicate.hasProperty(error, "code") && typeof error.code === "string" ? [error.code] : []
  const cause = Predicate.hasProperty(error, "cause") ? codes(error.cause, depth + 1) : []
  const several = Predicate.hasProperty(error, "errors") && Array.isArray(error.errors)
    ? error.errors.slice(0, 8).flatMap((one) => codes(one, depth + 1))
    : []
  return [...own, ...cause, ...several]
}

/** @internal */
export const fromPlatform = (method: string, url: string, error: HttpClientError): TransportError => {
  const found = codes(error.cause)
  for (const code of found) {
    const known = classify(code)
    if (known !== undefined) return failure(method, url, known[0], `${known[1]} (${code})`)
  }
  if (error._tag === "RequestError" && error.reason !== "Transport") {
    return failure(method, url, "Protocol", "the request could not be written")
  }
  const code = found.find((text) => /^[A-Z][A-Z0-9_]{2,40}$/.test(text))
  const suffix = code === undefined ? "" : ` (${code})`
  return failure(
    method,
    url,
    "Reset",
    error._tag === "ResponseError" ? `the answer broke off${suffix}` : `the connection failed${suffix}`
  )
}

/** @internal */
export const failure = (
  method: string,
  url: string,
  reason: Reason,
  description: string
): TransportError => new TransportError({ method, url: redact(url), reason, description })

/**
 * The failure of a body that is larger than `limit`; `size` is what it announced, or what had come, in bytes.
 *
 * @internal
 */
export const tooLarge = (method: string, url: string, limit: number, size: number): TransportError =>
  new TransportError({
    method,
    url: redact(url),
    reason: "TooLarge",
    description: `the body is larger than ${limit} bytes`,
    size
  })

/**
 * The system's code for the failure, such as `ECONNREFUSED`.
 *
 * @internal
 */
export const codeOf = ({ description }: TransportError): string | undefined =>
  /\(([A-Z0-9_]+)\)$/.exec(description)?.[1]

/**
 * Whether another try can mend it. A bad certificate stays bad, and so does a name that does not exist.
 *
 * @internal
 */
export const isTransient = (error: TransportError): boolean => {
  switch (error.reason) {
    case "Reset":
    case "Timeout":
      return true
    case "Connect":
      return codeOf(error) !== "ENOTFOUND"
    default:
      return false
  }
}

/**
 * Whether the request cannot have reached the registry: no connection came about.
 *
 * @internal
 */
export const neverSent = (error: TransportError): boolean => error.reason === "Connect"
