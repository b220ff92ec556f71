/**
 * The words of the command line before `@effect/cli` has them. Node's own parser takes them apart, and what no command has
 * is refused here: `@effect/cli` would quote it, and any word may be a password that was meant for another place. The words
 * are then put in an order that it understands in one way: options first, their values apart, and the arguments last.
 *
 * @internal
 */
import * as AutoCorrect from "@effect/cli/AutoCorrect"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import { parseArgs } from "node:util"
import { UsageError } from "./failure.js"
import { type Grammar, grammar, type OptionKind, type Page } from "./help.js"

/** Options of every command, which `@effect/cli` brings, with the words they take. */
const general: ReadonlyMap<string, OptionKind> = new Map<string, OptionKind>([
  ["help", "flag"],
  ["version", "flag"],
  ["wizard", "flag"],
  ["completions", "value"],
  ["log-level", "value"]
])
const choices = new Map<string, ReadonlyArray<string>>([
  ["completions", ["sh", "bash", "fish", "zsh"]],
  ["log-level", LogLevel.allLevels.map(({ _tag }) => _tag.toLowerCase())]
])

const tokens = (words: ReadonlyArray<string>, options: Grammar["options"]) =>
  parseArgs({
    args: [...words],
    options: Object.fromEntries([...options].map(([name, kind]) => [
      name,
      { type: kind === "flag" ? "boolean" : "string", multiple: true } as const
    ])),
    strict: false,
    allowPositionals: true,
    tokens: true
  }).tokens

type Option = Extract<ReturnType<typeof tokens>[number], { readonly kind: "option" }>

const place = (index: number): string => `word ${index + 1} after effect-oci`

/** The words for `@effect/cli`, the runtime and the script not among them. Fails for what no command has. */
export const read = Effect.fnUntraced(function*(
  pages: ReadonlyArray<Page>,
  words: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<string>, UsageError> {
  const start = tokens(words, general).find(({ kind }) => kind === "positional")?.index ?? words.length
  const page = pages.find(({ path }) => path.split(" ").every((word, i) => word === words[start + i]))
  const path = page?.path.split(" ") ?? []
  const { arguments: names, options } = page === undefined ? { arguments: [], options: new Map() } : grammar(page)
  const known: Grammar["options"] = new Map([...options, ...general])
  const rest = page === undefined ? words.slice(0, start) : words.toSpliced(start, path.length)
  const found = tokens(rest, known)

  const values = new Map<string, Array<string>>()
  for (const token of found) {
    if (token.kind !== "option") continue
    const index = token.index < start ? token.index : token.index + path.length
    const value = yield* valueOf(token, known, index, page)
    const earlier = values.get(token.name)
    if (earlier !== undefined && known.get(token.name) === "value") {
      return yield* new UsageError({ message: `--${token.name} is given more than once` })
    }
    values.set(token.name, [...(earlier ?? []), ...value])
  }
  if (page === undefined && start < words.length) {
    const isGroup = pages.some(({ path }) => path.startsWith(`${words[start]} `))
    return yield* new UsageError({
      message: `${place(isGroup ? start + 1 : start)} must be a command, one of these: ${
        pages.map(({ path }) => path).join(", ")
      }`
    })
  }
  const args = found.flatMap((token) => token.kind === "positional" ? [token.value] : [])
  if (args.length > names.length && !names.some((name) => name.endsWith("..."))) {
    return yield* new UsageError({
      message: `argument ${names.length + 1} is one too many: ${["effect-oci", ...path, ...names].join(" ")} [OPTIONS]`
    })
  }
  const given = (isGeneral: boolean) =>
    [...values].filter(([name]) => general.has(name) === isGeneral).flatMap(([name, all]) =>
      known.get(name) === "flag"
        ? [`--${name}`, ...all.slice(-1)]
        : all.flatMap((value) => [`--${name}`, value])
    )
  return [...path, ...given(true), ...given(false), ...(args.length === 0 ? [] : ["--", ...args])]
})

/** The value of an option, none for a flag without one. */
const valueOf = (
  { inlineValue, name, rawName, value }: Option,
  known: Grammar["options"],
  index: number,
  page: Page | undefined
): Effect.Effect<ReadonlyArray<string>, UsageError> => {
  const refuse = (message: string) => new UsageError({ message })
  const kind = rawName.startsWith("--") ? known.get(name) : undefined
  if (kind === undefined) {
    const close = [...known.keys()].find((name) => isClose(`--${name}`, rawName))
    const command = page === undefined ? "effect-oci" : `effect-oci ${page.path}`
    return refuse(
      `${place(index)} is not an option of ${command}: ` +
        (close === undefined ? `${command} --help lists the options` : `did you mean --${close}?`)
    )
  }
  if (kind === "flag") {
    if (inlineValue !== true) return Effect.succeed([])
    return value === "true" || value === "false" ? Effect.succeed([value]) : refuse(`--${name} takes no value`)
  }
  // What begins like an option is one, and the value was forgotten; `--name=--value` says otherwise.
  const isOption = inlineValue !== true && value?.startsWith("--") === true
  if (value === undefined || value.trim() === "" || isOption) return refuse(`--${name} needs a value`)
  const wanted = choices.get(name)
  return wanted === undefined || wanted.includes(value)
    ? Effect.succeed([value])
    : refuse(`--${name} must be one of ${wanted.join(", ")}`)
}

const isClose = (option: string, typed: string): boolean =>
  AutoCorrect.levensteinDistance(option, typed, CliConfig.defaultConfig) <= 2
