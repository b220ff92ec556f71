/** A copying process that is killed at any moment, and a second run that finishes what it left. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import * as Digest from "../../src/Digest.js"
import * as Manifest from "../../src/Manifest.js"
import { run } from "../utils/spawn.js"
import { bundle } from "./bundle.js"
import { connect } from "./clients.js"
import { writeLargeImage } from "./large.js"
import * as Registry from "./registry.js"
import * as Skopeo from "./skopeo.js"
import { suite } from "./suite.js"

const Report = Schema.parseJson(Schema.Struct({ events: Schema.Number }))
const runs = 100
const layers = 5
const entryPoint = fileURLToPath(new URL("copyProcess.ts", import.meta.url))

suite("a process that copies", { tools: ["docker-registry", "skopeo"] }, () => {
  it.scopedLive(
    `killed at ${runs} random moments of a copy, leaves no tag without its content, and a second run ends it`,
    () =>
      Effect.gen(function*() {
        const [source, destination] = yield* Effect.all([Registry.start(), Registry.start()])
        const { manifest } = yield* writeLargeImage(source.storage, "app", "1", 2 * 1024 * 1024, layers)
        const from = `${source.host}/app:1`
        const program = yield* bundle(entryPoint)

        // The last event of no copy: it is only counted.
        const undisturbed = yield* run(program, [from, `${destination.host}/undisturbed:1`, "0"])
        assert.strictEqual(undisturbed.code, 0, undisturbed.err)
        const { events } = yield* Schema.decode(Report)(undisturbed.out)

        /** What there is of the image, by a client that has seen nothing. */
        const look = Effect.fnUntraced(function*(name: string) {
          const client = yield* connect()
          const repository = yield* client.repository(`${destination.host}/${name}`)
          const content = yield* client.getImage(from)
          const { blobs } = Manifest.references(content.manifest)
          const there = yield* Effect.filter(blobs, ({ digest }) => repository.hasBlob(digest), { concurrency: 4 })
          return { client, there, all: blobs, isTagged: yield* client.checkExists(`${destination.host}/${name}:1`) }
        })

        let stopped = 0
        const one = (number: number) =>
          Effect.gen(function*() {
            const to = `${destination.host}/killed/${number}:1`
            const finished = yield* run(program, [from, to, `${yield* Random.nextIntBetween(1, events + 1)}`])
            if (finished.code === null) stopped++
            else assert.strictEqual(finished.code, 0, finished.err)
            const left = yield* look(`killed/${number}`)
            if (left.isTagged) assert.strictEqual(left.there.length, left.all.length)
            const result = yield* left.client.copy(from, to)
            assert.strictEqual(result.digest, manifest.digest)
            // What was there is not sent again. Of the rest, the registry may since have put away what the process
            // had sent when it was killed.
            const there = new Set(left.there.map(({ digest }) => digest))
            const uploaded = result.blobs.filter(({ outcome }) => outcome === "Uploaded")
            assert.deepStrictEqual(uploaded.filter(({ descriptor }) => there.has(descriptor.digest)), [])
            const whole = yield* look(`killed/${number}`)
            assert.isTrue(whole.isTagged)
            assert.strictEqual(whole.there.length, layers + 1)
          })
        yield* Effect.forEach(Array.from({ length: runs }, (_, number) => number), one, {
          concurrency: 2,
          discard: true
        })
        assert.isAbove(stopped, runs / 4)
        // Read by another tool, whole: the last of them, and what nobody disturbed.
        for (const name of ["undisturbed", `killed/${runs - 1}`]) {
          assert.strictEqual(
            Digest.fromBytes(yield* Skopeo.inspectRaw(`${destination.host}/${name}:1`)),
            manifest.digest
          )
          const { blobs } = yield* Skopeo.readDirectory(yield* Skopeo.copyToDirectory(`${destination.host}/${name}:1`))
          for (const blob of blobs) assert.strictEqual(blob.digest, blob.name)
        }
      }).pipe(Effect.withRandom(Random.make("killed")), Effect.provide(NodeContext.layer)),
    // Many processes, on a machine that may have other things to do: this ends only what hangs.
    1_800_000
  )
})
