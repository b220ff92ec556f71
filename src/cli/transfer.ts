/**
 * What `copy` and `sync` can be told about how they copy.
 *
 * @internal
 */
import type * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Copy from "../Copy.js"
import { UsageError } from "./failure.js"
import * as inputs from "./inputs.js"
import * as options from "./options.js"

export const config = {
  platforms: options.repeated(
    "platforms",
    "PATTERN",
    "Of an index, copy only the images for these platforms, like linux/amd64, linux/arm/* or linux/*. May be given " +
      "several times; each must match something. The index is rewritten to name no others, so its digest changes."
  ),
  sparse: options.flag(
    "sparse",
    "With --platforms or --no-attestations: leave the index as it is, with its digest, although it names images that " +
      "are not copied. Only some registries take that."
  ),
  noAttestations: options.flag("no-attestations", "Leave out the attestations that BuildKit puts into an index."),
  referrers: options.choice(
    "referrers",
    ["none", "direct", "recursive"],
    "Whether to copy what refers to the copied images too, like signatures and software bills of materials: direct " +
      "copies that, recursive also what refers to it in turn. none by default."
  ),
  digestTags: options.flag(
    "digest-tags",
    "Copy what cosign keeps under tags of digests too (sha256-….sig, .att, .sbom). --referrers direct and recursive do " +
      "so anyway."
  ),
  ifExists: options.choice(
    "if-exists",
    ["overwrite", "skip", "fail"],
    "What to do when the destination's tag names something else: overwrite it, skip the copy, or fail. overwrite by " +
      "default."
  ),
  nonDistributable: options.choice(
    "non-distributable",
    ["auto", "copy", "skip"],
    "What to do with non-distributable layers, as in Windows images: auto leaves out those that have urls and copies the " +
      "rest, copy copies all, skip copies none. auto by default."
  ),
  concurrency: options.count("concurrency", "How many blobs to move at once. 6 by default."),
  quiet: options.flag(
    "quiet",
    "On standard error leave out the progress, the tries again, other warnings and the summary. Failures are still told " +
      "there, and that there is no tag for a sync; standard output stays as it is."
  )
} satisfies Command.Command.Config

type Parsed = Command.Command.ParseConfig<typeof config>

/** The options as the library has them. Whatever is wrong with them is told before any request. */
export const read = Effect.fnUntraced(function*(
  { concurrency, digestTags, ifExists, noAttestations, nonDistributable, platforms, referrers, sparse }: Parsed
): Effect.fn.Return<Copy.Options, UsageError> {
  yield* inputs.platformPatterns("platforms", platforms)
  if (sparse && platforms.length === 0 && !noAttestations) {
    return yield* new UsageError({
      message: "--sparse is for an index that is not copied whole: it needs --platforms or --no-attestations"
    })
  }
  return {
    concurrency: Option.getOrUndefined(concurrency),
    platforms: platforms.length === 0 ? undefined : platforms,
    index: sparse ? "sparse" : undefined,
    attestations: noAttestations ? "drop" : undefined,
    referrers: Option.getOrUndefined(referrers),
    digestTags: digestTags ? true : undefined,
    onExisting: Option.getOrUndefined(ifExists),
    nonDistributable: Option.getOrUndefined(nonDistributable)
  }
})
