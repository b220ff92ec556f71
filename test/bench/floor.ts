/**
 * What Node itself takes for a copy: `floor SOURCE DESTINATION` sends each blob of an image from a GET through sha256 into
 * a PUT, over undici and with nothing else: no Effect, no retries, no watchdog, one blob after another.
 */
import * as Undici from "@effect/platform-node/Undici"
import { createHash } from "node:crypto"
import type { Readable } from "node:stream"

const [source = "", destination = ""] = process.argv.slice(2)

const parts = (reference: string) => {
  const [, host, name, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? []
  return { api: `http://${host}/v2/${name}`, tag }
}

const from = parts(source)
const to = parts(destination)

const expect = (status: number, wanted: number) => {
  if (status !== wanted) throw new Error(`${status} instead of ${wanted}`)
}

async function* hashed(content: AsyncIterable<Uint8Array>, digest: string) {
  const hash = createHash("sha256")
  for await (const bytes of content) {
    hash.update(bytes)
    yield bytes
  }
  if (`sha256:${hash.digest("hex")}` !== digest) throw new Error(`other bytes than ${digest}`)
}

const copyBlob = async ({ digest, size }: { readonly digest: string; readonly size: number }) => {
  const session = await Undici.request(`${to.api}/blobs/uploads/`, { method: "POST" })
  await session.body.dump()
  expect(session.statusCode, 202)
  const location = new URL(String(session.headers["location"]), to.api)
  location.searchParams.set("digest", digest)
  const blob = await Undici.request(`${from.api}/blobs/${digest}`)
  expect(blob.statusCode, 200)
  const stored = await Undici.request(location, {
    method: "PUT",
    headers: { "content-length": String(size), "content-type": "application/octet-stream" },
    // undici takes any AsyncIterable; its types do not say so.
    body: hashed(blob.body, digest) as unknown as Readable
  })
  await stored.body.dump()
  expect(stored.statusCode, 201)
}

const mediaType = "application/vnd.oci.image.manifest.v1+json"
const answer = await Undici.request(`${from.api}/manifests/${from.tag}`, { headers: { accept: mediaType } })
expect(answer.statusCode, 200)
const manifest = await answer.body.text()
const { config, layers } = JSON.parse(manifest)
for (const blob of [config, ...layers]) await copyBlob(blob)
const tagged = await Undici.request(`${to.api}/manifests/${to.tag}`, {
  method: "PUT",
  headers: { "content-type": mediaType },
  body: manifest
})
await tagged.body.dump()
expect(tagged.statusCode, 201)
await Undici.getGlobalDispatcher().close()
