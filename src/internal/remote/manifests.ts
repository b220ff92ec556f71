/**
 * Manifests of a repository: resolve, get, put.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Descriptor from "../../Descriptor.js"
import * as Digest from "../../Digest.js"
import * as Manifest from "../../Manifest.js"
import * as MediaType from "../../MediaType.js"
import { NotFound } from "../../OperationError.js"
import {
  DigestMismatch,
  InvalidInput,
  ManifestInvalid,
  type RegistryError,
  type SizeMismatch,
  type UnexpectedStatus,
  UnsupportedMediaType
} from "../../RegistryError.js"
import type { Failure } from "../../Repository.js"
import type { Response } from "../http/transport.js"
import { checkDigest, checkTag, checkTarget, type Target } from "../names.js"
import { again, stepOf } from "./backoff.js"
import { withParameter } from "./location.js"
import {
  base,
  isStatus,
  maxManifestSize,
  orNotFound,
  readScopes,
  reference,
  type Remote,
  success,
  writeScopes
} from "./remote.js"

/** without it old registries convert manifests down to schema 1. */
const accept = (mediaType?: string): string =>
  mediaType === undefined || !Descriptor.isMediaType(mediaType) || MediaType.acceptManifests.includes(mediaType)
    ? MediaType.acceptManifests.join(", ")
    : [...MediaType.acceptManifests, mediaType].join(", ")

const text = (target: Target): string => target._tag === "Tag" ? target.tag : target.digest

/** The digest that a registry says its answer has, when it is one that can be used. */
export const contentDigest = (response: Pick<Response, "headers">): Option.Option<Digest.Digest> =>
  Option.filter(Digest.parse(response.headers["docker-content-digest"]?.trim() ?? ""), Digest.isSupported)

/** Descriptor of the manifest: one HEAD, and a GET only where the HEAD does not tell all. */
export const resolve = (remote: Remote) =>
  Effect.fnUntraced(function*(
    requested: string
  ): Effect.fn.Return<Descriptor.Descriptor, Failure> {
    const target = yield* checkTarget(requested)
    const path = yield* base(remote)
    const head = remote.transport.call({
      method: "HEAD",
      registry: remote.registry,
      url: `${path}/manifests/${text(target)}`,
      scopes: readScopes(remote),
      headers: { accept: accept() },
      accept: [200, 404],
      replay: true
    })
    const get = Effect.map(getManifest(remote)(requested), (manifest) => manifest.descriptor)
    const told = yield* head.pipe(
      Effect.flatMap((response): Effect.Effect<Option.Option<Descriptor.Descriptor>, DigestMismatch | NotFound> =>
        response.status === 404
          // The answer to a HEAD has no words.
          ? new NotFound({ resource: "manifest", reference: reference(remote, requested), side: "none", errors: [] })
          : described(remote, target, response)
      ),
      Effect.catchTags({
        UnexpectedStatus: (error) =>
          isStatus(error, 408, 502, 503, 504) ? Effect.fail(error) : Effect.succeed(Option.none()),
        // The answer to a HEAD has no words; those of a GET say why. Storage that signs for GET alone also gets here.
        Denied: (denied) =>
          get.pipe(
            Effect.catchIf((error) => error._tag !== "Denied" && error._tag !== "NotFound", () => Effect.fail(denied)),
            Effect.asSome
          )
      })
    )
    return Option.isSome(told) ? told.value : yield* get
  })

/** What the headers of a HEAD tell, when they tell all of it. */
const described = (
  remote: Remote,
  target: Target,
  { headers }: Response
): Effect.Effect<Option.Option<Descriptor.Descriptor>, DigestMismatch> => {
  const told = contentDigest({ headers })
  const digest = target._tag === "Digest" ? target.digest : Option.getOrUndefined(told)
  // A registry may name the content by another algorithm than it was asked by; only the same one can contradict.
  if (target._tag === "Digest" && Option.isSome(told) && told.value !== target.digest) {
    if (Digest.algorithm(told.value) === Digest.algorithm(target.digest)) {
      const resource = reference(remote, target.digest)
      return Effect.fail(new DigestMismatch({ resource, expected: target.digest, actual: told.value }))
    }
  }
  const mediaType = MediaType.fromContentType(headers["content-type"])
  const length = headers["content-length"]?.trim() ?? ""
  const size = /^[0-9]{1,16}$/.test(length) ? Number(length) : 0
  const telling = Descriptor.isMediaType(mediaType) && !MediaType.isGeneric(mediaType) &&
    !MediaType.isSchema1(mediaType) && !mediaType.startsWith("text/")
  return Effect.succeed(
    digest !== undefined && telling && size > 0 && Number.isSafeInteger(size)
      ? Option.some({ mediaType, digest, size })
      : Option.none()
  )
}

/** A manifest, where it came from, and by what name the registry knows this version of what a tag names. */
export interface Fetched {
  readonly manifest: Manifest.Manifest
  readonly url: string
  readonly etag: string | undefined
}

export const getManifest =
  (remote: Remote) => (requested: string, options?: { readonly expected?: Descriptor.Descriptor | undefined }) =>
    Effect.map(fetchManifest(remote)(requested, options), ({ manifest }) => manifest)

/**
 * The manifest, read within its limit and verified by whatever digest is known of it. One that came
 * damaged is fetched once more.
 */
export const fetchManifest = (remote: Remote) =>
  Effect.fnUntraced(function*(
    requested: string,
    options?: { readonly expected?: Descriptor.Descriptor | undefined }
  ): Effect.fn.Return<Fetched, Failure> {
    const target = yield* checkTarget(requested)
    const path = yield* base(remote)
    const resource = reference(remote, requested)
    const expected = options?.expected
    const digest = target._tag === "Digest" ? target.digest : expected?.digest
    if (expected !== undefined && expected.digest !== digest) {
      const reason = `${expected.digest} is expected of a manifest asked for as ${digest}`
      return yield* new InvalidInput({ field: "expected", reason })
    }
    if (digest !== undefined) yield* Digest.hasherFor(digest)
    const limit = maxManifestSize(remote)
    if (expected !== undefined && expected.size > limit) {
      const reason = `it has ${expected.size} bytes, more than the limit of ${limit}`
      return yield* new ManifestInvalid({ resource, reason, errors: [] })
    }
    const read = (response: Response) =>
      Effect.flatMap(response.bytes(limit), (raw) =>
        Manifest.decode(raw, {
          resource,
          contentType: response.headers["content-type"],
          expected: expected ??
            Option.getOrUndefined(Option.map(
              digest === undefined ? contentDigest(response) : Option.some(digest),
              (digest) => ({ digest })
            ))
        })).pipe(
          Effect.mapError((error) => withoutSecrets(error, response)),
          Effect.map((manifest): Fetched => ({ manifest, url: response.url, etag: response.headers["etag"]?.trim() }))
        )
    const get = (
      damaged: (error: DigestMismatch | SizeMismatch, url: string) => Effect.Effect<Fetched, Failure>
    ): Effect.Effect<Fetched, Failure> =>
      remote.transport.call({
        method: "GET",
        registry: remote.registry,
        url: `${path}/manifests/${text(target)}`,
        scopes: readScopes(remote),
        headers: { accept: accept(expected?.mediaType) },
        accept: [200],
        replay: true,
        buffer: limit
      }).pipe(
        Effect.flatMap((response) =>
          Effect.catchTag(read(response), "DigestMismatch", "SizeMismatch", (error) => damaged(error, response.url))
        ),
        orNotFound("manifest", resource)
      )
    return yield* get((error, url) =>
      Effect.zipRight(again(remote, stepOf(error, { method: "GET", url }), 1, 0), get(Effect.fail))
    )
  })

/** What a debugging proxy answers with 200 is no manifest, and the error quotes from it. */
const withoutSecrets = (error: RegistryError, response: Response): RegistryError => {
  // A word that is cut may be the beginning of a secret.
  const hide = (text: string) => response.hide(text.replace(/\S*…$/, "…"))
  switch (error._tag) {
    case "ManifestInvalid":
      return new ManifestInvalid({ resource: error.resource, reason: hide(error.reason), errors: error.errors })
    case "UnsupportedMediaType":
      return new UnsupportedMediaType({
        resource: error.resource,
        mediaType: hide(error.mediaType),
        reason: error.reason
      })
    default:
      return error
  }
}

export interface Put {
  readonly digest: Digest.Digest
  /** The registry keeps the list of referrers of the manifest's subject by itself. */
  readonly indexed: boolean
}

/** Stores the bytes as they are, without care for referrers. `condition` is for what the tag names now. */
export const putManifest = (remote: Remote) =>
  Effect.fnUntraced(function*(
    { descriptor, raw }: Pick<Manifest.Manifest, "descriptor" | "raw">,
    tag?: string,
    condition?: Readonly<Record<string, string>>
  ): Effect.fn.Return<Put, Failure> {
    const digest = yield* checkDigest(descriptor.digest)
    if (tag !== undefined) yield* checkTag(tag)
    const path = `${yield* base(remote)}/manifests`
    const resource = reference(remote, tag ?? digest)
    if (!Descriptor.isMediaType(descriptor.mediaType)) {
      return yield* new InvalidInput({ field: "mediaType", reason: "the manifest's media type is not one" })
    }
    yield* Digest.verifyBytes(raw, { digest, size: descriptor.size }, resource)

    const put = (url: string) =>
      remote.transport.call({
        method: "PUT",
        registry: remote.registry,
        url,
        scopes: writeScopes(remote),
        headers: condition,
        // the type without parameters, the same as inside.
        body: { _tag: "Bytes", bytes: raw, contentType: descriptor.mediaType },
        accept: success,
        replay: true
      }).pipe(
        Effect.tap((response) => checkStored(response, raw, resource)),
        Effect.catchTag("UnexpectedStatus", (error) => refused(error, remote, resource))
      )

    // A registry hashes what comes by tag with sha256; only by its digest does other content keep its name.
    const byTag = tag !== undefined && Digest.algorithm(digest) === "sha256"
    const plain = `${path}/${byTag ? tag : digest}`
    const response = yield* put(byTag || tag === undefined ? plain : withParameter(plain, "tag", tag))
    if (tag !== undefined && !byTag) {
      const accepted = (response.headers["oci-tag"] ?? "").split(",").map((name) => name.trim())
      if (!accepted.includes(tag)) yield* put(`${path}/${tag}`)
    }
    return { digest, indexed: response.headers["oci-subject"] !== undefined }
  })

/** a digest in the answer is checked against the bytes sent, with its own algorithm. */
const checkStored = (
  response: Response,
  raw: Uint8Array,
  resource: string
): Effect.Effect<void, DigestMismatch> =>
  Option.match(contentDigest(response), {
    onNone: () => Effect.void,
    onSome: (actual) => {
      const expected = Digest.fromBytes(raw, Digest.algorithm(actual) as Digest.Algorithm)
      return actual === expected ? Effect.void : new DigestMismatch({ resource, expected, actual })
    }
  })

/** a refused manifest, with all that the registry says is wrong with it. */
const refused = (
  error: UnexpectedStatus,
  remote: Remote,
  resource: string
): Effect.Effect<never, ManifestInvalid | NotFound | UnexpectedStatus> => {
  const { errors, status } = error
  const about = errors.some(({ code }) => /^(?:MANIFEST_|BLOB_|DIGEST_|TAG_|SIZE_)/.test(code))
  if (status === 413) {
    return new ManifestInvalid({ resource, reason: "it is larger than the registry allows (413)", errors })
  }
  if (status === 404 && !about) {
    const reference = `${remote.registry}/${remote.name}`
    return new NotFound({ resource: "repository", reference, side: "none", errors })
  }
  return status === 400 || status === 404 || status === 409 || status === 422
    ? new ManifestInvalid({ resource, reason: `the registry refused it (${status})`, errors })
    : error
}
