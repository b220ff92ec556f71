/**
 * How far a copy is, from its events: the bytes it has to move, those that have gone, and how fast they go.
 *
 * @internal
 */
import type { CopyEvent } from "../CopyEvent.js"
import type * as Descriptor from "../Descriptor.js"

/** What is known at a moment. `total` is undefined until something has been planned. */
export interface Reading {
  readonly done: number
  readonly total: number | undefined
  readonly retries: number
  /** Bytes a second over the last ones; undefined until there are some. */
  readonly rate: number | undefined
}

export interface Meter {
  readonly onEvent: (event: CopyEvent) => void
  /** To be asked at even intervals: the rate is that of the last ten. */
  readonly read: (now: number) => Reading
}

/** Of a destination as references name it, what comes before tag and digest. */
export const repositoryOf = (destination: string): string => destination.replace(/[:@][^/]*$/, "")

interface Transfer {
  readonly size: number
  done: number
}

const window = 10

export const make = (): Meter => {
  const destinations = new Map<string, Map<string, Transfer>>()
  const ended = { done: 0, total: 0 }
  const samples: Array<{ readonly time: number; readonly done: number }> = []
  let planned = false
  let retries = 0

  const transfersOf = (destination: string): Map<string, Transfer> => {
    const found = destinations.get(destination) ?? new Map<string, Transfer>()
    destinations.set(destination, found)
    return found
  }
  /** What goes to a repository for one destination goes for all that are there. */
  const isOnItsWay = (repository: string, { digest }: Descriptor.Descriptor): boolean =>
    [...destinations].some(([name, transfers]) => repositoryOf(name) === repository && transfers.has(digest))
  const set = (destination: string, { digest, size }: Descriptor.Descriptor, done: number) =>
    transfersOf(destination).set(digest, { size, done })
  /** A sync has thousands of ends: of what is over the sums alone are kept. */
  const end = (destination: string, isWhole: boolean) => {
    for (const { done, size } of transfersOf(destination).values()) {
      ended.done += done
      ended.total += isWhole ? size : done
    }
    destinations.delete(destination)
  }

  return {
    onEvent: (event) => {
      switch (event._tag) {
        case "Planned": {
          planned = true
          const repository = repositoryOf(event.destination)
          for (const { action, descriptor } of event.plan.blobs) {
            if (action === "Upload" && !isOnItsWay(repository, descriptor)) set(event.destination, descriptor, 0)
          }
          return
        }
        // A blob that was to be mounted, and was declined, adds to the total here.
        case "BlobStarted":
          return set(event.destination, event.descriptor, 0)
        case "BlobProgress":
          return set(event.destination, event.descriptor, event.bytes)
        case "BlobUploaded":
          return set(event.destination, event.descriptor, event.descriptor.size)
        case "BlobExisted":
        case "BlobMounted":
          return transfersOf(event.destination).delete(event.descriptor.digest)
        case "Retried":
          retries++
          return
        case "ManifestPushed":
          return
        case "Completed":
          return end(event.destination, true)
        case "Failed":
          return end(event.destination, false)
      }
    },
    read: (time) => {
      let { done, total } = ended
      for (const transfers of destinations.values()) {
        for (const transfer of transfers.values()) {
          done += transfer.done
          total += transfer.size
        }
      }
      samples.push({ time, done })
      if (samples.length > window + 1) samples.shift()
      const [first] = samples
      const elapsed = first === undefined ? 0 : time - first.time
      const moved = first === undefined ? 0 : done - first.done
      return {
        done,
        total: planned ? total : undefined,
        retries,
        rate: elapsed > 0 && moved > 0 ? (moved * 1000) / elapsed : undefined
      }
    }
  }
}
