/**
 * One registry for a directory: a second one would remove the uploads of the first, and write over its tags.
 *
 * The lock is a file that names the process that holds it. Nothing removes it when that process is killed, so it is
 * checked whether the process still runs. Its number alone does not tell, as numbers are given out again, in a container
 * at every start; where the system says when a process started (Linux), that must fit too. Containers may share a host
 * name and still not see each other's processes, so what runs in another PID namespace is taken to run.
 *
 * @internal
 */
import type * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { StorageError } from "../../RegistryError.js"
import { isSystemError, storageError } from "../layoutFiles.js"

class Holder extends Schema.Class<Holder>("effect-oci/server/Holder")({
  /** Tells two locks of one process apart. */
  id: Schema.String,
  pid: Schema.Int.pipe(Schema.positive()),
  host: Schema.String,
  /** Boot and time in it at which the process started, where the system tells. */
  started: Schema.optional(Schema.String),
  /** In which the process has its number, where the system has PID namespaces. */
  namespace: Schema.optional(Schema.String)
}) {}

const Content = Schema.parseJson(Holder)

/** When a process started, as far as Linux tells: the 20th field behind the name, which may hold spaces and brackets. */
const startOf = (fs: FileSystem.FileSystem, pid: number): Effect.Effect<string | undefined> =>
  Effect.zipWith(
    fs.readFileString("/proc/sys/kernel/random/boot_id"),
    fs.readFileString(`/proc/${pid}/stat`),
    (boot, stat) => {
      const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
      return ticks === undefined ? undefined : `${boot.trim()}/${ticks}`
    }
  ).pipe(Effect.orElseSucceed(() => undefined))

const namespaceOf = (fs: FileSystem.FileSystem): Effect.Effect<string | undefined> =>
  Effect.orElseSucceed(fs.readLink("/proc/self/ns/pid"), () => undefined)

const exists = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Another user's process is one too.
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}

/** Whether processes of the one can be seen by the other. */
const isVisible = (holder: Holder, own: Holder): boolean =>
  holder.host === own.host && holder.namespace === own.namespace

/** Whether the process runs; of one that cannot be seen from here nothing can be known, so it is taken to. */
const isRunning = (fs: FileSystem.FileSystem, holder: Holder, own: Holder): Effect.Effect<boolean> => {
  if (!isVisible(holder, own)) return Effect.succeed(true)
  if (!exists(holder.pid)) return Effect.succeed(false)
  return Effect.map(
    startOf(fs, holder.pid),
    (started) => started === undefined || holder.started === undefined || started === holder.started
  )
}

/** Holds the lock of a directory until the scope is closed. The directory must be there. */
export const hold = (
  fs: FileSystem.FileSystem,
  directory: string,
  lock: string
): Effect.Effect<void, StorageError, Scope.Scope> =>
  Effect.gen(function*() {
    const failed = Effect.mapError(storageError(lock))
    const started = yield* startOf(fs, process.pid)
    const namespace = yield* namespaceOf(fs)
    const own = Holder.make({
      id: randomUUID(),
      pid: process.pid,
      host: hostname(),
      ...(started === undefined ? {} : { started }),
      ...(namespace === undefined ? {} : { namespace })
    })
    const aside = `${lock}-${own.id}`
    const discard = Effect.ignore(fs.remove(aside, { force: true }))

    /** Puts the lock in its place, whole, unless there is one. */
    const place: Effect.Effect<boolean, StorageError> = Schema.encode(Content)(own).pipe(
      Effect.orDie,
      Effect.flatMap((content) =>
        Effect.zipRight(
          fs.writeFileString(aside, `${content}\n`),
          // Where there are no hard links, a lock may be seen before it is whole; it then counts.
          Effect.catchIf(fs.link(aside, lock), (error) => !isSystemError(error, "AlreadyExists"), () =>
            fs.writeFileString(lock, `${content}\n`, { flag: "wx" }))
        )
      ),
      Effect.as(true),
      Effect.catchIf((error) => isSystemError(error, "AlreadyExists"), () => Effect.succeed(false)),
      Effect.ensuring(discard),
      failed
    )

    /** The text of a lock; none when there is no lock any more. */
    const read = (file: string): Effect.Effect<Option.Option<string>, StorageError> =>
      fs.readFileString(file).pipe(
        Effect.map(Option.some),
        Effect.catchIf(isGone, () => Effect.succeed(Option.none<string>())),
        failed
      )

    const refusal = (by: string, advice: string) =>
      new StorageError({ path: directory, reason: `another registry uses this directory: ${by}. ${advice}` })

    /** Fails unless the lock is one that its process has left behind. */
    const judge = (text: string): Effect.Effect<void, StorageError> => {
      const holder = Schema.decodeOption(Content)(text)
      if (Option.isNone(holder)) {
        return refusal(`its lock ${lock} cannot be read`, "If no registry runs there, remove that file")
      }
      const { host, pid } = holder.value
      const where = host === own.host ? `in another container of ${host}` : `on ${host}`
      return Effect.flatMap(isRunning(fs, holder.value, own), (running) =>
        !running
          ? Effect.void
          : isVisible(holder.value, own)
          ? refusal(`process ${pid} of this host`, "End that one, or give each a directory of its own")
          : refusal(`process ${pid} ${where}`, `If that one is gone, remove ${lock}`))
    }

    /** Takes a lock away that was judged by its text. If another one is there by now, it goes back. */
    const clear = (text: string): Effect.Effect<void, StorageError> =>
      fs.rename(lock, aside).pipe(
        Effect.zipRight(fs.readFileString(aside)),
        Effect.flatMap((found) => found === text ? Effect.void : Effect.ignore(fs.link(aside, lock))),
        Effect.catchIf(isGone, () => Effect.void),
        Effect.ensuring(discard),
        failed
      )

    const take: Effect.Effect<void, StorageError> = Effect.suspend(() =>
      Effect.flatMap(place, (done) =>
        done ? Effect.void : Effect.flatMap(
          read(lock),
          Option.match({
            onNone: () => take,
            onSome: (text) => judge(text).pipe(Effect.zipRight(clear(text)), Effect.zipRight(take))
          })
        ))
    )

    const release = read(lock).pipe(
      Effect.flatMap((text) =>
        Option.exists(Option.flatMap(text, Schema.decodeOption(Content)), ({ id }) => id === own.id)
          ? fs.remove(lock)
          : Effect.void
      ),
      Effect.ignore
    )
    yield* Effect.acquireRelease(take, () => release)
  })

const isGone = (error: PlatformError.PlatformError): boolean => isSystemError(error, "NotFound")
