import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { spawnSync } from "node:child_process"
import { hostname } from "node:os"
import * as Digest from "../../../src/Digest.js"
import * as MediaType from "../../../src/MediaType.js"
import * as RegistryServer from "../../../src/RegistryServer.js"
import { cli } from "../../cli/harness.js"
import { embeddedInDirectory } from "../../utils/embedded.js"
import { image, utf8 } from "../../utils/samples.js"
import * as Spawn from "../../utils/spawn.js"

const node = Effect.provide(NodeContext.layer)
const { config, layers, manifest } = image(["a layer"])
const layer = layers[0]!
const blob = `blobs/${layer.descriptor.digest}`
const file = `blobs/sha256/${layer.descriptor.digest.slice("sha256:".length)}`

const fill = (storage: RegistryServer.Storage, name: string) =>
  Effect.flatMap(storage.repository(name), (repository) =>
    Effect.all([
      repository.putBlob(config.descriptor, Stream.make(config.raw)),
      repository.putBlob(layer.descriptor, Stream.make(layer.raw)),
      repository.putManifest(manifest, { tag: "v1" })
    ]))

/** Everything below a directory, with the content of files. */
const snapshot = (directory: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const names = (yield* fs.readDirectory(directory, { recursive: true })).sort()
    return yield* Effect.forEach(names, (name) =>
      Effect.map(Effect.option(fs.readFileString(`${directory}/${name}`)), (text) => [name, text] as const))
  })

describe("server/directoryStorage: one registry for a directory", () => {
  it.scoped("a second one is refused and destroys nothing, until the first has ended", () =>
    Effect.gen(function*() {
      const { directory, fs, send } = yield* embeddedInDirectory()
      const location = (yield* send("POST", "/v2/app/blobs/uploads/")).headers.location!
      yield* send("PATCH", location, { body: layer.raw.subarray(0, 3) })
      const other = yield* fs.makeTempDirectoryScoped()
      yield* fs.symlink(directory, `${other}/link`)
      for (const way of [directory, `${directory}/`, `${other}/link`]) {
        const error = yield* Effect.flip(Effect.scoped(RegistryServer.storageDirectory(way)))
        assert.strictEqual(error._tag, "StorageError")
        assert.strictEqual(error.path, way.replace(/\/$/, ""))
        assert.match(error.reason, new RegExp(`another registry .*process ${process.pid}\\b`))
      }
      const put = `${location}&digest=${layer.descriptor.digest}`
      assert.strictEqual((yield* send("PUT", put, { body: layer.raw.subarray(3) })).status, 201)
      const next = yield* fs.makeTempDirectoryScoped()
      yield* Effect.scoped(RegistryServer.storageDirectory(next))
      assert.deepStrictEqual(yield* fs.readDirectory(next), [])
      yield* Effect.scoped(RegistryServer.storageDirectory(next))
    }).pipe(node))

  it.scoped("a lock whose process is gone does not count, whatever has its number now", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const lock = `${directory}/.lock`
      const own = yield* Effect.scoped(
        Effect.zipRight(RegistryServer.storageDirectory(directory), fs.readFileString(lock))
      )
      const holder = JSON.parse(own)
      assert.strictEqual(holder.pid, process.pid)
      const { pid } = spawnSync(process.execPath, ["--version"])
      const gone = [{ ...holder, pid }]
      // Where the system tells when a process started, its number alone proves nothing.
      if (holder.started !== undefined) gone.push({ ...holder, started: "long ago" })
      for (const each of gone) {
        yield* fs.writeFileString(lock, JSON.stringify(each))
        yield* Effect.scoped(RegistryServer.storageDirectory(directory))
        assert.deepStrictEqual(yield* fs.readDirectory(directory), [])
      }
      // Of many that find such a lock, one gets it.
      yield* fs.writeFileString(lock, JSON.stringify(gone[0]))
      const exits = yield* Effect.scoped(
        Effect.forEach(
          Array.from({ length: 8 }),
          () => Effect.exit(RegistryServer.storageDirectory(directory)),
          { concurrency: "unbounded" }
        )
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
      assert.deepStrictEqual(yield* fs.readDirectory(directory), [])
    }).pipe(node))

  it.scoped("a lock that cannot be judged from here counts, and the refusal says what to do", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const lock = `${directory}/.lock`
      const refused = Effect.flip(Effect.scoped(RegistryServer.storageDirectory(directory)))
      yield* fs.writeFileString(lock, JSON.stringify({ id: "x", pid: 1, host: `not-${hostname()}` }))
      const far = yield* refused
      assert.strictEqual(far.path, directory)
      assert.include(far.reason, `process 1 on not-${hostname()}`)
      assert.include(far.reason, lock)
      // Containers may share a host name: a number says nothing of a process of another one.
      const { pid } = spawnSync(process.execPath, ["--version"])
      yield* fs.writeFileString(
        lock,
        JSON.stringify({ id: "x", pid, host: hostname(), namespace: "pid:[1]", started: "long ago" })
      )
      const hidden = yield* refused
      assert.include(hidden.reason, `process ${pid} in another container of ${hostname()}`)
      assert.include(hidden.reason, lock)
      for (
        const content of ["", "{", "null", "{\"pid\":\"1\"}", JSON.stringify({ id: "x", pid: -1, host: hostname() })]
      ) {
        yield* fs.writeFileString(lock, content)
        const error = yield* refused
        assert.strictEqual(error.path, directory)
        assert.include(error.reason, lock)
        assert.strictEqual(yield* fs.readFileString(lock), content)
      }
    }).pipe(node))

  it.scopedLive("of the command, it holds until the process ends, by kill -9 too", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const words = ["serve", "--port", "0", "--data", directory]
      const first = yield* Spawn.start("src/cli/start.ts", words)
      yield* first.line
      const refused = yield* cli(words)
      assert.deepStrictEqual([refused.code, refused.out], [1, ""])
      assert.include(refused.err, directory)
      assert.match(refused.err, /another registry/)
      yield* first.kill("SIGKILL")
      yield* first.end
      assert.isTrue(yield* fs.exists(`${directory}/.lock`))
      yield* Effect.scoped(RegistryServer.storageDirectory(directory))
      assert.deepStrictEqual(yield* fs.readDirectory(directory), [])
    }).pipe(node), { timeout: 300_000 })
})

describe("server/directoryStorage: symbolic links", () => {
  /** A complete repository outside of the registry's directory. */
  const outside = Effect.gen(function*() {
    const { directory, storage } = yield* embeddedInDirectory()
    yield* fill(storage, "secret")
    return `${directory}/secret`
  })

  it.scoped("a repository that is a link is not there, and nothing is written to it", () =>
    Effect.gen(function*() {
      const secret = yield* outside
      const { directory, fs, send, storage } = yield* embeddedInDirectory()
      yield* fill(storage, "own")
      yield* fs.makeDirectory(`${directory}/team`)
      yield* fs.symlink(secret, `${directory}/link`)
      yield* fs.symlink(secret, `${directory}/team/link`)
      // The parent of a repository, by a link: both `deep` and what would be new below it.
      yield* fs.symlink(secret.replace(/\/secret$/, ""), `${directory}/deep`)
      const before = yield* snapshot(secret.replace(/\/secret$/, ""))
      for (const name of ["link", "team/link", "deep/secret", "deep/new", "deep/new/er"]) {
        for (const method of ["GET", "HEAD", "DELETE"] as const) {
          for (const what of [blob, "manifests/v1", `manifests/${manifest.descriptor.digest}`]) {
            assert.strictEqual((yield* send(method, `/v2/${name}/${what}`)).status, 404, `${method} ${name} ${what}`)
          }
        }
        assert.strictEqual((yield* send("GET", `/v2/${name}/tags/list`)).status, 404)
        const referrers = yield* send("GET", `/v2/${name}/referrers/${manifest.descriptor.digest}`)
        assert.deepStrictEqual(referrers.json().manifests, [])
        const put = { body: manifest.raw, type: MediaType.ociManifest }
        for (
          const refused of [
            yield* send("POST", `/v2/${name}/blobs/uploads/`),
            yield* send("POST", `/v2/${name}/blobs/uploads/?digest=${layer.descriptor.digest}`, { body: layer.raw }),
            yield* send("POST", `/v2/${name}/blobs/uploads/?mount=${layer.descriptor.digest}&from=own`),
            yield* send("PUT", `/v2/${name}/manifests/v2`, put),
            yield* send("PUT", `/v2/${name}/manifests/${manifest.descriptor.digest}?tag=v2`, put)
          ]
        ) {
          assert.deepStrictEqual([refused.status, refused.code()], [400, "NAME_INVALID"], name)
        }
        const mount = yield* send("POST", `/v2/new/blobs/uploads/?mount=${config.descriptor.digest}&from=${name}`)
        assert.strictEqual(mount.status, 202)
      }
      yield* (yield* storage.repository("own")).deleteBlob!(config.descriptor.digest)
      assert.isUndefined(yield* storage.find(config.descriptor.digest))
      assert.deepStrictEqual((yield* send("GET", "/v2/_catalog")).json(), { repositories: ["own"] })
      assert.deepStrictEqual(yield* snapshot(secret.replace(/\/secret$/, "")), before)
    }).pipe(node))

  it.scoped("a link inside a repository is not followed either", () =>
    Effect.gen(function*() {
      const secret = yield* outside
      const { directory, fs, send, storage } = yield* embeddedInDirectory()
      const long = `blobs/sha512/${Digest.encoded(Digest.fromBytes(layer.raw, "sha512"))}`
      yield* fs.makeDirectory(`${secret}/blobs/sha512`)
      yield* fs.link(`${secret}/${file}`, `${secret}/${long}`)
      const before = yield* snapshot(secret)
      for (const name of ["index", "folder", "blob"]) {
        yield* fs.makeDirectory(`${directory}/${name}/blobs/sha256`, { recursive: true })
      }
      yield* fs.symlink(`${secret}/index.json`, `${directory}/index/index.json`)
      yield* fs.symlink(`${secret}/blobs/sha512`, `${directory}/folder/blobs/sha512`)
      yield* fs.symlink(`${secret}/${file}`, `${directory}/blob/${file}`)
      yield* fs.makeDirectory(`${directory}/blobless`)
      yield* fs.symlink(`${secret}/blobs`, `${directory}/blobless/blobs`)
      assert.strictEqual((yield* send("GET", "/v2/index/tags/list")).status, 404)
      assert.strictEqual((yield* send("GET", "/v2/blobless/tags/list")).status, 404)
      for (const method of ["GET", "HEAD", "DELETE"] as const) {
        assert.strictEqual((yield* send(method, `/v2/blob/${blob}`)).status, 404)
        assert.strictEqual((yield* send(method, `/v2/blobless/${blob}`)).status, 404)
        assert.strictEqual((yield* send(method, "/v2/index/manifests/v1")).status, 404)
      }
      // The blob goes where the link was, not through it.
      const pushed = yield* send("POST", `/v2/blob/blobs/uploads/?digest=${layer.descriptor.digest}`, {
        body: layer.raw
      })
      assert.strictEqual(pushed.status, 201)
      assert.strictEqual(yield* fs.readFileString(`${directory}/blob/${file}`), "a layer")
      // A hard link outside that a link leads to is no other name of the blob.
      yield* fs.link(`${secret}/${file}`, `${directory}/folder/${file}`)
      assert.strictEqual((yield* send("DELETE", `/v2/folder/${blob}`)).status, 202)
      const names = yield* storage.names
      assert.notInclude(names, "blobless")
      assert.deepStrictEqual(yield* snapshot(secret), before)
    }).pipe(node))

  it.scoped("the directory itself may be one: that is its owner's choice", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      yield* fs.makeDirectory(`${directory}/real`)
      yield* fs.symlink(`${directory}/real`, `${directory}/link`)
      const storage = yield* RegistryServer.storageDirectory(`${directory}/link`)
      yield* fill(storage, "team/app")
      assert.deepStrictEqual(yield* storage.names, ["team/app"])
      assert.isTrue(yield* fs.exists(`${directory}/real/team/app/index.json`))
      assert.strictEqual(yield* storage.blobSize("team/app", layer.descriptor.digest), utf8("a layer").length)
    }).pipe(node))
})
