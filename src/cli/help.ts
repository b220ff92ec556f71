/**
 * The help: short pages of lines that fit a terminal, with a usage line and examples that can be pasted and edited.
 * `@effect/cli` knows what there is to say of options and arguments; it prints that without breaking lines.
 *
 * @internal
 */
import * as CliConfig from "@effect/cli/CliConfig"
import * as CommandDescriptor from "@effect/cli/CommandDescriptor"
import * as HelpDoc from "@effect/cli/HelpDoc"
import type * as Span from "@effect/cli/HelpDoc/Span"
import * as Option from "effect/Option"
import { version } from "../internal/version.js"
import { exitCodes } from "./failure.js"

/** What help knows of a command. */
export interface Page {
  /** The words that call it, like `index create`. */
  readonly path: string
  readonly descriptor: CommandDescriptor.Command<unknown>
  /** Whole lines, the first of which is the plainest. */
  readonly examples: readonly [string, ...ReadonlyArray<string>]
}

const width = 100

type Row = readonly [term: string, text: string]

type Definition = readonly [...Row, isRepeatable: boolean]

const general: ReadonlyArray<Row> = [
  ["--help", "Print this."],
  ["--version", "Print the version."],
  [
    "--log-level LEVEL",
    "warning, the default, tells of requests that are tried again; error leaves that out; debug tells more."
  ],
  ["--completions SHELL", "Print completions for bash, zsh or fish."]
]

const exits: ReadonlyArray<Row> = [
  ["0", "It is done. exists prints true or false, and ends with 0 for both."],
  [`${exitCodes.failed}`, "The operation failed, for one of several destinations or tags too."],
  [`${exitCodes.usage}`, "Wrong usage."],
  [`${exitCodes.interrupted}`, "It was interrupted, by Ctrl-C, SIGTERM or SIGHUP. serve ends with 0 then."]
]

/** The page that the words of the command line ask for: by `--help`, or by naming commands of which one is to be chosen. */
export const requested = (pages: ReadonlyArray<Page>, words: ReadonlyArray<string>): Option.Option<string> => {
  const isAsked = words.includes("--help") || words.includes("-h")
  const page = pages.find(({ path }) => path.split(" ").every((word, i) => word === words[i]))
  if (page !== undefined) return isAsked ? Option.some(ofCommand(page)) : Option.none()
  const group = pages.some(({ path }) => path.startsWith(`${words[0]} `)) ? [words[0]] : []
  return isAsked || words.length === group.length ? Option.some(ofCommands(pages, group.join(""))) : Option.none()
}

const ofCommand = ({ descriptor, examples, path }: Page): string => {
  const { definitions, description } = read(descriptor)
  const options = definitions.filter(([term]) => term.startsWith("--"))
  const args = definitions.filter((definition) => !options.includes(definition))
  return print([
    ["USAGE", [
      ["effect-oci", path, ...args.map(([term]) => term), "[OPTIONS]"].join(" "),
      "",
      ...wrap(description, 2)
    ]],
    ["ARGUMENTS", table(args)],
    ["OPTIONS", table([...options, ...general])],
    ["EXAMPLES", examples],
    ["EXIT CODES", table(exits)]
  ])
}

const ofCommands = (pages: ReadonlyArray<Page>, group: string): string => {
  const own = pages.filter(({ path }) => path.startsWith(group))
  return `effect-oci ${version}: images in OCI container registries\n\n${
    print([
      ["USAGE", [["effect-oci", ...(group === "" ? [] : [group]), "COMMAND [ARGUMENTS] [OPTIONS]"].join(" ")]],
      ["COMMANDS", table(own.map(({ descriptor, path }) => [path, firstSentence(read(descriptor).description)]))],
      [
        "OPTIONS",
        table([["--help", "After a command: what it does, its arguments, its options."], ...general.slice(1)])
      ],
      ["EXAMPLES", own.map(({ examples }) => examples[0])],
      ["EXIT CODES", table(exits)]
    ])
  }`
}

const firstSentence = (text: string): string => /^.*?\.(?= |$)/.exec(text)?.[0] ?? text

/** Whether an option takes a value, or may be given several times with one. */
export type OptionKind = "flag" | "value" | "values"

/** What may be written after the words that call a command. */
export interface Grammar {
  /** As the help names them; one that may be repeated ends in `...`. */
  readonly arguments: ReadonlyArray<string>
  /** By their names, without the dashes. */
  readonly options: ReadonlyMap<string, OptionKind>
}

export const grammar = ({ descriptor }: Page): Grammar => {
  const terms = read(descriptor).definitions
  return {
    arguments: terms.filter(([term]) => !term.startsWith("--")).map(([term]) => term),
    options: new Map(
      terms.filter(([term]) => term.startsWith("--")).map(([term, _, isRepeatable]) => [
        term.slice(2).split(" ", 1).join(""),
        !term.includes(" ") ? "flag" : isRepeatable ? "values" : "value"
      ])
    )
  }
}

/** What `@effect/cli` knows of a command; of each definition what comes after the words for its type is ours. */
const read = (descriptor: CommandDescriptor.Command<unknown>) => {
  const all = blocks(CommandDescriptor.getHelp(descriptor, { ...CliConfig.defaultConfig, showBuiltIns: false }))
  return {
    description: textOf(all.find(HelpDoc.isParagraph)),
    definitions: all.filter(HelpDoc.isDescriptionList).flatMap(({ definitions }) =>
      definitions.map(([term, about]): Definition => {
        const text = spanText(term)
        return [termOf(text), textOf(blocks(about)[1]), text.endsWith("...")]
      })
    )
  }
}

const blocks = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpDoc.HelpDoc> =>
  HelpDoc.isSequence(doc) ? [...blocks(doc.left), ...blocks(doc.right)] : [doc]

const textOf = (doc: HelpDoc.HelpDoc | undefined): string => doc === undefined ? "" : spanText(HelpDoc.getSpan(doc))

const spanText = (span: Span.Span): string =>
  span._tag === "Sequence"
    ? spanText(span.left) + spanText(span.right)
    : typeof span.value === "string"
    ? span.value
    : spanText(span.value)

/** A shell would take `<DST>` for a file to read. An option that may be given again says so in its description. */
const termOf = (term: string): string =>
  term.startsWith("--") ? term.replace(/\.\.\.$/, "") : term.replace(/^<(.*)>/, "$1").replace(" 1+", "...")

const indentation = "  "

/** Lines that fit, this far from the left. */
const wrap = (text: string, left: number): ReadonlyArray<string> =>
  text.match(new RegExp(`\\S.{0,${width - left - 1}}(?= |$)`, "g")) ?? []

/** Terms on the left, what they mean on the right, below terms that are too long. */
const table = (rows: ReadonlyArray<Row | Definition>): ReadonlyArray<string> => {
  const longest = Math.min(22, Math.max(0, ...rows.map(([term]) => term.length)))
  const gap = " ".repeat(longest + 2)
  return rows.flatMap(([term, text]) => {
    const lines = wrap(text, indentation.length + gap.length)
    return term.length > longest
      ? [term, ...lines.map((line) => `${gap}${line}`)]
      : lines.map((line, i) => `${i === 0 ? term.padEnd(gap.length) : gap}${line}`)
  })
}

const print = (sections: ReadonlyArray<readonly [title: string, lines: ReadonlyArray<string>]>): string =>
  sections.filter(([_, lines]) => lines.length > 0)
    .map(([title, lines]) => [title, ...lines.map((line) => `${indentation}${line}`.trimEnd())].join("\n"))
    .join("\n\n")
