/** The tools that ours is compared with. */
import * as Effect from "effect/Effect"
import { run, text } from "../real/run.js"
import { find } from "../real/tools.js"
import { commands, type Contender, type Copy } from "./contenders.js"
import type { PeerName } from "./options.js"

interface Peer {
  readonly version: ReadonlyArray<string>
  /** Finds the version in what is printed. */
  readonly pattern: RegExp
  readonly copy: (copy: Copy) => ReadonlyArray<string>
  readonly digest: (image: string) => ReadonlyArray<string>
  /** Whether it is run for each of many images: they take minutes. */
  readonly many?: boolean
}

/** regctl has to be told of each registry that it has no TLS. */
const plain = (...references: ReadonlyArray<string>): ReadonlyArray<string> =>
  Array.from(new Set(references.map((reference) => reference.split("/")[0])), (host) => [
    "--host",
    `reg=${host},tls=disabled`
  ]).flat()

const peers: Readonly<Record<PeerName, Peer>> = {
  crane: {
    version: ["version"],
    pattern: /(\S+)/,
    copy: ({ destination, source }) => ["copy", source, destination],
    digest: (image) => ["digest", image],
    many: true
  },
  skopeo: {
    version: ["--version"],
    pattern: /version (\S+)/,
    copy: ({ destination, source }) => [
      "--insecure-policy",
      "copy",
      "--all",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${source}`,
      `docker://${destination}`
    ],
    digest: (image) => ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", `docker://${image}`]
  },
  regctl: {
    version: ["version"],
    pattern: /VCSTag:\s+(\S+)/,
    copy: ({ destination, source }) => ["image", "copy", ...plain(source, destination), source, destination],
    digest: (image) => ["image", "digest", ...plain(image), image]
  },
  oras: {
    version: ["version"],
    pattern: /Version:\s+(\S+)/,
    copy: ({ destination, source }) => [
      "copy",
      "--no-tty",
      "--from-plain-http",
      "--to-plain-http",
      source,
      destination
    ],
    digest: (image) => ["resolve", "--plain-http", image]
  }
}

/** None when it is not installed. */
export const peer = Effect.fnUntraced(function*(name: PeerName) {
  const program = find(name)
  if (program === undefined) return undefined
  const { copy, digest, many, pattern, version } = peers[name]
  const call = commands((job) => [program, ...copy(job)], (image) => [program, ...digest(image)])
  const printed = text(yield* run(program, version))
  const contender: Contender = {
    name,
    version: pattern.exec(printed)?.[1] ?? "of unknown version",
    commands: (job) => job.kind === "copies" && many !== true ? [] : call(job)
  }
  return contender
})
