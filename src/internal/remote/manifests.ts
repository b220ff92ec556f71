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
  AlreadyExists,
  type Denied,
  DigestMismatch,
  type ErrorEntry,
  InvalidInput,
  ManifestInvalid,
  type RegistryError,
  type SizeMismatch,
  type UnexpectedStatus,
  UnsupportedMediaType
} from "../../RegistryError.js"
import type { Failure } from "../../Repository.js"
import { declaredLength } from "../http/body.js"
import type { Response } from "../http/transport.js"
import { checkDigest, checkTag, checkTarget, type Target } from "../names.js"
import { again, stepOf } from "./backoff.js"
import { withParameter } from "./location.js"
import { missing } from "./missingRepository.js"
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

/** Without `Accept` old registries convert manifests down to schema 1. */
const accept = (mediaType?: string): string =>
  mediaType === undefined || !Descriptor.isMediaType(mediaType) || MediaType.acceptManifests.includes(mediaType)
    ? MediaType.acceptManifests.join(", ")
    : [...MediaType.acceptManifests, mediaType].join(", ")

const text = (target: Target): string => target._tag === "Tag" ? target.tag : target.digest

/** The digest that a registry says its answer has, when it is one that can be used. */
export const contentDigest = (response: Pick<Response, "headers">): Option.Option<Digest.Digest> =>
  Option.filter(Digest.parse(response.headers["docker-content-digest"]?.trim() ?? ""), Digest.isSupported)

/**
 * Descriptor of the manifest: one HEAD, and a GET only where the HEAD does not tell all (distribution-spec, "Checking
 * if content exists in the registry").
 */
export const resolve = (remote: Remote) => asked(remote, described, ({ descriptor }) => descriptor)

/** Whether there is a manifest: one HEAD, of which only the status matters, and a GET only where a HEAD is no help. */
export const exists = (remote: Remote) => {
  const ask = asked(remote, present, () => true)
  return (requested: string): Effect.Effect<boolean, Failure> =>
    Effect.catchTag(ask(requested), "NotFound", () => Effect.succeed(false))
}

/**
 * Asks with a HEAD, and with a GET where `told` makes nothing of its answer or where the registry refuses a HEAD.
 */
const asked = <A>(
  remote: Remote,
  told: (remote: Remote, target: Target, response: Response) => Effect.Effect<Option.Option<A>, DigestMismatch>,
  read: (manifest: Manifest.Manifest) => A
) =>
  Effect.fnUntraced(function*(requested: string): Effect.fn.Return<A, Failure> {
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
    const get = Effect.map(getManifest(remote)(requested), read)
    const found = yield* head.pipe(
      Effect.flatMap((response): Effect.Effect<Option.Option<A>, DigestMismatch | NotFound> =>
        response.status === 404
          // The answer to a HEAD has no words.
          ? new NotFound({ resource: "manifest", reference: reference(remote, requested), side: "none", errors: [] })
          : told(remote, target, response)
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
    return Option.isSome(found) ? found.value : yield* get
  })

/** The digest of what a HEAD found, if it is known, which is not another than the one asked for. */
const digestOf = (
  remote: Remote,
  target: Target,
  response: Response
): Effect.Effect<Digest.Digest | undefined, DigestMismatch> => {
  const told = contentDigest(response)
  if (target._tag === "Tag") return Effect.succeed(Option.getOrUndefined(told))
  const { digest } = target
  // A registry may name the content by another algorithm than it was asked by; only the same one can contradict.
  return Option.isSome(told) && told.value !== digest && Digest.algorithm(told.value) === Digest.algorithm(digest)
    ? new DigestMismatch({ resource: reference(remote, digest), expected: digest, actual: told.value })
    : Effect.succeed(digest)
}

/** What the headers of a HEAD tell, when they tell all of it. */
const described = (
  remote: Remote,
  target: Target,
  response: Response
): Effect.Effect<Option.Option<Descriptor.Descriptor>, DigestMismatch> =>
  Effect.map(digestOf(remote, target, response), (digest) => {
    const { headers } = response
    const mediaType = MediaType.fromContentType(headers["content-type"])
    const size = declaredLength(headers) ?? 0
    const telling = Descriptor.isMediaType(mediaType) && !MediaType.isGeneric(mediaType) &&
      !MediaType.isSchema1(mediaType) && !mediaType.startsWith("text/")
    return digest !== undefined && telling && size > 0
      ? Option.some({ mediaType, digest, size })
      : Option.none()
  })

/** Whether a HEAD found a manifest; a web page, of whoever asks people to log in, tells nothing. */
const present = (
  remote: Remote,
  target: Target,
  response: Response
): Effect.Effect<Option.Option<boolean>, DigestMismatch> =>
  Effect.as(
    digestOf(remote, target, response),
    MediaType.fromContentType(response.headers["content-type"]) === "text/html" ? Option.none() : Option.some(true)
  )

/** A manifest, where it came from, and by what name the registry knows this version of what a tag names. */
export interface Fetched {
  readonly manifest: Manifest.Manifest
  readonly url: string
  readonly etag: string | undefined
}

export const getManifest =
  (remote: Remote) => (requested: string, options?: { readonly expected?: Manifest.Expected | undefined }) =>
    Effect.map(fetchManifest(remote)(requested, options), ({ manifest }) => manifest)

/**
 * The manifest, read within its limit and verified by whatever digest is known of it (distribution-spec, "Pulling
 * manifests"). One that came damaged is fetched once more.
 */
export const fetchManifest = (remote: Remote) =>
  Effect.fnUntraced(function*(
    requested: string,
    options?: { readonly expected?: Manifest.Expected | undefined }
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
    if (expected?.size !== undefined && expected.size > limit) {
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
  /**
   * The registry keeps the list of referrers of the manifest's subject by itself (distribution-spec, "Pushing Manifests
   * with Subject").
   */
  readonly indexed: boolean
}

/**
 * Stores the bytes as they are, without care for referrers. `condition` is for what the tag names now. Nothing is sent
 * that this client could not read back.
 */
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
    const limit = maxManifestSize(remote)
    if (raw.byteLength > limit) {
      const reason = `it has ${raw.byteLength} bytes, more than the limit of ${limit}`
      return yield* new ManifestInvalid({ resource, reason, errors: [] })
    }
    yield* Manifest.decode(raw, { resource, contentType: descriptor.mediaType, expected: descriptor })

    const put = (url: string) =>
      remote.transport.call({
        method: "PUT",
        registry: remote.registry,
        url,
        scopes: writeScopes(remote),
        headers: condition,
        // The type without parameters, the same as inside.
        body: { _tag: "Bytes", bytes: raw, contentType: descriptor.mediaType },
        accept: success,
        replay: true
      }).pipe(
        Effect.tap((response) => checkStored(response, raw, resource))
      )

    const store = Effect.gen(function*() {
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
    return yield* Effect.catchAll(store, (error): Effect.Effect<Put, Failure> => {
      const final: Effect.Effect<never, Failure> = error._tag === "UnexpectedStatus"
        ? refused(error, remote, resource)
        : Effect.fail(error)
      if (tag === undefined || !mayBeKept(error, condition)) return final
      return Effect.flatMap(Effect.option(resolve(remote)(tag)), (found): Effect.Effect<Put, Failure> => {
        if (Option.isNone(found)) return final
        const there = found.value.digest
        if (there === Digest.fromBytes(raw, Digest.algorithm(there) as Digest.Algorithm)) {
          return Effect.succeed({ digest, indexed: false })
        }
        return saysImmutable(error.errors)
          ? new AlreadyExists({ reference: resource, digest: there, errors: error.errors })
          : final
      })
    })
  })

/**
 * Whether a refusal may be due to a tag that the registry keeps as it is: ECR says so with 400, for the very same
 * content too, Docker Hub with 403, Quay with 409, Harbor with 412.
 */
const mayBeKept = (
  error: RegistryError,
  condition: Readonly<Record<string, string>> | undefined
): error is UnexpectedStatus | Denied => {
  if (error._tag !== "Denied" && error._tag !== "UnexpectedStatus") return false
  if (error.status === 412) return condition === undefined
  // Content that is missing must be sent, whatever the tag names.
  return [400, 403, 409].includes(error.status) &&
    !error.errors.some(({ code }) => /(?:BLOB|MANIFEST)_UNKNOWN/.test(code))
}

const saysImmutable = (errors: ReadonlyArray<ErrorEntry>): boolean =>
  errors.some(({ code, message = "" }) =>
    ["TAG_INVALID", "TAG_IMMUTABLE", "PRECONDITION"].includes(code) || /immutable|cannot be overwritten/i.test(message)
  )

/** A digest in the answer is checked against the bytes sent, with its own algorithm. */
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

/** A refused manifest, with all that the registry says is wrong with it. */
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
  if (status === 404 && !about) return missing(remote, error)
  return status === 400 || status === 404 || status === 409 || status === 422
    ? new ManifestInvalid({ resource, reason: `the registry refused it (${status})`, errors })
    : error
}
