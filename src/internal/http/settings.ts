/**
 * `RegistryConfig.Options`, checked, with the defaults in their places.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as RegistryConfig from "../../RegistryConfig.js"
import { InvalidInput } from "../../RegistryError.js"
import { defaultIdleTimeout, defaultListTime, defaultMinRate, defaultPages, defaultRetries } from "../limits.js"
import { version } from "../version.js"
import { canonical, type Host, isHeaderValue, make as makeHost } from "./host.js"
import type { Limits } from "./pace.js"
import { defaultSchedule, type Policy } from "./retry.js"

/** @internal */
export interface Settings {
  readonly limits: Limits
  readonly policy: Policy
  readonly userAgent: string
  /** By name of the registry. */
  readonly hosts: ReadonlyMap<string, Host>
}

const invalid = (field: string, reason: string) => Effect.fail(new InvalidInput({ field, reason }))

const duration = (
  field: string,
  input: Duration.DurationInput | undefined,
  otherwise: Duration.Duration
): Effect.Effect<Duration.Duration, InvalidInput> => {
  if (input === undefined) return Effect.succeed(otherwise)
  return Option.match(Duration.decodeUnknown(input), {
    onNone: () => invalid(field, "it is not a duration"),
    onSome: (decoded) =>
      Duration.toMillis(decoded) > 0 ? Effect.succeed(decoded) : invalid(field, "it must be longer than nothing")
  })
}

const checkHost = Effect.fnUntraced(function*(registry: string, options: RegistryConfig.HostOptions) {
  const { blobCheck, chunkSize, concurrency } = options
  yield* bytes(`chunkSize of ${registry}`, chunkSize)
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency > 0)) {
    return yield* invalid(`concurrency of ${registry}`, `${concurrency} is not a whole number above 0`)
  }
  if (blobCheck !== undefined && blobCheck !== "head" && blobCheck !== "mount") {
    return yield* invalid(`blobCheck of ${registry}`, "it is neither head nor mount")
  }
})

const bytes = (field: string, size: number | undefined): Effect.Effect<void, InvalidInput> =>
  size === undefined || (Number.isSafeInteger(size) && size > 0)
    ? Effect.void
    : invalid(field, `${size} is not a number of bytes above 0`)

/** @internal */
export const make = Effect.fnUntraced(function*(
  options: RegistryConfig.Options
): Effect.fn.Return<Settings, InvalidInput> {
  const idle = yield* duration("idleTimeout", options.idleTimeout, defaultIdleTimeout)
  const maxRetryAfter = yield* duration("maxRetryAfter", options.maxRetryAfter, Duration.seconds(60))
  const retries = options.retries ?? defaultRetries
  if (!Number.isSafeInteger(retries) || retries < 0) {
    return yield* invalid("retries", `${retries} is not a whole number of tries`)
  }
  yield* bytes("maxManifestSize", options.maxManifestSize)
  yield* duration("maxListTime", options.maxListTime, defaultListTime)
  const { maxPages = defaultPages } = options
  if (!Number.isSafeInteger(maxPages) || maxPages <= 0) {
    return yield* invalid("maxPages", `${maxPages} is not a whole number above 0`)
  }
  yield* bytes("minRate", options.minRate)
  const agent = options.userAgent ?? `effect-oci/${version}`
  if (agent.trim() === "" || !isHeaderValue(agent)) return yield* invalid("userAgent", "it cannot be sent")
  const hosts = new Map<string, Host>()
  for (const [name, value] of Object.entries(options.hosts ?? {})) {
    const registry = canonical(name)
    if (hosts.has(registry)) return yield* invalid("hosts", `${registry} is there twice`)
    yield* checkHost(registry, value)
    hosts.set(registry, yield* makeHost(name, value))
  }
  return {
    limits: { idle, rate: options.minRate ?? defaultMinRate },
    policy: {
      schedule: options.retry ?? defaultSchedule(retries),
      maxRetryAfter,
      onRetry: options.onRetry ?? (() => Effect.void)
    },
    userAgent: agent,
    hosts
  }
})
