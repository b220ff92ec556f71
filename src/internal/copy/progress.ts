/**
 * How far the blobs of a copy are: counted as the bytes pass, told a few times a second.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CopyEvent } from "../../CopyEvent.js"
import type * as Descriptor from "../../Descriptor.js"
import { InvalidInput } from "../../RegistryError.js"
import type { Emit } from "./job.js"
import * as sided from "./sided.js"
import type { Target } from "./target.js"

export type Meter = <E, R>(
  target: Target,
  blob: Descriptor.Descriptor,
  content: Stream.Stream<Uint8Array, E, R>
) => Stream.Stream<Uint8Array, E, R>

export const none: Meter = (_target, _blob, content) => content

export const make = Effect.fnUntraced(function*(
  emit: Emit,
  interval: Duration.DurationInput
): Effect.fn.Return<Meter, sided.Sided, Scope.Scope> {
  const every = Option.filter(Duration.decodeUnknown(interval), (duration) => Duration.toMillis(duration) > 0)
  if (Option.isNone(every)) {
    const reason = "it is not a duration longer than nothing"
    return yield* sided.make("none", new InvalidInput({ field: "progressInterval", reason }))
  }
  interface Line {
    readonly destination: string
    readonly descriptor: Descriptor.Descriptor
    bytes: number
    told: number
  }
  const lines = new Set<Line>()
  const tell = Effect.sync(() => {
    for (const line of lines) {
      if (line.bytes !== line.told) {
        const { bytes, descriptor, destination } = line
        line.told = bytes
        emit(CopyEvent.BlobProgress({ destination, descriptor, bytes }))
      }
    }
  })
  yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(every.value), tell)))
  return (target, descriptor, content) =>
    Stream.suspend(() => {
      const line: Line = { destination: target.name, descriptor, bytes: 0, told: 0 }
      lines.add(line)
      return Stream.mapChunks(content, (chunk) => {
        line.bytes += Chunk.reduce(chunk, 0, (sum, bytes) => sum + bytes.byteLength)
        return chunk
      }).pipe(Stream.ensuring(Effect.sync(() => lines.delete(line))))
    })
})
