/**
 * The operations of `RegistryClient` over the repositories of registries.
 *
 * @internal
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Credentials } from "../Credentials.js"
import * as Image from "../Image.js"
import * as ManifestList from "../ManifestList.js"
import {
  GetImageError,
  GetImageIndexError,
  PushManifestError,
  RegistryOperationError,
  type Role
} from "../OperationError.js"
import * as Reference from "../Reference.js"
import type { ReferenceInput, RegistryClient } from "../RegistryClient.js"
import type * as RegistryConfig from "../RegistryConfig.js"
import { InvalidInput } from "../RegistryError.js"
import type * as Repository from "../Repository.js"
import * as copies from "./clientCopies.js"
import { makeTransport } from "./http/make.js"
import { exists } from "./remote/manifests.js"
import { makeRepository } from "./remote/repository.js"
import * as remote from "./remote/tags.js"
import { makeWith as makeSession } from "./session.js"

/** What is absent stays `NotFound`; everything else says which operation failed. */
const operationError = (operation: string, reference: string) => (cause: Repository.Failure) =>
  cause._tag === "NotFound" ? cause : new RegistryOperationError({ operation, reference, cause })

const getImageError = (reference: Reference.Reference) => (cause: Repository.Failure) =>
  cause._tag === "NotFound" ? cause : new GetImageError({ reference: reference.toString(), cause })

export const make = Effect.fnUntraced(function*(
  options: RegistryConfig.Options = {}
): Effect.fn.Return<RegistryClient.Service, InvalidInput, HttpClient.HttpClient | Credentials> {
  const transport = yield* makeTransport(options)
  const session = yield* makeSession(transport.transfer)

  const remoteOf = (
    { registry, repository: name }: Reference.Reference,
    access?: "read" | "write",
    also?: ReadonlyArray<string>
  ) => ({ transport, session, registry, name, config: options, access, also })

  const open = (reference: Reference.Reference, access?: "read" | "write", also?: ReadonlyArray<string>) =>
    makeRepository(remoteOf(reference, access, also))

  /** The repository and what to ask it for, of a reference that is only read. */
  const locate = (image: ReferenceInput, role: Role) =>
    Reference.parse(image, role).pipe(
      Effect.tap((reference) => Effect.annotateCurrentSpan(role, reference.toString())),
      Effect.map((reference) => ({
        reference,
        repository: open(reference),
        target: Reference.target(reference)
      }))
    )

  const repository: RegistryClient.Service["repository"] = (name, access) =>
    Effect.map(Reference.parse(name), (reference) => open(reference, access?.access))

  return {
    getImage: (image) =>
      Effect.flatMap(
        locate(image, "image"),
        ({ reference, repository, target }) =>
          Effect.mapError(Image.describe(repository, target), getImageError(reference))
      ).pipe(
        Effect.tap(({ descriptor }) => Effect.annotateCurrentSpan("digest", descriptor.digest)),
        Effect.withSpan("RegistryClient.getImage")
      ),

    getImageHandle: (image, options) =>
      Effect.gen(function*() {
        const { reference, repository, target } = yield* locate(image, "image")
        const platform = yield* copies.parsePlatform(options?.platform)
        return yield* Image.open(repository, target, platform).pipe(
          Effect.mapError((cause) => cause._tag === "PlatformNotFound" ? cause : getImageError(reference)(cause))
        )
      }).pipe(
        Effect.tap(({ descriptor }) => Effect.annotateCurrentSpan("digest", descriptor.digest)),
        Effect.withSpan("RegistryClient.getImageHandle")
      ),

    getDigest: (image) =>
      Effect.flatMap(
        locate(image, "image"),
        ({ reference, repository, target }) => Effect.mapError(repository.resolve(target), getImageError(reference))
      ).pipe(
        Effect.map(({ digest }) => digest),
        Effect.tap((digest) => Effect.annotateCurrentSpan("digest", digest)),
        Effect.withSpan("RegistryClient.getDigest")
      ),

    getPlatformDigests: (image) =>
      Effect.flatMap(locate(image, "image"), ({ reference, repository, target }) =>
        Effect.mapError(
          Image.platformDigests(repository, target),
          (cause) =>
            cause._tag === "NotFound" ? cause : new GetImageIndexError({ reference: reference.toString(), cause })
        )).pipe(Effect.withSpan("RegistryClient.getPlatformDigests")),

    checkExists: (image) =>
      Effect.flatMap(locate(image, "image"), ({ reference, target }) =>
        exists(remoteOf(reference))(target).pipe(
          Effect.mapError(getImageError(reference)),
          Effect.catchTag("NotFound", () => Effect.succeed(false))
        )).pipe(Effect.withSpan("RegistryClient.checkExists")),

    ...copies.make({ open }),

    pushManifestList: (reference, images, options) =>
      Effect.gen(function*() {
        const to = yield* Reference.parse(reference, "manifest")
        yield* Effect.annotateCurrentSpan("manifest", to.toString())
        const destination = { repository: open(to, "write"), tag: to.tag, digest: to.digest }
        return yield* ManifestList.push(destination, images, options).pipe(
          Effect.mapError((cause) =>
            cause._tag === "ParsePlatformError" ? cause : new PushManifestError({ reference: to.toString(), cause })
          )
        )
      }).pipe(
        Effect.tap((digest) => Effect.annotateCurrentSpan("digest", digest)),
        Effect.withSpan("RegistryClient.pushManifestList")
      ),

    ping: (registry) =>
      Effect.flatMap(
        Reference.parseRegistry(registry),
        (name) => Effect.mapError(remote.ping(transport, name), operationError("ping", name))
      ).pipe(Effect.withSpan("RegistryClient.ping")),

    listTags: (name) =>
      Stream.unwrap(Effect.map(
        Reference.parseRepository(name),
        (reference) => Stream.mapError(open(reference).tags, operationError("listTags", reference.toString()))
      )).pipe(Stream.withSpan("RegistryClient.listTags")),

    listReferrers: (image, options) =>
      Stream.unwrap(Effect.map(locate(image, "image"), ({ reference, repository, target }) => {
        const digest = reference.digest === undefined
          ? Effect.map(repository.resolve(target), ({ digest }) => digest)
          : Effect.succeed(reference.digest)
        return Stream.unwrap(Effect.map(digest, (subject) => repository.referrers(subject, options))).pipe(
          Stream.mapError(operationError("listReferrers", reference.toString()))
        )
      })).pipe(Stream.withSpan("RegistryClient.listReferrers")),

    listRepositories: (registry) =>
      Stream.unwrap(Effect.map(
        Reference.parseRegistry(registry),
        (name) =>
          Stream.mapError(remote.listRepositories(transport, name, options), operationError("listRepositories", name))
      )).pipe(Stream.withSpan("RegistryClient.listRepositories")),

    deleteImage: (image) =>
      Effect.flatMap(locate(image, "image"), ({ reference, repository, target }) =>
        (reference.digest === undefined
          ? Effect.flatMap(repository.resolve(target), ({ digest }) => repository.deleteManifest(digest))
          : repository.deleteManifest(reference.digest)).pipe(
            Effect.mapError(operationError("deleteImage", reference.toString()))
          )).pipe(Effect.withSpan("RegistryClient.deleteImage")),

    deleteTag: (image) =>
      Effect.flatMap(locate(image, "image"), ({ reference, repository }) =>
        (reference.tag === undefined
          ? Effect.fail(new InvalidInput({ field: "image", reason: "it has no tag to delete" }))
          : repository.deleteManifest(reference.tag)).pipe(
            Effect.mapError(operationError("deleteTag", reference.toString()))
          )).pipe(Effect.withSpan("RegistryClient.deleteTag")),

    tagImage: (image, tag) =>
      Effect.gen(function*() {
        const { reference, target } = yield* locate(image, "image")
        const { registry, repository: name } = reference
        yield* Reference.parse(new Reference.Reference({ registry, repository: name, tag }), "destination")
        const repository = open(reference, "write")
        return yield* Effect.flatMap(
          repository.getManifest(target),
          (manifest) => repository.putManifest(manifest, { tag })
        ).pipe(Effect.mapError(operationError("tagImage", reference.toString())))
      }).pipe(Effect.withSpan("RegistryClient.tagImage")),

    repository
  }
})
