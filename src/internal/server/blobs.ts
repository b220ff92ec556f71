/**
 * Blobs: GET with ranges, HEAD, DELETE (distribution-spec, "Pulling blobs", "Deleting Blobs").
 *
 * @internal
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Digest from "../../Digest.js"
import type { Quirks, Storage } from "../../RegistryServer.js"
import { notFound } from "../memoryRepository.js"
import { digestHeader, empty, type Exchange, type Handled, headersOnly, refuse } from "./exchange.js"

/** What a `Range` header asks for; a unit or a form that is not understood asks for everything (RFC 9110, 14.2). */
export const parseRange = (
  header: string | undefined,
  size: number
): "whole" | "unsatisfiable" | { readonly first: number; readonly last: number } => {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "")
  const [from = "", to = ""] = match === null ? [] : [match[1], match[2]]
  if (match === null || (from === "" && to === "")) return "whole"
  if (from === "") {
    const length = Math.min(Number(to), size)
    return length === 0 ? "unsatisfiable" : { first: size - length, last: size - 1 }
  }
  const first = Number(from)
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1)
  return first >= size || (to !== "" && Number(to) < first) ? "unsatisfiable" : { first, last }
}

const known = (name: string, input: string) =>
  Digest.isDigest(input) ? Effect.succeed(input) : notFound("blob", `${name}@${input}`)

export const read = (
  storage: Storage,
  quirks: Quirks,
  exchange: Exchange,
  name: string,
  reference: string
): Handled =>
  Effect.gen(function*() {
    const digest = yield* known(name, reference)
    const size = yield* storage.blobSize(name, digest)
    if (size === undefined) return yield* notFound("blob", `${name}@${digest}`)
    if (quirks.blobsAt !== undefined && exchange.method === "GET") {
      const location = `${quirks.blobsAt}${exchange.path}?X-Signature=a%2Fb~c%20d&expires=60`
      return empty(307, { location })
    }
    const headers: Record<string, string> = {
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      etag: `"${digest}"`,
      ...digestHeader(digest, quirks.digestHeader)
    }
    const range = quirks.blobRange === false ? "whole" : parseRange(exchange.headers.range, size)
    if (range === "unsatisfiable") {
      return yield* refuse(416, "RANGE_INVALID", "the range lies outside of the blob", {
        "content-range": `bytes */${size}`
      })
    }
    const part = range === "whole" ? undefined : range
    const length = part === undefined ? size : part.last - part.first + 1
    headers["content-length"] = String(length)
    if (part !== undefined) headers["content-range"] = `bytes ${part.first}-${part.last}/${size}`
    const status = part === undefined ? 200 : 206
    if (exchange.method === "HEAD") return headersOnly(status, headers)
    const repository = yield* storage.repository(name)
    // The store's own word on the bytes is taken while they go: a stream that fails breaks the connection.
    const content = repository.getBlob({ digest }, part === undefined ? undefined : { offset: part.first, length })
    return HttpServerResponse.stream(content, { status, headers, contentType: "application/octet-stream" })
  })

export const remove = (storage: Storage, quirks: Quirks, name: string, reference: string): Handled =>
  Effect.gen(function*() {
    const digest = yield* known(name, reference)
    const repository = yield* storage.repository(name)
    if (quirks.deletes === false || repository.deleteBlob === undefined) return yield* deletesOff
    yield* repository.deleteBlob(digest)
    return empty(202)
  })

export const deletesOff = refuse(405, "UNSUPPORTED", "deletes are disabled", { allow: "GET, HEAD" })
