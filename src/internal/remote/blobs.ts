/**
 * Whether a blob is there, and its removal.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Digest from "../../Digest.js"
import { SizeMismatch } from "../../RegistryError.js"
import type { Failure } from "../../Repository.js"
import { declaredLength } from "../http/body.js"
import { checkDigest, checkSize } from "../names.js"
import { type Blob, checkBlob } from "./content.js"
import { base, isStatus, orNotFound, readScopes, reference, type Remote, remove } from "./remote.js"
import { unsupported } from "./removal.js"

/**
 * One HEAD; a GET, given up at its headers, only where a HEAD is not possible. The `Content-Length` is the size of the
 * blob (distribution-spec, "Checking if content exists in the registry"): a registry that lost its disk in the middle
 * of a write has a part of it. Without a usable one the blob counts as there, as the question is only asked to save an
 * upload. Some registries and proxies say 0 in the answer to every HEAD: then a GET decides.
 */
export const hasBlob = (remote: Remote) =>
  Effect.fnUntraced(function*(
    input: Digest.Digest,
    { size }: { readonly size?: number | undefined } = {}
  ): Effect.fn.Return<boolean, Failure> {
    const digest = yield* checkDigest(input)
    if (size !== undefined) yield* checkSize(size)
    const url = `${yield* base(remote)}/blobs/${digest}`
    const isOfSize = (length = size) => size === undefined || length === size
    const ask = (method: "HEAD" | "GET"): Effect.Effect<boolean, Failure> =>
      remote.transport.call({
        method,
        registry: remote.registry,
        url,
        scopes: readScopes(remote),
        // No error is made of the answer that most blobs get.
        accept: [200, 404],
        replay: true
      }).pipe(Effect.flatMap(({ headers, status }) => {
        if (status !== 200) return Effect.succeed(false)
        const length = declaredLength(headers)
        return method === "GET" || length !== 0 || isOfSize(0)
          ? Effect.succeed(isOfSize(length))
          : Effect.orElseSucceed(ask("GET"), () => false)
      }))
    const there = yield* ask("HEAD").pipe(
      Effect.catchTags({
        UnexpectedStatus: (error) => isStatus(error, 408, 502, 503, 504) ? Effect.fail(error) : ask("GET"),
        // Storage may have signed its address for GET alone, and the words of a refusal come with a GET only.
        Denied: (denied) => Effect.catchIf(ask("GET"), (error) => error._tag !== "Denied", () => Effect.fail(denied))
      })
    )
    if (there) remote.session.markBlob(remote.registry, remote.name, digest)
    else remote.session.forgetBlob(remote.registry, remote.name, digest)
    return there
  })

/** All of a small blob, verified: one GET, made again from the beginning where it breaks off. */
export const readBlob = (remote: Remote) =>
  Effect.fnUntraced(function*(blob: Blob): Effect.fn.Return<Uint8Array, Failure> {
    const digest = yield* checkBlob(blob)
    const { size } = blob
    const resource = reference(remote, digest)
    yield* Digest.hasherFor(digest)
    const bytes = yield* remote.transport.call({
      method: "GET",
      registry: remote.registry,
      url: `${yield* base(remote)}/blobs/${digest}`,
      scopes: readScopes(remote),
      accept: [200],
      replay: true,
      buffer: size
    }).pipe(
      Effect.flatMap((response) => response.bytes(size)),
      orNotFound("blob", resource),
      Effect.catchTags({
        NotFound: (error) => {
          remote.session.forgetBlob(remote.registry, remote.name, digest)
          return Effect.fail(error)
        },
        TransportError: (error) =>
          error.size === undefined ? error : new SizeMismatch({ resource, expected: size, actual: error.size })
      })
    )
    yield* Digest.verifyBytes(bytes, { digest, size }, resource)
    return bytes
  })

/** Deletes the blob (distribution-spec, "Deleting Blobs"). */
export const deleteBlob = (remote: Remote) =>
  Effect.fnUntraced(function*(input: Digest.Digest): Effect.fn.Return<void, Failure> {
    const digest = yield* checkDigest(input)
    const url = `${yield* base(remote)}/blobs/${digest}`
    yield* remote.transport.call({
      method: "DELETE",
      registry: remote.registry,
      url,
      scopes: remove(remote.name),
      accept: [200, 202, 204],
      replay: true
    }).pipe(
      Effect.catchTag("UnexpectedStatus", unsupported("blobs")),
      orNotFound("blob", reference(remote, digest))
    )
    remote.session.forgetBlob(remote.registry, remote.name, digest)
  })
