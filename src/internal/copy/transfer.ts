/**
 * What the moving of a large and of a small blob have in common.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type { BlobResult } from "../../Copy.js"
import { CopyEvent } from "../../CopyEvent.js"
import * as Descriptor from "../../Descriptor.js"
import * as RegistryMetrics from "../../RegistryMetrics.js"
import type { BlobContent, PutBlobOptions } from "../../Repository.js"
import type { Task } from "./blobs.js"
import type { Job } from "./job.js"
import * as sided from "./sided.js"

export type Member = Pick<Task, "action" | "descriptor" | "target">

export interface Moved {
  readonly outcome: BlobResult["outcome"]
  /** Where it was mounted from. */
  readonly from?: string | undefined
}

/** How often a blob is read again whose bytes were wrong when they came from the source. */
export const rereads = 2

/** Whether another read may mend it. */
export const isWrong = ({ cause, side }: sided.Sided): boolean =>
  side === "source" && (cause._tag === "DigestMismatch" || cause._tag === "SizeMismatch")

export const logReread = ({ cause }: sided.Sided): Effect.Effect<void> =>
  Effect.logWarning(`the source gave wrong bytes, they are read again: ${cause.message}`)

/**
 * The bytes that need not be read: none, or those that the descriptor itself carries (image-spec, "Embedded Content").
 */
export const atHand = (descriptor: Descriptor.Descriptor): Uint8Array | undefined =>
  descriptor.size === 0 ? new Uint8Array(0) : Option.getOrUndefined(Descriptor.embedded(descriptor))

/** The repository that a member's blob may be mounted from: its own, where that tells whether the blob is there. */
const mountFrom = ({ action, target }: Member): string | undefined =>
  action._tag === "Mount" ? action.from : action._tag === "Ask" ? target.repository.name : undefined

/** Whether the bytes are known to be needed before the destination has been asked for anything. */
export const isSure = ({ action }: Member): boolean => action._tag === "Upload"

/** Says that the bytes are about to move. */
export const started = (job: Job, { descriptor, target }: Member): Effect.Effect<void> =>
  Effect.sync(() => job.emit(CopyEvent.BlobStarted({ destination: target.name, descriptor })))

/** The put, or the mount in its stead. `gate` is put round what needs the bytes after a mount has been declined. */
export const put = (
  member: Member,
  content: BlobContent<sided.Sided>,
  gate: PutBlobOptions["gate"]
): Effect.Effect<Moved, sided.Sided> => {
  const { action, descriptor, target } = member
  return Effect.map(
    sided.destination(target.repository.putBlob(descriptor, content, {
      // What holds no bytes is verified as it is put, as nothing was read for it.
      isVerified: descriptor.size > 0,
      mountFrom: mountFrom(member),
      gate
    })),
    (how): Moved => {
      if (how === "Uploaded") return { outcome: "Uploaded" }
      return action._tag === "Mount" ? { outcome: "Mounted", from: action.from } : { outcome: "Existed" }
    }
  )
}

/** With a span, and with what the metrics count. */
export const recorded = <E>(
  { descriptor, target }: Member,
  effect: Effect.Effect<Moved, E>
): Effect.Effect<Moved, E> =>
  effect.pipe(
    Effect.tap(({ outcome }) =>
      Effect.zipRight(
        outcome === "Uploaded" ? count(target.repository.registry, "upload", descriptor.size) : Effect.void,
        Effect.annotateCurrentSpan({ outcome, bytes: outcome === "Uploaded" ? descriptor.size : 0 })
      )
    ),
    Effect.withSpan("Copy.blob", {
      captureStackTrace: false,
      attributes: { digest: descriptor.digest, size: descriptor.size, destination: target.name }
    })
  )

export const count = (registry: string, direction: "download" | "upload", bytes: number): Effect.Effect<void> =>
  Metric.update(
    RegistryMetrics.bytes.pipe(Metric.tagged("registry", registry), Metric.tagged("direction", direction)),
    bytes
  )
