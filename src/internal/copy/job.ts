/**
 * One run of a copy: where it reads, how much it does at once, and who is told.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Options } from "../../Copy.js"
import { CopyEvent } from "../../CopyEvent.js"
import { InvalidInput } from "../../RegistryError.js"
import type * as Repository from "../../Repository.js"
import { CurrentObserver, type Observer } from "../observer.js"
import * as Pool from "../pool.js"
import * as progress from "./progress.js"
import * as sided from "./sided.js"

/** Takes events as they happen; it must be quick. */
export type Emit = (event: CopyEvent) => void

export interface Job {
  readonly source: Repository.Repository
  readonly mountFrom: ReadonlyArray<string>
  readonly concurrency: number
  readonly nonDistributable: NonNullable<Options["nonDistributable"]>
  /** Ends with the run, and what was forked into it. */
  readonly scope: Scope.Scope
  /** Places for blobs whose bytes take time. */
  readonly places: Pool.Pool
  readonly emit: Emit
  /** Counts the bytes on their way to a target. */
  readonly meter: progress.Meter
  /** Has the requests of a stream counted that is run where this fiber's context does not reach. */
  readonly observed: <E>(content: Stream.Stream<Uint8Array, E>) => Stream.Stream<Uint8Array, E>
  readonly tally: { requests: number; retries: number }
  /**
   * What is asked of a repository, or stored there, once for all targets in it; `key` says what. A failure is each one's
   * own.
   */
  readonly once: <A, E, R>(
    repository: Repository.Repository,
    key: string,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
}

const makeOnce = (): Job["once"] => {
  // Two clients may lead the same name to different places.
  const sessions = new WeakMap<Repository.Session, Map<string, unknown>>()
  return <A, E, R>({ name, registry, session }: Repository.Repository, key: string, effect: Effect.Effect<A, E, R>) => {
    const place = `${key} ${registry}/${name}`
    return Effect.suspend(() => {
      const results = sessions.get(session) ?? new Map<string, unknown>()
      sessions.set(session, results)
      return results.has(place)
        // A key stands for one kind of work, so its results are of one type.
        ? Effect.succeed(results.get(place) as A)
        : Effect.tap(session.single(place, effect), (result) => Effect.sync(() => results.set(place, result)))
    })
  }
}

export const defaultConcurrency = 6

/** Runs an effect as a job; what it asks of registries is counted and told. */
export const run = <A, E, R>(
  source: Repository.Repository,
  options: Pick<Options, "concurrency" | "mountFrom" | "nonDistributable" | "progressInterval">,
  emit: Emit | undefined,
  body: (job: Job) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | sided.Sided, Exclude<R, Scope.Scope>> =>
  interruptibleWithin(Effect.scoped(Effect.gen(function*() {
    const { concurrency = defaultConcurrency, mountFrom = [], progressInterval = "250 millis" } = options
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      const reason = `${concurrency} is not a whole number above 0`
      return yield* sided.make("none", new InvalidInput({ field: "concurrency", reason }))
    }
    const { nonDistributable = "auto" } = options
    if (!["auto", "copy", "skip"].includes(nonDistributable)) {
      const reason = "it is not auto, copy or skip"
      return yield* sided.make("none", new InvalidInput({ field: "nonDistributable", reason }))
    }
    const outer = yield* CurrentObserver
    const tally = { requests: 0, retries: 0 }
    const observer: Observer = {
      onRequest: () => {
        tally.requests++
        outer.onRequest()
      },
      onRetry: (retry) => {
        tally.retries++
        emit?.(CopyEvent.Retried(retry))
        outer.onRetry(retry)
      }
    }
    const job: Job = {
      source,
      mountFrom,
      concurrency,
      nonDistributable,
      scope: yield* Effect.scope,
      places: Pool.make(concurrency),
      emit: emit ?? (() => {}),
      meter: emit === undefined ? progress.none : yield* progress.make(emit, progressInterval),
      observed: Stream.provideService(CurrentObserver, observer),
      tally,
      once: makeOnce()
    }
    return yield* Effect.provideService(body(job), CurrentObserver, observer)
  })))

/**
 * In a fiber of its own, whose parts can stop each other also where the caller cannot be interrupted; whether the whole
 * can be is the caller's to say.
 */
const interruptibleWithin = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.fork(Effect.interruptible(effect)),
      (fiber) => Effect.onExit(restore(Fiber.join(fiber)), () => Fiber.interrupt(fiber))
    )
  )
