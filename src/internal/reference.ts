/**
 * The grammar of references (distribution/reference), as synchronous functions over plain fields.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import * as Digest from "../Digest.js"
import type { ParseReferenceError } from "../OperationError.js"
import { hasNameGrammar, isTag, maximumName } from "./names.js"
import { printable } from "./text.js"

export interface Fields {
  readonly registry: string
  readonly repository: string
  readonly tag?: string | undefined
  readonly digest?: Digest.Digest | undefined
}

export interface Problem {
  readonly reason: ParseReferenceError["reason"]
  readonly description: string
}

export const isProblem = (result: Fields | Problem | string): result is Problem =>
  Predicate.isRecord(result) && "reason" in result

export const hub = "docker.io"
const legacyHub = "index.docker.io"
const official = "library/"

// Every regular expression here is anchored, knows ASCII only and reads its input in one way, so in linear time.
const label = "[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*"
const domain = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`)
const digest = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/
const identifier = /^[a-f0-9]{64}$/
const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//

/** Whether the first part of a name is a registry rather than the first part of a Docker Hub path. */
const namesRegistry = (part: string): boolean => part === "localhost" || /[.:A-Z]/.test(part)

const isRegistry = (input: unknown): input is string =>
  typeof input === "string" && namesRegistry(input) && domain.test(input)

const bad = (reason: Problem["reason"], description: string): Problem => ({ reason, description })

const quoted = (part: string): string => JSON.stringify(printable(part, 128))

/** A reference without defaults for tag and digest. */
export const parseFields = (input: string): Fields | Problem => {
  if (input === "") return bad("Empty", "it is empty")
  const general = generalProblem(input)
  if (general !== undefined) return general
  if (identifier.test(input)) {
    return bad("BadFormat", "64 hexadecimal digits are the id of an image, not a name; write name@sha256:…")
  }
  const at = input.indexOf("@")
  const named = at === -1 ? input : input.slice(0, at)
  const slash = named.indexOf("/")
  const first = slash === -1 ? "" : named.slice(0, slash)
  const hasRegistry = slash !== -1 && namesRegistry(first)
  const registry = hasRegistry ? (first === legacyHub ? hub : first) : hub
  const rest = hasRegistry ? named.slice(slash + 1) : named
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1)
  const name = colon === -1 ? rest : rest.slice(0, colon)
  const repository = registry === hub && !name.includes("/") ? official + name : name

  if (hasRegistry && !domain.test(first)) {
    return bad("BadFormat", `${quoted(first)} is not the name of a registry: a host, then perhaps ":" and a port`)
  }
  const problem = pathProblem(repository, name)
  if (problem !== undefined) return problem
  const fields: { registry: string; repository: string; tag?: string; digest?: Digest.Digest } = {
    registry,
    repository
  }
  if (colon !== -1) {
    const text = rest.slice(colon + 1)
    if (!isTag(text)) return tagProblem(text)
    fields.tag = text
  }
  if (at !== -1) {
    const text = input.slice(at + 1)
    if (!isPinned(text)) return digestProblem(text)
    fields.digest = text
  }
  return fields
}

/**
 * Fields that may have been put together by hand: held to the grammar one by one, then in the form that parsing gives.
 */
export const checkFields = (fields: Fields): Fields | Problem => {
  const { digest, registry, repository, tag } = fields as { readonly [K in keyof Fields]: unknown }
  if (!isRegistry(registry)) {
    return bad(
      "BadFormat",
      "its registry is not a host name that holds a dot, a port, an upper-case letter or localhost"
    )
  }
  if (typeof repository !== "string") return bad("BadFormat", "its repository is not a string")
  const canonical = registry === legacyHub ? hub : registry
  const full = canonical === hub && !repository.includes("/") ? official + repository : repository
  const problem = pathProblem(full, repository)
  if (problem !== undefined) return problem
  if (tag !== undefined && !isTag(tag)) {
    return typeof tag === "string" ? tagProblem(tag) : bad("BadTag", "its tag is not a string")
  }
  if (digest !== undefined && !isPinned(digest)) {
    return typeof digest === "string" ? digestProblem(digest) : bad("BadDigest", "its digest is not a string")
  }
  return { registry: canonical, repository: full, tag, digest }
}

export const parseRegistryName = (input: string): string | Problem => {
  if (input === "") return bad("Empty", "it is empty")
  const general = generalProblem(input)
  if (general !== undefined) return general
  if (/[/@]/.test(input)) return bad("BadFormat", "a registry is named by its host and port alone, without a path")
  if (!domain.test(input)) return bad("BadFormat", `it is not a host, then perhaps ":" and a port`)
  if (!namesRegistry(input)) {
    return bad("BadFormat", `a host without a dot is named with its port, as in ${quoted(`${input}:443`)}`)
  }
  return input === legacyHub ? hub : input
}

/** What is wrong with the text whatever it was meant to be. */
const generalProblem = (input: string): Problem | undefined => {
  if (scheme.test(input)) return bad("BadFormat", "leave the scheme out: it starts with the host or the repository")
  if (/[\s\p{Cc}\p{Cf}\p{Cs}]/u.test(input)) {
    return bad("BadFormat", "it holds white space or an invisible character")
  }
  return undefined
}

const pathProblem = (repository: string, written: string): Problem | undefined => {
  if (hasNameGrammar(repository)) {
    return repository.length <= maximumName
      ? undefined
      : bad("TooLong", `its repository is ${repository.length} characters long; the limit is ${maximumName}`)
  }
  if (hasNameGrammar(repository.toLowerCase())) {
    return bad("UpperCase", `its repository must be in lower case: ${quoted(written.toLowerCase())}`)
  }
  if (written === "") return bad("BadFormat", "the name of the repository is missing")
  const parts = written.split("/")
  if (parts.includes("")) return bad("BadFormat", "a part of its repository is empty: there is a \"/\" too many")
  const part = parts.find((text) => !hasNameGrammar(text.toLowerCase())) ?? written
  return bad(
    "BadFormat",
    `${quoted(part)} cannot be part of a repository: letters, digits and single separators (. _ __ -) between them`
  )
}

const tagProblem = (text: string): Problem => {
  if (text === "") return bad("BadTag", "the tag is empty")
  return text.length > 128 && isTag(text.slice(0, 128))
    ? bad("BadTag", `the tag is ${text.length} characters long; the limit is 128`)
    : bad("BadTag", `${quoted(text)} is not a tag: letters, digits, "_", "." and "-", not first "." or "-"`)
}

const algorithms = new Set(["sha256", "sha512", "blake3"])

/**
 * The reference grammar first, then that of image-spec ("Digests"). An algorithm that is not registered is refused, as
 * distribution/reference does: nothing tells how long its digests are, and a misspelt one would ask for nothing at all.
 */
const isPinned = (input: unknown): input is Digest.Digest =>
  typeof input === "string" && digest.test(input) && Digest.isDigest(input) &&
  algorithms.has(Digest.algorithm(input))

const digestProblem = (text: string): Problem => {
  const colon = text.indexOf(":")
  if (colon === -1) return bad("BadDigest", "what follows \"@\" is not a digest such as sha256:…")
  const name = text.slice(0, colon)
  if (!algorithms.has(name)) {
    return bad("BadDigest", `${quoted(name)} is not a digest algorithm: sha256, sha512 and blake3 are`)
  }
  return bad(
    "BadDigest",
    `${quoted(text)} is not a digest: ${name} has ${name === "sha512" ? 128 : 64} hexadecimal digits in lower case`
  )
}

/**
 * An input as an error may show it. What could be user name and password, or the query of a signed URL, is masked; it
 * is better to mask a harmless input than to guess. `isMasked` tells that it happened, and then no part of the input
 * may be quoted elsewhere.
 */
export const mask = (input: string): { readonly shown: string; readonly isMasked: boolean } => {
  const masked = (shown: string) => ({ shown: printable(shown, 512), isMasked: true })
  const query = input.search(/[?#]/)
  if (query !== -1) return masked(input.includes("@") ? "***" : `${input.slice(0, query)}?***`)
  // A digest at the end is no secret; an "@" before it is looked at again.
  const pinned = /@(?:(?:sha\d+|md5|blake\d\w*):[^/@]*|[^/@:]+:[0-9a-fA-F]{32,})$/i.exec(input)
  const head = pinned === null ? input : input.slice(0, pinned.index)
  const at = head.lastIndexOf("@")
  if (at === -1) return { shown: printable(input, 512), isMasked: false }
  const before = head.slice(0, at)
  // `alpine@3.20` and `team/app@latest` are slips of the pen, not user names.
  if (!before.includes(":") && !head.includes("/", at) && pinned === null) {
    return { shown: printable(input, 512), isMasked: false }
  }
  return masked(`${scheme.exec(before)?.[0] ?? ""}***${input.slice(at)}`)
}

export const maskedProblem: Problem = bad(
  "BadFormat",
  "leave user name, password and query out of it: credentials go into the Credentials layer, and only a digest follows \"@\""
)
