/**
 * How much a registry may make us do.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { ManifestInvalid } from "../RegistryError.js"

/** Largest manifest that is read, in bytes, where nothing else is set. */
export const defaultManifestSize = 8 * 1024 * 1024

/** Tries of one request, or of one step of a transfer, after the first, where nothing else is set. */
export const defaultRetries = 4

const maxDepth = 8
const maxDescriptors = 10_000

/** What is left of the descriptors that one operation follows. Mutable: one for each operation. */
export interface Budget {
  remaining: number
}

export const makeBudget = (): Budget => ({ remaining: maxDescriptors })

/**
 * Lets an operation go into a manifest: `depth` counts the manifests above it and itself, `descriptors` are the ones it
 * names.
 */
export const enter = (
  budget: Budget,
  resource: string,
  depth: number,
  descriptors: number
): Effect.Effect<void, ManifestInvalid> =>
  Effect.suspend(() => {
    const refuse = (reason: string) => new ManifestInvalid({ resource, reason, errors: [] })
    if (depth > maxDepth) return refuse(`indexes are nested more than ${maxDepth} deep`)
    budget.remaining -= descriptors
    return budget.remaining < 0 ? refuse(`it leads to more than ${maxDescriptors} manifests and blobs`) : Effect.void
  })
