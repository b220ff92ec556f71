import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RegistryClient from "../../../src/RegistryClient.js"
import type { Fault } from "../../../src/RegistryFault.js"
import { client, memory, Pair } from "../../utils/pair.js"
import { image } from "../../utils/samples.js"
import * as seed from "../../utils/seed.js"
import { byTurns } from "../../utils/turns.js"

/** Blobs that take places, as they have more than a mebibyte. The config, which quotes the layers, is the largest. */
const blocked = image(["a".repeat(2_000_000), "b".repeat(1_500_000)])
const { digest: first } = blocked.config.descriptor

const busy = (kind: Fault["kind"]): Fault => ({
  kind,
  action: { _tag: "Status", status: 500, headers: { "retry-after": "5" } }
})

describe("the places of a blob", () => {
  const cases: ReadonlyArray<readonly [string, "source" | "destination", Fault]> = [
    ["whose source is busy", "source", { ...busy("getBlob"), path: first }],
    ["whose upload is refused for now", "destination", busy("putUpload")]
  ]
  for (const [name, side, fault] of cases) {
    it.live(`${name} are another one's while it waits for its next try`, () =>
      Effect.gen(function*() {
        const pair = yield* Pair
        yield* seed.putImage(yield* pair.source.server.repository("app"), blocked, "1")
        yield* pair[side].server.setFaults([fault])
        const uploaded: Array<string> = []
        yield* Effect.provide(
          RegistryClient.copyImage("source.test/app:1", "destination.test/copy:1", {
            concurrency: 1,
            onEvent: (event) =>
              Effect.sync(() => event._tag === "BlobUploaded" ? uploaded.push(event.descriptor.digest) : 0)
          }),
          client()
        )
        // The largest one goes first, and comes last.
        assert.deepStrictEqual([uploaded.length, uploaded.at(-1)], [3, first])
        const log = yield* pair[side].server.requests
        assert.isAbove(log.filter(({ faults }) => faults.length > 0).length, 0)
      }).pipe(Effect.provide(memory()), byTurns))
  }
})
