/**
 * How schemas take what registries send: `null` for absent, and errors in one line.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/** Options of an optional property for which `null` means absent. */
export const absent = { exact: true, nullable: true } as const

/** An array for which `null` and absence mean empty: Go writes `null` for a nil slice. */
export const tolerantArray = <A, I>(item: Schema.Schema<A, I>) =>
  Schema.optionalWith(Schema.Array(item), { nullable: true, default: () => [] })

/**
 * Decodes JSON, unknown properties included, by a schema that changes nothing about a value of its own type, as those made
 * of the above do. Most of what comes is of the type already. To find that out takes a sixth of the time of decoding: of a
 * manifest with 10 000 entries that matters.
 */
export const decodeWire = <A, I>(
  schema: Schema.Schema<A, I>
): (json: unknown) => Either.Either<A, ParseResult.ParseError> => {
  const isDecoded = Schema.is(Schema.typeSchema(schema))
  const decode = Schema.decodeUnknownEither(schema, { onExcessProperty: "preserve" })
  return (json) => isDecoded(json) ? Either.right(json) : decode(json)
}

/** What is wrong, each issue with its place. */
export const issues = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error).map(({ message, path }) => `${path.join(".")}: ${message}`).join(
    "; "
  )
