import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as MediaType from "../src/MediaType.js"

describe("MediaType", () => {
  it.each([
    [undefined, ""],
    ["", ""],
    [";charset=utf-8", ""],
    ["application/json", "application/json"],
    [" Application/JSON ; charset=utf-8; a=b", "application/json"]
  ])("reads Content-Type %j", (value, mediaType) => {
    assert.strictEqual(MediaType.fromContentType(value), mediaType)
  })

  it.prop("reads anything", [FastCheck.string()], ([value]) => {
    const mediaType = MediaType.fromContentType(value)
    assert.strictEqual(MediaType.fromContentType(mediaType), mediaType)
  })

  it("sorts manifests", () => {
    assert.deepStrictEqual(MediaType.acceptManifests.map(MediaType.isIndex), [true, false, true, false])
    assert.deepStrictEqual(MediaType.acceptManifests.map(MediaType.isImageManifest), [false, true, false, true])
    assert.deepStrictEqual(MediaType.acceptManifests.map(MediaType.isDocker), [false, false, true, true])
    assert.isTrue(MediaType.isSchema1("application/vnd.docker.distribution.manifest.v1+prettyjws"))
    assert.isFalse(MediaType.acceptManifests.some(MediaType.isSchema1))
  })

  it("knows configs, generic types and layers that stay where they are", () => {
    assert.isTrue([MediaType.ociConfig, MediaType.dockerConfig].every(MediaType.isImageConfig))
    assert.isFalse(MediaType.isImageConfig(MediaType.ociEmpty))
    assert.isTrue(["", "text/plain", "application/octet-stream"].every(MediaType.isGeneric))
    assert.isFalse(MediaType.isGeneric(MediaType.ociManifest))
    assert.isTrue(MediaType.isNonDistributable("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"))
    assert.isTrue(MediaType.isNonDistributable("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"))
    assert.isFalse(MediaType.isNonDistributable(MediaType.ociLayerGzip))
  })
})
