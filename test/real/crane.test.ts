/** `crane` reads what our client wrote. It is no package of Debian's, so it may be absent. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { join } from "node:path"
import { obtain } from "./busybox.js"
import { connect } from "./clients.js"
import * as Fixture from "./fixture.js"
import * as Registry from "./registry.js"
import { run, text } from "./run.js"
import { writeImage } from "./storage.js"
import { suite } from "./suite.js"
import { find } from "./tools.js"

const packages = await obtain()

suite("crane", { tools: ["crane", "docker-registry"], lacks: packages.lacks, optional: true }, () => {
  it.scopedLive.each(["oci", "docker"] as const)(
    "validates a copied index, an image and a part of an index (%s)",
    (format) =>
      Effect.gen(function*() {
        const [open, secured] = yield* Effect.all([Registry.start(), Registry.start({ htpasswd: true })])
        const image = yield* Fixture.build(packages, format)
        yield* writeImage(open.storage, "library/busybox", "1", image)
        const client = yield* connect(secured)
        const source = `${open.host}/library/busybox:1`
        const copied = `${secured.host}/team/busybox:1`
        const single = `${secured.host}/team/single:1`
        yield* client.copyIndex(source, copied)
        const { digest } = yield* client.copyPlatformImage(source, "linux/s390x", single)
        const part = `${secured.host}/team/part:1`
        const rewritten = yield* client.copy(source, part, { platforms: ["linux/arm64", "linux/arm/v7"] })

        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-oci-crane-" })
        const { password, username } = Registry.account
        const auth = Buffer.from(`${username}:${Redacted.value(password)}`).toString("base64")
        yield* fs.writeFileString(join(folder, "config.json"), JSON.stringify({ auths: { [secured.host]: { auth } } }))
        const crane = (...args: ReadonlyArray<string>) =>
          run(find("crane") ?? "crane", args, { env: { DOCKER_CONFIG: folder } })

        for (const reference of [copied, single, part]) {
          const validated = yield* crane("validate", "--remote", reference)
          assert.include(text(validated) + validated.stderr, `PASS: ${reference}`)
        }
        assert.strictEqual(text(yield* crane("digest", copied)).trim(), image.index.descriptor.digest)
        assert.strictEqual(text(yield* crane("digest", single)).trim(), digest)
        assert.strictEqual(text(yield* crane("digest", part)).trim(), rewritten.digest)
        assert.notStrictEqual(rewritten.digest, rewritten.sourceDigest)
        const manifest = yield* crane("manifest", copied)
        assert.deepStrictEqual(Buffer.from(manifest.stdout), Buffer.from(image.index.raw))
      }).pipe(Effect.provide(NodeContext.layer))
  )
})
