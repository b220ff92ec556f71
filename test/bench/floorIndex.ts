/**
 * What Node itself takes for an index: `floorIndex SOURCE DESTINATION SOURCE DESTINATION` copies twice, with the requests
 * that we send and as much of it at once, over undici and with nothing else: no Effect, no retries, no watchdog, no
 * limits. It prints what the second copy took, as `running` does.
 */
import * as Undici from "@effect/platform-node/Undici"
import { createHash } from "node:crypto"
import type { Usage } from "./measure.js"

interface Descriptor {
  readonly digest: string
  readonly mediaType: string
}

const accept = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json"
].join(", ")

const connect = (reference: string) => {
  const [, host, name, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? []
  const agent = new Undici.Agent()
  let authorization: string | undefined
  const send = async (
    method: Undici.Dispatcher.HttpMethod,
    url: string,
    headers: Record<string, string> = {},
    body?: Uint8Array
  ) => {
    const answer = await Undici.request(url, {
      method,
      dispatcher: agent,
      headers: authorization === undefined ? headers : { ...headers, authorization },
      ...(body === undefined ? {} : { body })
    })
    return {
      status: answer.statusCode,
      headers: answer.headers,
      bytes: new Uint8Array(await answer.body.arrayBuffer())
    }
  }
  const api = `http://${host}/v2/${name}`
  /** The first request: its 401 leads to the token that all others have. */
  const enter = async (actions: string) => {
    const url = `${api}/manifests/${tag}`
    const refused = await send("HEAD", url, { accept })
    const [, realm] = /realm="([^"]+)"/.exec(String(refused.headers["www-authenticate"])) ?? []
    if (realm === undefined) return refused
    const scope = encodeURIComponent(`repository:${name}:${actions}`)
    const { bytes } = await send("GET", `${realm}?service=registry&scope=${scope}`)
    authorization = `Bearer ${JSON.parse(new TextDecoder().decode(bytes)).token}`
    return send("HEAD", url, { accept })
  }
  return { agent, api, enter, send, tag }
}

const expect = (status: number, wanted: number) => {
  if (status !== wanted) throw new Error(`${status} instead of ${wanted}`)
}

const copy = async (source: string, destination: string) => {
  const from = connect(source)
  const to = connect(destination)
  const [head] = await Promise.all([from.enter("pull"), to.enter("pull,push")])
  const blobs = new Map<string, Promise<void>>()

  const copyBlob = async ({ digest }: Descriptor) => {
    expect((await to.send("HEAD", `${to.api}/blobs/${digest}`)).status, 404)
    const [session, blob] = await Promise.all([
      to.send("POST", `${to.api}/blobs/uploads/`),
      from.send("GET", `${from.api}/blobs/${digest}`)
    ])
    expect(session.status, 202)
    if (`sha256:${createHash("sha256").update(blob.bytes).digest("hex")}` !== digest) throw new Error(`not ${digest}`)
    const location = new URL(String(session.headers["location"]), to.api)
    location.searchParams.set("digest", digest)
    const type = { "content-type": "application/octet-stream" }
    expect((await to.send("PUT", location.href, type, blob.bytes)).status, 201)
  }
  const once = (blob: Descriptor) => {
    const known = blobs.get(blob.digest) ?? copyBlob(blob)
    blobs.set(blob.digest, known)
    return known
  }
  const copyManifest = async (digest: string, mediaType: string, tag?: string) => {
    const { bytes } = await from.send("GET", `${from.api}/manifests/${digest}`, { accept })
    const { config, layers, manifests = [] } = JSON.parse(new TextDecoder().decode(bytes))
    await Promise.all([
      ...(config === undefined ? [] : [config, ...layers]).map(once),
      ...manifests.map(async (child: Descriptor) => {
        expect((await to.send("HEAD", `${to.api}/manifests/${child.digest}`, { accept })).status, 404)
        await copyManifest(child.digest, child.mediaType)
      })
    ])
    const stored = await to.send("PUT", `${to.api}/manifests/${tag ?? digest}`, { "content-type": mediaType }, bytes)
    expect(stored.status, 201)
  }
  await copyManifest(String(head.headers["docker-content-digest"]), String(head.headers["content-type"]), to.tag)
  await Promise.all([from.agent.close(), to.agent.close()])
}

const [warmSource = "", warmDestination = "", source = "", destination = ""] = process.argv.slice(2)
await copy(warmSource, warmDestination)
const cpu = process.cpuUsage()
const start = performance.now()
await copy(source, destination)
const wall = (performance.now() - start) / 1e3
const { system, user } = process.cpuUsage(cpu)
const usage: Usage = { wall, cpu: (user + system) / 1e6, peakRss: process.resourceUsage().maxRSS * 1024 }
process.stdout.write(`${JSON.stringify(usage)}\n`)
