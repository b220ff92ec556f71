/**
 * What was got, or is being got, for scopes, found by them without a look at all the rest: a client may know thousands of
 * repositories.
 *
 * @internal
 */
import * as Scopes from "./scope.js"

/** @internal */
export interface ScopeIndex<A> {
  readonly all: ReadonlySet<A>
  readonly add: (entry: A) => void
  readonly remove: (entry: A) => void
  /** Those that are good for all of `need`, in the order in which they were added. */
  readonly covering: (need: ReadonlyArray<string>) => Iterable<A>
  /** Those that were wanted for exactly this, in the same order. */
  readonly wanting: (wanted: ReadonlyArray<string>) => Iterable<A>
}

/**
 * `scopesOf` says what an entry is good for, which may be less than it was wanted for. Lists of scopes are as
 * `Scopes.union` makes them.
 *
 * @internal
 */
export const make = <A extends { readonly wanted: ReadonlyArray<string> }>(
  scopesOf: (entry: A) => ReadonlyArray<string>
): ScopeIndex<A> => {
  const all = new Set<A>()
  const byResource = new Map<string, Set<A>>()
  const byWanted = new Map<string, Set<A>>()
  const none: ReadonlySet<A> = new Set()

  const places = (entry: A): ReadonlyArray<readonly [Map<string, Set<A>>, string]> => [
    [byWanted, text(entry.wanted)],
    ...scopesOf(entry).map((scope) => [byResource, Scopes.resource(scope)] as const)
  ]
  /** Of the resources that are needed the one that the fewest entries are good for: the source of mounts may be in all. */
  const candidates = (need: ReadonlyArray<string>): ReadonlySet<A> =>
    need.reduce<ReadonlySet<A>>((fewest, scope) => {
      const those = byResource.get(Scopes.resource(scope)) ?? none
      return those.size < fewest.size ? those : fewest
    }, all)

  return {
    all,
    add: (entry) => {
      all.add(entry)
      for (const [map, key] of places(entry)) {
        const those = map.get(key)
        if (those === undefined) map.set(key, new Set([entry]))
        else those.add(entry)
      }
    },
    remove: (entry) => {
      if (!all.delete(entry)) return
      for (const [map, key] of places(entry)) {
        const those = map.get(key)
        those?.delete(entry)
        if (those?.size === 0) map.delete(key)
      }
    },
    *covering(need) {
      for (const entry of candidates(need)) if (Scopes.covers(scopesOf(entry), need)) yield entry
    },
    wanting: (wanted) => byWanted.get(text(wanted)) ?? none
  }
}

const text = (scopes: ReadonlyArray<string>): string => scopes.join(" ")
