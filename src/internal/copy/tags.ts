/**
 * The copy of a repository's tags, one after another and a few at once.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TagOutcome, TagsOptions } from "../../Copy.js"
import { InvalidInput } from "../../RegistryError.js"
import type * as Repository from "../../Repository.js"
import * as tagSelection from "../tagSelection.js"
import * as events from "./events.js"
import { copyOne } from "./run.js"

export const run = (
  source: Repository.Repository,
  destination: Repository.Repository,
  options: TagsOptions
): Stream.Stream<TagOutcome, Repository.Failure> =>
  Stream.unwrap(Effect.gen(function*() {
    const { tagConcurrency = 4, tags = {} } = options
    if (!Number.isInteger(tagConcurrency) || tagConcurrency < 1) {
      const reason = `${tagConcurrency} is not a whole number above 0`
      return yield* new InvalidInput({ field: "tagConcurrency", reason })
    }
    const isMeant = yield* tagSelection.make(tags)
    const since = destination.session.moment()
    return source.tags.pipe(
      Stream.filter(isMeant),
      Stream.mapEffect((tag) => one(source, destination, tag, options, since), {
        concurrency: tagConcurrency,
        unordered: true
      })
    )
  }))

const one = (
  source: Repository.Repository,
  repository: Repository.Repository,
  tag: string,
  options: TagsOptions,
  since: number
): Effect.Effect<TagOutcome> => {
  const name = `${repository.registry}/${repository.name}:${tag}`
  return events.telling(
    options.onEvent,
    (emit) => copyOne({ repository: source, reference: tag }, { repository, tag }, options, emit, since)
  ).pipe(
    Effect.match({
      onFailure: (error): TagOutcome => ({ _tag: "Failure", tag, destination: name, error }),
      onSuccess: (result): TagOutcome => ({ _tag: "Success", tag, destination: name, result })
    }),
    Effect.withSpan("Copy.tag", { captureStackTrace: false, attributes: { destination: name } })
  )
}
