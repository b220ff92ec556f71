/** `skopeo`, as an independent reader of what our client wrote. Registries are on loopback, over plain http. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { join } from "node:path"
import * as Digest from "../../src/Digest.js"
import { account } from "./registry.js"
import { run, text } from "./run.js"

/** An auth file for `account` at each host, so that no password is on a command line. */
const authFile = Effect.fnUntraced(function*(hosts: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const file = yield* fs.makeTempFileScoped({ prefix: "effect-oci-auth-" })
  const auth = Buffer.from(`${account.username}:${Redacted.value(account.password)}`).toString("base64")
  const auths = Object.fromEntries(hosts.map((host) => [host, { auth }]))
  yield* fs.writeFileString(file, JSON.stringify({ auths }))
  return file
})

const hostOf = (image: string): string => image.slice(0, image.indexOf("/"))

/** The manifest's bytes as the registry sends them to skopeo. */
export const inspectRaw = Effect.fnUntraced(function*(image: string) {
  const auth = yield* authFile([hostOf(image)])
  const output = yield* run("skopeo", [
    "inspect",
    "--raw",
    "--tls-verify=false",
    `--authfile=${auth}`,
    `docker://${image}`
  ])
  return output.stdout
}, Effect.scoped)

/** Copies an image with all its platforms into a folder, where a blob is a file named after its digest. */
export const copyToDirectory = Effect.fnUntraced(function*(image: string) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-skopeo-" })
  const auth = yield* authFile([hostOf(image)])
  yield* run("skopeo", [
    "--insecure-policy",
    "copy",
    "--all",
    "--preserve-digests",
    "--src-tls-verify=false",
    `--src-authfile=${auth}`,
    `docker://${image}`,
    `dir:${folder}`
  ])
  return folder
})

/** What is in such a folder: the digest of each manifest's bytes, and of each blob the bytes under its name. */
export const readDirectory = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  const manifests: Array<string> = []
  const blobs: Array<{ readonly name: string; readonly digest: string; readonly size: number }> = []
  for (const name of (yield* fs.readDirectory(folder)).toSorted()) {
    if (name === "version") continue
    const bytes = yield* fs.readFile(join(folder, name))
    const digest = Digest.fromBytes(bytes)
    if (name.endsWith("manifest.json")) manifests.push(digest)
    else blobs.push({ name: `sha256:${name}`, digest, size: bytes.byteLength })
  }
  return { manifests, blobs }
})

/** Pushes an OCI or Docker image from one registry to another with skopeo, for what our client is then to read. */
export const copy = Effect.fnUntraced(function*(source: string, destination: string) {
  const auth = yield* authFile([hostOf(source), hostOf(destination)])
  yield* run("skopeo", [
    "--insecure-policy",
    "copy",
    "--all",
    "--preserve-digests",
    "--src-tls-verify=false",
    "--dest-tls-verify=false",
    `--authfile=${auth}`,
    `docker://${source}`,
    `docker://${destination}`
  ])
}, Effect.scoped)

/** The tags of a repository, sorted. */
export const listTags = Effect.fnUntraced(function*(repository: string) {
  const auth = yield* authFile([hostOf(repository)])
  const output = yield* run("skopeo", [
    "list-tags",
    "--tls-verify=false",
    `--authfile=${auth}`,
    `docker://${repository}`
  ])
  const { Tags: tags }: { readonly Tags: ReadonlyArray<string> } = JSON.parse(text(output))
  return tags.toSorted()
}, Effect.scoped)
