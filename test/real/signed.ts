/** An index with what refers to it and to one of its images, directly and by a detour, and what cosign has tagged. */
import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Descriptor from "../../src/Descriptor.js"
import type * as RegistryClient from "../../src/RegistryClient.js"
import { image, index, type Sample } from "../utils/samples.js"
import * as Artifact from "./artifact.js"

const amd64 = image(["shared", "amd64"])
const arm64 = image(["shared", "arm64"], { annotations: { which: "arm64" } })

export const root = index([
  { ...amd64.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
  { ...arm64.manifest.descriptor, platform: { os: "linux", architecture: "arm64" } }
])
/** The image that has referrers of its own. */
export const child = arm64.manifest

export const rootSignature = Artifact.about(root.descriptor, Artifact.signatureType, "the index is ours")
export const rootSbom = Artifact.about(root.descriptor, Artifact.sbomType, "what is in it")
export const childSignature = Artifact.about(child.descriptor, Artifact.signatureType, "and so is this")
/** Refers to the SBOM and not to what is copied. */
export const sbomSignature = Artifact.about(rootSbom.manifest.descriptor, Artifact.signatureType, "we say so")
export const tagged = [Artifact.cosign(root.descriptor.digest, "sig"), Artifact.cosign(child.descriptor.digest, "att")]

/** Puts all of it into a repository, the index under the tag. */
export const push = Effect.fnUntraced(
  function*(client: RegistryClient.RegistryClient.Service, name: string, tag: string) {
    const repository = yield* client.repository(name, { access: "write" })
    for (const { config, layers, manifest } of [amd64, arm64]) {
      yield* Artifact.put(repository, { manifest, blobs: [config, ...layers] })
    }
    yield* repository.putManifest(root, { tag })
    yield* Effect.forEach(
      [rootSignature, rootSbom, childSignature, sbomSignature],
      (artifact) => Artifact.put(repository, artifact),
      { discard: true }
    )
    yield* Effect.forEach(tagged, (artifact) => Artifact.put(repository, artifact, artifact.tag), { discard: true })
  }
)

/** Asks the client what refers to a manifest. */
export const assertReferrers = Effect.fnUntraced(function*(
  client: RegistryClient.RegistryClient.Service,
  name: string,
  subject: Sample,
  expected: ReadonlyArray<Artifact.Artifact>
) {
  const found = yield* Stream.runCollect(client.listReferrers(`${name}@${subject.descriptor.digest}`))
  assertEntries(Chunk.toReadonlyArray(found), expected)
})

/** The entries of a list, wherever it was read. */
export const assertEntries = (
  found: ReadonlyArray<Descriptor.Descriptor>,
  expected: ReadonlyArray<Artifact.Artifact>
): void =>
  assert.sameDeepMembers(
    found.map(({ annotations, artifactType, digest, mediaType, size }) => ({
      annotations,
      artifactType,
      digest: digest as string,
      mediaType,
      size
    })),
    expected.map(({ manifest: { descriptor, raw } }) => {
      const { annotations, artifactType } = JSON.parse(new TextDecoder().decode(raw))
      const { digest, mediaType, size } = descriptor
      return { annotations, artifactType, digest: digest as string, mediaType, size }
    })
  )
