/**
 * The clients of the command, from what the command line says about hosts and users.
 *
 * @internal
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Credentials from "../Credentials.js"
import { defaultSchedule } from "../internal/http/retry.js"
import { defaultRetries } from "../internal/limits.js"
import * as NodeRegistry from "../NodeRegistry.js"
import * as RegistryClient from "../RegistryClient.js"
import type * as RegistryConfig from "../RegistryConfig.js"
import { UsageError } from "./failure.js"
import * as inputs from "./inputs.js"
import type { Login } from "./options.js"

type Basic = Extract<Credentials.Credential, { readonly _tag: "Basic" }>

/** Registries, and who is to read or write them. */
export interface Side {
  readonly registries: ReadonlyArray<string>
  readonly login: Login
  readonly user: Option.Option<string>
}

/**
 * The credential of one side. The password comes from the environment alone: a command line can be read by everybody on
 * the machine and stays in the shell's history.
 */
const credential = Effect.fnUntraced(function*({ login, registries, user }: Side) {
  if (Option.isNone(user)) return Option.none<Basic>()
  const { option, variable } = login
  if (user.value.includes(":")) {
    return yield* new UsageError({
      message: `--${option} takes a user name alone, without a password: put that into the environment variable ` +
        `${variable}. If what you wrote was a password, change it: others may have seen it on the command line.`
    })
  }
  if (user.value === "") return yield* new UsageError({ message: `--${option} needs a user name` })
  const names = new Set(registries)
  if (names.size > 1) {
    return yield* new UsageError({
      message: `--${option} is for one registry, and there are several here: ${[...names].join(", ")}`
    })
  }
  const password = yield* Config.option(Config.redacted(variable)).pipe(
    Effect.orElseSucceed(() => Option.none<Redacted.Redacted>()),
    Effect.map(Option.filter((value) => Redacted.value(value) !== ""))
  )
  if (Option.isNone(password)) {
    return yield* new UsageError({
      message: `--${option} was given, but the environment variable ${variable} with the password is not set`
    })
  }
  return Option.some<Basic>({ _tag: "Basic", username: user.value, password: password.value })
})

const hosts = Effect.fnUntraced(function*(plainHttp: ReadonlyArray<string>) {
  const names = yield* inputs.registries("plain-http", plainHttp)
  return Object.fromEntries(names.map((name): [string, RegistryConfig.HostOptions] => [name, { plainHttp: true }]))
})

const isRefused = ({ code }: RegistryConfig.FailedTry): boolean => code === "ECONNREFUSED"

/**
 * The retries of the library, but a refused connection is tried again only once: most often the address is wrong or
 * nothing runs there, and whoever waits at a terminal should soon be told.
 */
const retry = Schedule.intersect(
  defaultSchedule(defaultRetries),
  Schedule.identity<RegistryConfig.FailedTry>().pipe(
    Schedule.reduce(0, (refusals, failed) => isRefused(failed) ? refusals + 1 : refusals),
    // The output is the count before this try.
    Schedule.check((failed, refusals) => !isRefused(failed) || refusals === 0)
  )
)

const make = (
  plainHttp: ReadonlyArray<string>,
  credentials: Readonly<Record<string, Credentials.Credential>>
) =>
  Effect.flatMap(hosts(plainHttp), (hosts) => RegistryClient.make({ hosts, retry })).pipe(
    Effect.provide(Credentials.layerHosts(credentials))
  )

const record = (side: Side, credential: Option.Option<Basic>): Record<string, Credentials.Credential> =>
  Option.match(credential, {
    onNone: () => ({}),
    onSome: (value) => Object.fromEntries(side.registries.map((registry) => [registry, value]))
  })

/** The client of a command with one side. */
export const one = Effect.fnUntraced(function*(plainHttp: ReadonlyArray<string>, side: Side) {
  return yield* make(plainHttp, record(side, yield* credential(side)))
})

/**
 * The clients of a command with two sides. They are one and the same, so that blobs can be mounted and tokens shared,
 * unless both sides are one registry with a user each. Within one registry a user given for one side serves both.
 */
export const two = Effect.fnUntraced(
  function*(plainHttp: ReadonlyArray<string>, sides: { readonly source: Side; readonly destination: Side }) {
    const source = yield* credential(sides.source)
    const destination = yield* credential(sides.destination)
    const apart = Option.isSome(source) && Option.isSome(destination) && !same(source.value, destination.value) &&
      sides.source.registries.some((registry) => sides.destination.registries.includes(registry))
    if (apart) {
      return {
        source: yield* make(plainHttp, record(sides.source, source)),
        destination: yield* make(plainHttp, record(sides.destination, destination))
      }
    }
    const client = yield* make(plainHttp, {
      ...record(sides.destination, destination),
      ...record(sides.source, source)
    })
    return { source: client, destination: client }
  }
)

const same = (a: Basic, b: Basic): boolean => a.username === b.username && Equal.equals(a.password, b.password)

/** The HTTP layer of the command: undici, with the proxy that the environment names. */
export const layerHttp = NodeRegistry.layerHttp()
