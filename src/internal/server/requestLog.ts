/**
 * The latest requests to a registry.
 *
 * @internal
 */
export interface RequestLog<A> {
  readonly add: (entry: A) => void
  /** Oldest first. */
  readonly all: () => ReadonlyArray<A>
  readonly clear: () => void
}

/** A log of a bounded size: what comes when it is full takes the place of the oldest entry. */
export const make = <A>(size: number): RequestLog<A> => {
  let entries: Array<A> = []
  let oldest = 0
  return {
    add: (entry) => {
      if (entries.length < size) {
        entries.push(entry)
      } else if (size > 0) {
        entries[oldest] = entry
        oldest = (oldest + 1) % size
      }
    },
    all: () => [...entries.slice(oldest), ...entries.slice(0, oldest)],
    clear: () => {
      entries = []
      oldest = 0
    }
  }
}
