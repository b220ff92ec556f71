import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as MediaType from "../../../src/MediaType.js"
import * as RegistryServer from "../../../src/RegistryServer.js"
import { basic, embedded } from "../../utils/embedded.js"
import { image, sample, utf8 } from "../../utils/samples.js"

const { config, layers, manifest } = image(["a secret layer"])
const layer = layers[0]!
const { digest } = layer.descriptor

/** `owner` may do everything, `guest` everything in `guest` and pull `public`. */
const access: RegistryServer.Access = ({ actions, name, user }) =>
  user === "owner" || name === "guest" ? actions : name === "public" ? actions.filter((each) => each === "pull") : []
const users = { owner: "owner", guest: "guest" }
const basicAuth = { _tag: "Basic", users, access } as const
const bearerAuth = { _tag: "Bearer", users, access } as const

const put = (server: RegistryServer.RegistryServer, name: string) =>
  Effect.flatMap(server.repository(name), (repository) =>
    Effect.all([
      repository.putBlob(config.descriptor, Stream.make(config.raw)),
      repository.putBlob(layer.descriptor, Stream.make(layer.raw)),
      repository.putManifest(manifest, { tag: "v1" })
    ]))

const mount = `/v2/guest/blobs/uploads/?mount=${digest}`
const own = `/v2/guest/blobs/${digest}`

describe("server/access", () => {
  it.effect("a mount from anywhere gives nothing that the account may not pull (Basic)", () =>
    Effect.gen(function*() {
      const { send, server } = yield* embedded({ auth: basicAuth })
      const headers = basic("guest")
      yield* put(server, "private")
      const session = yield* send("POST", mount, { headers })
      assert.strictEqual(session.status, 202)
      assert.include(session.headers.location, "/v2/guest/blobs/uploads/")
      assert.strictEqual((yield* send("HEAD", own, { headers })).status, 404)
      // The owner may pull it where it is.
      const theirs = yield* send("POST", `/v2/other/blobs/uploads/?mount=${digest}`, { headers: basic("owner") })
      assert.strictEqual(theirs.status, 201)
      // It is found where the guest may pull it, though it is in other repositories as well.
      yield* put(server, "public")
      assert.strictEqual((yield* send("POST", mount, { headers })).status, 201)
      assert.strictEqual((yield* send("HEAD", own, { headers })).status, 200)
    }))

  it.effect("a mount from anywhere gives nothing that the token is not for (Bearer)", () =>
    Effect.gen(function*() {
      const { send, server } = yield* embedded({ auth: bearerAuth })
      yield* put(server, "private")
      const token = (...scopes: ReadonlyArray<string>) =>
        Effect.map(
          send("GET", `/token?service=s&${scopes.map((scope) => `scope=repository:${scope}`).join("&")}`, {
            headers: basic("guest")
          }),
          (answer) => ({ headers: { authorization: `Bearer ${answer.json().token}` } })
        )
      const wide = yield* token("guest:pull,push", "private:pull", "public:pull")
      assert.strictEqual((yield* send("POST", mount, wide)).status, 202)
      yield* put(server, "public")
      // A token is for what it was asked for: one for a single repository opens no other.
      assert.strictEqual((yield* send("POST", mount, yield* token("guest:pull,push"))).status, 202)
      assert.strictEqual((yield* send("HEAD", own, wide)).status, 404)
      assert.strictEqual((yield* send("POST", mount, wide)).status, 201)
      assert.strictEqual((yield* send("HEAD", own, wide)).status, 200)
    }))

  it.effect("a storage that finds a blob where it was not asked to does no harm", () =>
    Effect.gen(function*() {
      const storage = yield* RegistryServer.storageMemory()
      const careless: RegistryServer.Storage = { ...storage, find: (digest) => storage.find(digest) }
      const { send, server } = yield* embedded({ auth: basicAuth, storage: careless })
      yield* put(server, "private")
      assert.strictEqual((yield* send("POST", mount, { headers: basic("guest") })).status, 202)
    }))

  it.effect("a mount from a repository that the account may not pull is refused", () =>
    Effect.gen(function*() {
      for (const [auth, status] of [[basicAuth, 403], [bearerAuth, 401]] as const) {
        const { send, server } = yield* embedded({ auth })
        yield* put(server, "private")
        const scope = "scope=repository:guest:pull,push&scope=repository:private:pull"
        const headers = auth._tag === "Basic" ? basic("guest") : {
          authorization: `Bearer ${
            (yield* send("GET", `/token?service=s&${scope}`, { headers: basic("guest") })).json().token
          }`
        }
        const refused = yield* send("POST", `${mount}&from=private`, { headers })
        assert.strictEqual(refused.status, status)
        // The first `from` is the one that counts, for what is allowed and for what is done.
        const twice = yield* send("POST", `${mount}&from=guest&from=private`, { headers })
        assert.strictEqual(twice.status, 202)
        for (const odd of ["", "Private", "private%2F", "%2e%2e%2Fprivate", "guest%2F..%2Fprivate"]) {
          assert.strictEqual((yield* send("POST", `${mount}&from=${odd}`, { headers })).status, 202, odd)
        }
        assert.strictEqual((yield* send("HEAD", own, { headers })).status, 404)
      }
    }))

  it.effect("blobs and manifests of another repository are not there, by whatever they are named", () =>
    Effect.gen(function*() {
      for (const strict of [false, true]) {
        const { send, server } = yield* embedded({ auth: basicAuth, strict })
        const headers = basic("guest")
        yield* put(server, "private")
        for (const method of ["GET", "HEAD"] as const) {
          assert.strictEqual((yield* send(method, own, { headers })).status, 404)
          assert.strictEqual((yield* send(method, `/v2/private/blobs/${digest}`, { headers })).status, 403)
          const byDigest = `/v2/guest/manifests/${manifest.descriptor.digest}`
          assert.strictEqual((yield* send(method, byDigest, { headers })).status, 404)
        }
        // A manifest may name what it likes; that makes nothing of it readable.
        const named = yield* send("PUT", "/v2/guest/manifests/v1", {
          headers,
          body: manifest.raw,
          type: MediaType.ociManifest
        })
        assert.strictEqual(named.status, strict ? 400 : 201)
        const list = sample(
          { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [manifest.descriptor] },
          MediaType.ociIndex
        )
        const index = yield* send("PUT", "/v2/guest/manifests/list", {
          headers,
          body: list.raw,
          type: MediaType.ociIndex
        })
        assert.strictEqual(index.status, strict ? 400 : 201)
        assert.strictEqual((yield* send("GET", own, { headers })).status, 404)
        assert.strictEqual((yield* send("GET", `/v2/guest/blobs/${config.descriptor.digest}`, { headers })).status, 404)
      }
    }))

  it.effect("an upload session is its account's and its repository's", () =>
    Effect.gen(function*() {
      const all = { owner: "owner", guest: "guest" }
      const { send } = yield* embedded({ auth: { _tag: "Basic", users: all } })
      const opened = yield* send("POST", "/v2/app/blobs/uploads/", { headers: basic("guest") })
      const location = opened.headers.location!
      const elsewhere = location.replace("/v2/app/", "/v2/other/")
      for (
        const [headers, url] of [[basic("owner"), location], [basic("guest"), elsewhere]] as const
      ) {
        for (const method of ["GET", "PATCH", "PUT", "DELETE"] as const) {
          const answer = yield* send(method, `${url}&digest=${digest}`, { headers })
          assert.deepStrictEqual([answer.status, answer.code()], [404, "BLOB_UPLOAD_UNKNOWN"], method)
        }
      }
      const closed = yield* send("PUT", `${location}&digest=${digest}`, { headers: basic("guest"), body: layer.raw })
      assert.strictEqual(closed.status, 201)
    }))

  it.effect("a token that was altered, or is of another kind, is none", () =>
    Effect.gen(function*() {
      const { send, server } = yield* embedded({ auth: bearerAuth })
      yield* put(server, "private")
      const headers = basic("guest")
      const given = (yield* send("GET", "/token?scope=repository:guest:pull,push&offline_token=true", { headers }))
        .json()
      const again = (yield* send("GET", "/token?scope=repository:guest:pull,push&offline_token=true", { headers }))
        .json()
      assert.notStrictEqual(given.token, again.token)
      const get = (token: string, name: string) =>
        Effect.map(
          send("GET", `/v2/${name}/tags/list`, { headers: { authorization: `Bearer ${token}` } }),
          ({ status }) => status
        )
      assert.strictEqual(yield* get(given.token, "guest"), 404)
      assert.strictEqual(yield* get(given.token, "private"), 401)
      const [body, signature] = given.token.split(".")
      const forged = Buffer.from(Buffer.from(body, "base64url").toString().replaceAll("guest", "private"))
        .toString("base64url")
      for (
        const token of [
          `${forged}.${signature}`,
          `${forged}.`,
          forged,
          `${body}.${signature}x`,
          `${body}.${signature}.`,
          `${body}.${signature.slice(1)}`,
          given.refresh_token,
          "."
        ]
      ) {
        assert.strictEqual(yield* get(token, "private"), 401, token)
        assert.strictEqual(yield* get(token, "guest"), 401, token)
      }
      const renew = (token: string) =>
        Effect.map(
          send("POST", "/token", {
            body: utf8(`grant_type=refresh_token&service=s&client_id=c&refresh_token=${token}`),
            type: "application/x-www-form-urlencoded"
          }),
          ({ status }) => status
        )
      assert.deepStrictEqual(yield* Effect.all([renew(given.refresh_token), renew(given.token)]), [200, 401])
    }))
})
