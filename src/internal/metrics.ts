/**
 * Counting, with tags.
 *
 * @internal
 */
import type * as Metric from "effect/Metric"
import * as MetricLabel from "effect/MetricLabel"

// A metric finds its counter at once by a list of labels that it has met, by identity.
const lists = new Map<string, ReadonlyArray<MetricLabel.MetricLabel>>()

/** Adds to a counter. */
export const count = (
  metric: Metric.Metric.Counter<number>,
  amount: number,
  tags: Readonly<Record<string, string>>
): void => {
  const key = JSON.stringify(tags)
  let labels = lists.get(key)
  if (labels === undefined) {
    lists.set(key, labels = Object.entries(tags).map(([name, value]) => MetricLabel.make(name, value)))
  }
  metric.unsafeUpdate(amount, labels)
}
