/**
 * What is to be done for one destination, in numbers.
 *
 * @internal
 */
import type { BlobPlan, ManifestPlan, Plan } from "../../Copy.js"
import type { Task } from "./blobs.js"
import type { Verdict } from "./existing.js"
import type { Root } from "./root.js"
import type { Target } from "./target.js"
import type { Node } from "./tree.js"

const blobPlan = ({ action, descriptor }: Task): BlobPlan => {
  switch (action._tag) {
    case "Ask":
      return { descriptor, action: "Upload", from: undefined }
    case "Mount":
      return { descriptor, action: "Mount", from: action.from }
    default:
      return { descriptor, action: action._tag, from: undefined }
  }
}

export const planOf = (
  { first, main, root, tasks }: {
    readonly root: Root
    readonly main: Node | undefined
    readonly first: ReadonlyArray<Node>
    readonly tasks: ReadonlyArray<Task>
  },
  target: Target,
  verdict: Verdict
): Plan => {
  const manifests = new Map<string, ManifestPlan>()
  for (const { descriptor } of target.manifests.values()) {
    manifests.set(descriptor.digest, { descriptor, tag: undefined, action: "Exists" })
  }
  const visit = ({ children, manifest: { descriptor }, tag, targets }: Node): void => {
    if (!targets.includes(target)) return
    for (const child of children) visit(child)
    const { digest } = descriptor
    manifests.set(tag === undefined ? digest : `${digest} ${tag}`, { descriptor, tag, action: "Push" })
  }
  for (const node of first) visit(node)
  if (main !== undefined) visit({ ...main, tag: target.destination.tag })
  const blobs = tasks.filter((task) => task.target === target).map(blobPlan)
  const sum = (...actions: ReadonlyArray<BlobPlan["action"]>) =>
    blobs.reduce((bytes, { action, descriptor }) => actions.includes(action) ? bytes + descriptor.size : bytes, 0)
  const all = [...manifests.values()]
  return {
    digest: verdict._tag === "Kept" ? verdict.digest : root.expected.digest,
    sourceDigest: root.sourceDigest,
    outcome: all.some(({ action }) => action === "Push") ? "Copy" : "Skip",
    manifests: all,
    blobs,
    bytes: {
      total: sum("Upload", "Mount", "Exists"),
      upload: sum("Upload"),
      mount: sum("Mount"),
      exist: sum("Exists")
    }
  }
}
