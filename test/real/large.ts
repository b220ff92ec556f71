/**
 * An image with large layers, written into a registry's storage: each a gzip file of a tar of one file of noise. It is
 * noise because tools look at the bytes and compress what is not compressed, and gzip stores it without trying.
 */
import * as Effect from "effect/Effect"
import { createCipheriv, createHash } from "node:crypto"
import { createWriteStream } from "node:fs"
import { mkdir, rename, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { createGzip } from "node:zlib"
import * as Descriptor from "../../src/Descriptor.js"
import type * as Digest from "../../src/Digest.js"
import * as MediaType from "../../src/MediaType.js"
import { blobFile, linkBlob, writeBlob, writeManifest } from "./storage.js"

const piece = 1024 * 1024

/** The ustar header of a file named `noise`, with time and owner 0. */
const tarHeader = (size: number): Uint8Array => {
  const header = Buffer.alloc(512)
  header.write("noise", 0)
  header.write("0000644\0", 100)
  header.write("0000000\0", 108)
  header.write("0000000\0", 116)
  // Eleven octal digits end below 8 GiB; beyond, GNU's form: the top bit and the number in binary.
  if (size < 8 ** 11) header.write(`${size.toString(8).padStart(11, "0")}\0`, 124)
  else {
    header.writeUInt8(0x80, 124)
    header.writeBigUInt64BE(BigInt(size), 128)
  }
  header.write("00000000000\0", 136)
  header.write(" ".repeat(8), 148)
  header.write("0", 156)
  header.write("ustar\x0000", 257)
  const checksum = header.reduce((sum, byte) => sum + byte, 0)
  header.write(`${checksum.toString(8).padStart(6, "0")}\0 `, 148)
  return header
}

/**
 * The tar in pieces of 1 MiB; the noise is AES-CTR over zeros, as fast as the processor and the same every time for the
 * same seed.
 */
export function* tar(size: number, seed = "noise"): Generator<Uint8Array> {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16))
  const zeros = Buffer.alloc(piece)
  yield tarHeader(size)
  for (let left = size; left > 0; left -= piece) yield cipher.update(left < piece ? zeros.subarray(0, left) : zeros)
  yield Buffer.alloc((512 - (size % 512)) % 512 + 1024)
}

const writeLayer = async (
  storage: string,
  size: number,
  seed: string
): Promise<{ layer: Descriptor.Descriptor; diffId: string }> => {
  const temporary = join(storage, `layer-${size}`)
  const inner = createHash("sha256")
  const outer = createHash("sha256")
  await mkdir(storage, { recursive: true })
  await pipeline(
    function*() {
      for (const bytes of tar(size, seed)) {
        inner.update(bytes)
        yield bytes
      }
    },
    createGzip({ level: 0, chunkSize: piece }),
    async function*(source: AsyncIterable<Uint8Array>) {
      for await (const bytes of source) {
        outer.update(bytes)
        yield bytes
      }
    },
    createWriteStream(temporary)
  )
  const digest = `sha256:${outer.digest("hex")}` as Digest.Digest
  const file = blobFile(storage, digest)
  await mkdir(dirname(file), { recursive: true })
  await rename(temporary, file)
  return {
    layer: { mediaType: MediaType.ociLayerGzip, digest, size: (await stat(file)).size },
    diffId: `sha256:${inner.digest("hex")}`
  }
}

/**
 * `size` is that of the file in each layer, in bytes. Gives back the descriptors of the image's manifest and of its
 * first layer.
 */
export const writeLargeImage = Effect.fnUntraced(function*(
  storage: string,
  repository: string,
  tag: string,
  size: number,
  count = 1
) {
  const written: Array<{ readonly layer: Descriptor.Descriptor; readonly diffId: string }> = []
  for (let index = 0; index < count; index++) {
    const one = yield* Effect.promise(() => writeLayer(storage, size, index === 0 ? "noise" : `noise ${index}`))
    yield* linkBlob(storage, repository, one.layer.digest)
    written.push(one)
  }
  const [{ layer }] = written as [(typeof written)[number]]
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  const config = encode({
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: written.map(({ diffId }) => diffId) }
  })
  const descriptor = Descriptor.fromBytes(config, MediaType.ociConfig)
  yield* writeBlob(storage, repository, { descriptor, bytes: config })
  const raw = encode({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: descriptor,
    layers: written.map(({ layer }) => layer)
  })
  const manifest = { descriptor: Descriptor.fromBytes(raw, MediaType.ociManifest), raw }
  yield* writeManifest(storage, repository, manifest, tag)
  return { manifest: manifest.descriptor, layer }
})
