/**
 * Removal of manifests and tags (distribution-spec, "Content Management").
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { ErrorEntry, UnexpectedStatus } from "../../RegistryError.js"
import type { Failure } from "../../Repository.js"
import { checkTarget } from "../names.js"
import { subjectOf } from "../referrer.js"
import { getManifest } from "./manifests.js"
import { forget } from "./referrersTag.js"
import { base, isStatus, orNotFound, reference, type Remote, remove } from "./remote.js"

/** A registry that has deletion off answers 405, or 400, often without a word. */
export const unsupported = (what: string) => (error: UnexpectedStatus): UnexpectedStatus =>
  isStatus(error, 400, 405, 501) && error.errors.length === 0
    ? new UnexpectedStatus({
      method: error.method,
      url: error.url,
      status: error.status,
      errors: [new ErrorEntry({ code: "UNSUPPORTED", message: `this registry does not let ${what} be deleted so` })]
    })
    : error

export const deleteManifest = (remote: Remote) =>
  Effect.fnUntraced(function*(requested: string): Effect.fn.Return<void, Failure> {
    const target = yield* checkTarget(requested)
    const url = `${yield* base(remote)}/manifests/${requested}`
    // Only what the manifest says of itself tells whose list of referrers it may be in; a tag leaves the manifest.
    const manifest = target._tag === "Tag" ? undefined : yield* getManifest(remote)(target.digest).pipe(
      // What cannot be read can be removed all the same, and is in no list that was kept by this library.
      Effect.catchIf((error) => error._tag !== "NotFound", () => Effect.succeed(undefined))
    )
    yield* remote.transport.call({
      method: "DELETE",
      registry: remote.registry,
      url,
      scopes: remove(remote.name),
      accept: [200, 202, 204],
      replay: true
    }).pipe(
      Effect.catchTag("UnexpectedStatus", unsupported(target._tag === "Tag" ? "tags" : "manifests")),
      orNotFound("manifest", reference(remote, requested))
    )
    const subject = manifest === undefined ? undefined : subjectOf(manifest.raw)
    if (manifest !== undefined && subject !== undefined) {
      yield* forget(remote, subject, manifest.descriptor.digest)
    }
  })
