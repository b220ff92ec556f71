/** Copies over sockets that are interrupted in the middle of a blob. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as NodeRegistry from "../src/NodeRegistry.js"
import * as RegistryClient from "../src/RegistryClient.js"
import type { Action, Kind } from "../src/RegistryFault.js"
import { client, type Host, Pair, sockets } from "./utils/pair.js"
import { image } from "./utils/samples.js"
import * as seed from "./utils/seed.js"

const large = image(["x".repeat(4 * 1024 * 1024), "y".repeat(4 * 1024 * 1024)])

const asked = (host: Host, kind: Kind) =>
  Effect.repeat(Effect.map(host.server.requests, (log) => log.some((entry) => entry.kind === kind)), {
    until: (is) => is,
    schedule: Schedule.spaced("10 millis")
  })

describe("an interrupted copy over sockets", () => {
  it.scopedLive.each<[string, "source" | "destination", Kind, Action]>([
    ["while the source stalls in a blob", "source", "getBlob", { _tag: "Stall", at: "body", after: 100_000 }],
    ["while the source does not answer", "source", "getBlob", { _tag: "Stall", at: "headers" }],
    ["while the destination does not open a session", "destination", "startUpload", { _tag: "Stall", at: "headers" }],
    ["while the destination does not answer an upload", "destination", "putUpload", { _tag: "Stall", at: "headers" }],
    ["while the destination does not answer a manifest", "destination", "putManifest", { _tag: "Stall", at: "headers" }]
  ])(
    "ends without what it waits for %s, without a tag and without a session",
    ([, side, kind, action]) =>
      Effect.gen(function*() {
        const pair = yield* Pair
        const { destination, source } = pair
        yield* seed.putImage(yield* source.server.repository("app"), large, "1")
        yield* pair[side].server.setFaults([{ kind, nth: "always", action }])
        const began = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(Effect.provide(
          Effect.zipRight(
            Deferred.succeed(began, undefined),
            RegistryClient.copy(`${source.name}/app:1`, `${destination.name}/copy:1`)
          ),
          client(undefined, { idleTimeout: "1 hours" })
        ))
        yield* Deferred.await(began)
        yield* asked(pair[side], kind)
        yield* Effect.sleep("200 millis")
        // What stalls never goes on, and no time-out ends it: an interruption that waits for it does not end.
        yield* Fiber.interrupt(fiber)
        const repository = yield* destination.server.repository("copy")
        assert.isTrue(Option.isNone(yield* Effect.option(repository.resolve("1"))))
        // A POST that is never answered opens a session that nobody hears of; the embedded registry opens none for it.
        const open = yield* Effect.repeat(destination.server.openUploads, {
          until: (count) => count === 0,
          schedule: Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(40))
        }).pipe(Effect.zipRight(destination.server.openUploads))
        assert.strictEqual(open, 0)
      }).pipe(Effect.provide(sockets(NodeRegistry.layerHttp({ proxy: false }))()))
  )
})
