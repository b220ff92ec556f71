/**
 * What a copy would do, for a person to read.
 *
 * @internal
 */
import type * as Copy from "../Copy.js"
import { printable } from "../internal/text.js"
import { formatBytes } from "./progress.js"

const blobActions = {
  Upload: "upload",
  Mount: "mount",
  Exists: "is there",
  NotDistributable: "leave out"
} as const satisfies Record<Copy.BlobPlan["action"], string>

const manifestActions = { Push: "push", Exists: "is there" } as const satisfies Record<
  Copy.ManifestPlan["action"],
  string
>

const row = (action: string, { digest, size }: Copy.BlobPlan["descriptor"], ...more: ReadonlyArray<string>) =>
  [`  ${action.padEnd(9)}`, digest, formatBytes(size).padStart(10), ...more.map((word) => printable(word))].join("  ")

/** A heading that names the destination, a line for each blob and manifest in the order of the copy, and the sums. */
export const lines = (destination: string, { blobs, bytes, digest, manifests, outcome }: Copy.Plan) => {
  if (outcome === "Skip") return [`${destination}: nothing to do, it has ${digest}`]
  const pushed = manifests.filter(({ action }) => action === "Push").length
  return [
    `${destination}: would get ${digest}`,
    ...blobs.map(({ action, descriptor, from }) =>
      row(blobActions[action], descriptor, ...(from === undefined ? [] : [`from ${from}`]))
    ),
    ...manifests.map(({ action, descriptor, tag }) =>
      row(manifestActions[action], descriptor, descriptor.mediaType, ...(tag === undefined ? [] : [`as ${tag}`]))
    ),
    `  in total: ${formatBytes(bytes.upload)} of blobs to upload, ${formatBytes(bytes.mount)} to mount, ` +
    `${formatBytes(bytes.exist)} there; ${pushed} manifests to push, ${manifests.length - pushed} there`
  ]
}
