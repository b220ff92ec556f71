/**
 * Maps that remember a few things, and forget the oldest when there are too many.
 *
 * @internal
 */

/**
 * Sets a key, which is then the newest one, and forgets the oldest when there are more than `most`.
 *
 * @internal
 */
export const put = <K, V>(map: Map<K, V>, key: K, value: V, most: number): void => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
