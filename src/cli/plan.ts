/**
 * What copies would do, for a person to read.
 *
 * @internal
 */
import type * as Copy from "../Copy.js"
import { printable } from "../internal/text.js"
import { repositoryOf } from "./meter.js"
import { formatBytes } from "./progress.js"

const words = {
  Upload: "upload",
  Mount: "mount",
  Push: "push",
  Exists: "is there",
  NotDistributable: "leave out",
  Shared: "as above"
} as const

type Action = keyof typeof words

const row = (action: Action, { digest, size }: Copy.BlobPlan["descriptor"], ...more: ReadonlyArray<string>) =>
  [`  ${words[action].padEnd(9)}`, digest, formatBytes(size).padStart(10), ...more.map((word) => printable(word))]
    .join("  ")

/**
 * Tells of the plans for several destinations, one after another: a heading that names the destination, a line for each
 * blob and manifest in the order of the copy, and the sums. What goes to a repository for one destination is `as above`
 * for the next there, as the copy sends it once, so the sums of all destinations add up.
 */
export const teller = () => {
  const planned = new Set<string>()
  return (destination: string, { blobs, digest, manifests, outcome }: Copy.Plan): ReadonlyArray<string> => {
    if (outcome === "Skip") return [`${destination}: nothing to do, it has ${digest}`]
    const repository = repositoryOf(destination)
    const once = (action: Action, what: string): Action => {
      if (action === "Exists" || action === "NotDistributable") return action
      const key = `${repository} ${what}`
      return planned.has(key) ? "Shared" : (planned.add(key), action)
    }
    const ofBlobs = blobs.map((blob) => ({ ...blob, action: once(blob.action, blob.descriptor.digest) }))
    const ofManifests = manifests.map((manifest) => ({
      ...manifest,
      action: once(manifest.action, `${manifest.descriptor.digest} as ${manifest.tag ?? ""}`)
    }))
    const bytes = (wanted: Action) =>
      formatBytes(ofBlobs.reduce((sum, { action, descriptor }) => action === wanted ? sum + descriptor.size : sum, 0))
    const count = (wanted: Action) => ofManifests.filter(({ action }) => action === wanted).length
    const isShared = [...ofBlobs, ...ofManifests].some(({ action }) => action === "Shared")
    return [
      `${destination}: would get ${digest}`,
      ...ofBlobs.map(({ action, descriptor, from }) =>
        row(action, descriptor, ...(from === undefined || action === "Shared" ? [] : [`from ${from}`]))
      ),
      ...ofManifests.map(({ action, descriptor, tag }) =>
        row(action, descriptor, descriptor.mediaType, ...(tag === undefined ? [] : [`as ${tag}`]))
      ),
      `  in total: blobs: ${bytes("Upload")} to upload, ${bytes("Mount")} to mount, ${bytes("Exists")} there` +
      `${isShared ? `, ${bytes("Shared")} as above` : ""}; manifests: ${count("Push")} to push, ${
        count("Exists")
      } there` +
      (isShared ? `, ${count("Shared")} as above` : "")
    ]
  }
}
