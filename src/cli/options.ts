/**
 * Options and arguments that several commands share.
 *
 * @internal
 */
import * as Args from "@effect/cli/Args"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** A positional argument. */
export const argument = (name: string, description: string): Args.Args<string> =>
  Args.text({ name }).pipe(Args.withDescription(description))

/** `PATTERN` is the placeholder that help shows. */
export const named = (name: string, placeholder: string, description: string): Options.Options<string> =>
  Options.text(name).pipe(Options.withPseudoName(placeholder), Options.withDescription(description))

/** An option that may be given several times. */
export const repeated = (
  name: string,
  placeholder: string,
  description: string
): Options.Options<ReadonlyArray<string>> => Options.repeated(named(name, placeholder, description))

export const flag = (name: string, description: string): Options.Options<boolean> =>
  Options.boolean(name).pipe(Options.withDescription(description))

/** A value that `read` understands; `wanted` says what it understands. */
const parsed = <A>(
  name: string,
  placeholder: string,
  description: string,
  wanted: string,
  read: (value: string) => Option.Option<A>
): Options.Options<A> =>
  Options.mapEffect(
    named(name, placeholder, description),
    (value) =>
      Effect.mapError(read(value), () => ValidationError.invalidValue(HelpDoc.p(`--${name} must be ${wanted}`)))
  )

const wholeNumber = (least: number, most: number) => (value: string): Option.Option<number> =>
  /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most
    ? Option.some(Number(value))
    : Option.none()

/** A whole number above 0. */
export const count = (name: string, description: string): Options.Options<Option.Option<number>> =>
  Options.optional(
    parsed(name, "N", description, "a whole number above 0", wholeNumber(1, Number.MAX_SAFE_INTEGER))
  )

/** One of a few words. */
export const choice = <const A extends string>(
  name: string,
  words: ReadonlyArray<A>,
  description: string
): Options.Options<Option.Option<A>> =>
  Options.optional(
    parsed(name, words.join("|"), description, `one of ${words.join(", ")}`, (value) =>
      Option.fromNullable(words.find((word) =>
        word === value
      )))
  )

export const plainHttp = repeated(
  "plain-http",
  "HOST",
  "Speak http instead of https with this registry. May be given several times. Loopback hosts are spoken to in http " +
    "anyway."
)

export const platform = named(
  "platform",
  "PLATFORM",
  "Of an index, copy only the image for this platform, like linux/arm64 or linux/arm/v7: as a single image."
).pipe(Options.optional)

/** A user name for one side, and the environment variable that holds the password. */
export interface Login {
  readonly option: string
  readonly variable: string
}

export const logins = {
  only: { option: "creds", variable: "EFFECT_OCI_PASSWORD" },
  source: { option: "src-creds", variable: "EFFECT_OCI_SRC_PASSWORD" },
  destination: { option: "dest-creds", variable: "EFFECT_OCI_DEST_PASSWORD" }
} as const satisfies Record<string, Login>

const user = (login: Login, whose: string) =>
  named(
    login.option,
    "USER",
    `User name for ${whose}. The password is taken from the environment variable ${login.variable}.`
  ).pipe(Options.optional)

export const creds = user(logins.only, "the registry")
export const sourceCreds = user(logins.source, "the registry that is read")
export const destinationCreds = user(logins.destination, "the registry that is written to")

/** A port to listen on; 0 lets the system choose. */
export const port = parsed(
  "port",
  "PORT",
  "The port to listen on, on 127.0.0.1; 0 takes a free one. 5000 by default.",
  "a port from 0 to 65535",
  wholeNumber(0, 65_535)
).pipe(Options.withDefault(5000))
