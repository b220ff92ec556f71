/**
 * How schemas take what registries send: `null` for absent, and errors in one line.
 *
 * @internal
 */
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/** Options of an optional property for which `null` means absent. */
export const absent = { exact: true, nullable: true } as const

/** An array for which `null` and absence mean empty: Go writes `null` for a nil slice. */
export const tolerantArray = <A, I>(item: Schema.Schema<A, I>) =>
  Schema.optionalWith(Schema.Array(item), { nullable: true, default: () => [] })

/** What is wrong, each issue with its place. */
export const issues = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error).map(({ message, path }) => `${path.join(".")}: ${message}`).join(
    "; "
  )
