/**
 * How much a registry may make us do.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { ManifestInvalid } from "../RegistryError.js"
import { documentBounds } from "./json.js"

/** Largest manifest that is read, in bytes, where nothing else is set. */
export const defaultManifestSize = 8 * 1024 * 1024

/** Tries of one request, or of one step of a transfer, after the first, where nothing else is set. */
export const defaultRetries = 4

/** Pages of one list: ten million entries of a registry that fills its pages. */
export const defaultPages = 10_000

/** How long the pages of one list may take altogether. */
export const defaultListTime = Duration.minutes(10)

/** How long a request may make no progress, where nothing else is set. */
export const defaultIdleTimeout = Duration.seconds(20)

/** The slowest rate of a body, in bytes a second, where nothing else is set. */
export const defaultMinRate = 10_000

const maxDepth = 8
const maxDescriptors = documentBounds.entries
/** Bytes of manifests that one operation holds in memory. */
const maxManifestBytes = 256 * 1024 * 1024

/** What is left of the descriptors that one operation follows, and of the manifests it holds. Mutable: one for each. */
export interface Budget {
  remaining: number
  bytes: number
}

export const makeBudget = (): Budget => ({ remaining: maxDescriptors, bytes: maxManifestBytes })

/** Lets an operation keep a manifest of so many bytes until its end. */
export const keep = (budget: Budget, resource: string, bytes: number): Effect.Effect<void, ManifestInvalid> =>
  Effect.suspend(() => {
    budget.bytes -= bytes
    const reason = `it leads to more than ${maxManifestBytes} bytes of manifests`
    return budget.bytes < 0 ? new ManifestInvalid({ resource, reason, errors: [] }) : Effect.void
  })

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
