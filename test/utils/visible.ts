/** What people may get to see of an effect: its failure in every rendering, logs of all levels, spans with their events. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"

/** Every rendering of a value that code in the field uses. */
export const renderings = (value: unknown): ReadonlyArray<string> => [
  inspect(value, { depth: 16, showHidden: true, maxStringLength: null, maxArrayLength: null, breakLength: Infinity }),
  JSON.stringify(value) ?? "",
  String(value),
  ...(value instanceof Error ? [value.message, value.stack ?? ""] : [])
]

const ofCause = (cause: Cause.Cause<unknown>): ReadonlyArray<string> => [
  Cause.pretty(cause, { renderErrorCause: true }),
  ...renderings(cause),
  ...[...Cause.failures(cause), ...Cause.defects(cause)].flatMap(renderings)
]

export interface Visible<A, E> {
  readonly exit: Exit.Exit<A, E>
  readonly texts: ReadonlyArray<string>
  /** Of these, what was logged. */
  readonly logs: ReadonlyArray<string>
}

/** Runs an effect, with the logger and the tracer that see the most. */
export const visible = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Visible<A, E>, never, R> =>
  Effect.suspend(() => {
    const logs: Array<string> = []
    const traced: Array<string> = []
    const logger = Logger.make((options) => {
      logs.push(
        Logger.stringLogger.log(options),
        Logger.jsonLogger.log(options),
        ...ofCause(options.cause),
        ...renderings(options.message),
        ...HashMap.toEntries(options.annotations).flatMap(renderings)
      )
    })
    const tracer = Tracer.make({
      context: (run) => run(),
      span: (name, parent, context, links, startTime, kind) => {
        traced.push(name)
        const attributes = new Map<string, unknown>()
        return {
          _tag: "Span",
          name,
          spanId: "1",
          traceId: "1",
          parent,
          context,
          links: [...links],
          status: { _tag: "Started", startTime },
          attributes,
          sampled: true,
          kind,
          addLinks: () => {},
          attribute: (key, value) => {
            traced.push(key, ...renderings(value))
            attributes.set(key, value)
          },
          end: (_, exit) => {
            if (Exit.isFailure(exit)) traced.push(...ofCause(exit.cause))
          },
          event: (event, _, values) => {
            traced.push(event, ...renderings(values))
          }
        }
      }
    })
    return effect.pipe(
      Effect.exit,
      Effect.withSpan("caller"),
      Effect.withTracer(tracer),
      Logger.withMinimumLogLevel(LogLevel.All),
      // Added to the default ones: that of the tracer makes each log line an event of its span.
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.map((exit) => ({
        exit,
        texts: [...logs, ...traced, ...(Exit.isFailure(exit) ? ofCause(exit.cause) : renderings(exit.value))],
        logs
      }))
    )
  })
