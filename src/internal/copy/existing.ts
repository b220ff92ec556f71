/**
 * What a destination has under the reference that is to be written, and what follows from it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Options } from "../../Copy.js"
import type * as Digest from "../../Digest.js"
import { AlreadyExists, DigestMismatch } from "../../RegistryError.js"
import * as sided from "./sided.js"
import type { Target } from "./target.js"

/** `Absent` is to be written, `There` is what would be, `Kept` is something else that is not to be overwritten. */
export type Verdict =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "There" }
  | { readonly _tag: "Kept"; readonly digest: Digest.Digest }

/**
 * What there is. A registry that refuses to tell (Artifactory answers 403 where it means 404) is taken to have nothing:
 * the writes that follow bring the answer.
 */
export const find = ({ destination, repository }: Target): Effect.Effect<Option.Option<Digest.Digest>, sided.Sided> => {
  const reference = destination.tag ?? destination.digest
  return reference === undefined ? Effect.succeedNone : repository.resolve(reference).pipe(
    Effect.map((descriptor) => Option.some(descriptor.digest)),
    Effect.catchTag("NotFound", "Denied", () => Effect.succeedNone),
    sided.destination
  )
}

/** Nothing may come under a destination's digest but what has it, and nothing over a tag that is to be kept. */
export const judge = (
  { destination, name }: Target,
  found: Option.Option<Digest.Digest>,
  wanted: Digest.Digest,
  { onExisting = "overwrite" }: Options,
  isSparse: boolean
): Effect.Effect<Verdict, sided.Sided> => {
  const refuse = (error: AlreadyExists | DigestMismatch) => Effect.fail(sided.make("destination", error))
  const { digest: expected } = destination
  if (expected !== undefined && expected !== wanted) {
    return refuse(new DigestMismatch({ resource: name, expected, actual: wanted }))
  }
  if (Option.isNone(found)) return Effect.succeed({ _tag: "Absent" })
  // Below a sparse index may be less, or other, than what is wanted of it now.
  if (found.value === wanted) return Effect.succeed({ _tag: isSparse ? "Absent" : "There" })
  switch (onExisting) {
    case "overwrite":
      return Effect.succeed({ _tag: "Absent" })
    case "skip":
      return Effect.succeed({ _tag: "Kept", digest: found.value })
    case "fail":
      return refuse(new AlreadyExists({ reference: name, digest: found.value }))
  }
}
