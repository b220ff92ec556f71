/**
 * What happens in the course of a copy, as events: for a progress bar, a log, a record.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type { CopyFailure, CopyResult, Plan } from "./Copy.js"
import type * as Descriptor from "./Descriptor.js"

/**
 * An event. `destination` is the one it is about, as references name it: `registry.example/app:1.0`.
 *
 * - `Planned`: the first event of a destination; what is there, what will be mounted and what has to move, with totals
 *   in bytes. Nothing has been written yet
 * - `BlobStarted`: the bytes of a blob are about to go to the destination
 * - `BlobProgress`: how many of a blob's bytes have gone so far; a few times a second, and less when the transfer starts
 *   over
 * - `BlobExisted`, `BlobMounted`, `BlobUploaded`: the blob is at the destination
 * - `ManifestPushed`: a manifest is there, under `tag` if it has one
 * - `Retried`: a request failed, or a transfer broke off, and is tried again after `delay`; `url` is without its query
 * - `Completed`: the last event of a destination that has it all
 * - `Failed`: the last event of a destination that has not; of a copy to one destination the copy itself fails instead
 *
 * @since 0.1.0
 * @category models
 */
export type CopyEvent = Data.TaggedEnum<{
  Planned: { readonly destination: string; readonly plan: Plan }
  BlobStarted: { readonly destination: string; readonly descriptor: Descriptor.Descriptor }
  BlobProgress: { readonly destination: string; readonly descriptor: Descriptor.Descriptor; readonly bytes: number }
  BlobExisted: { readonly destination: string; readonly descriptor: Descriptor.Descriptor }
  BlobMounted: { readonly destination: string; readonly descriptor: Descriptor.Descriptor; readonly from: string }
  BlobUploaded: { readonly destination: string; readonly descriptor: Descriptor.Descriptor }
  ManifestPushed: {
    readonly destination: string
    readonly descriptor: Descriptor.Descriptor
    readonly tag: string | undefined
  }
  Retried: {
    readonly registry: string
    readonly method: string
    readonly url: string
    readonly attempt: number
    readonly reason: string
    readonly delay: Duration.Duration
  }
  Completed: { readonly destination: string; readonly result: CopyResult }
  Failed: { readonly destination: string; readonly error: CopyFailure }
}>

/**
 * Constructors of the events, `$is` and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const CopyEvent = Data.taggedEnum<CopyEvent>()
