/** Runs a program to its end: stdout and stderr as they came, a failure with both when it ends badly. */
import * as Command from "@effect/platform/Command"
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export class ProgramFailed extends Data.TaggedError("ProgramFailed")<{
  readonly program: string
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}> {
  override get message(): string {
    return `${this.program} ended with ${this.exitCode}\n${this.stdout}\n${this.stderr}`
  }
}

export interface Output {
  readonly stdout: Uint8Array
  readonly stderr: string
}

export const text = (output: Output): string => new TextDecoder().decode(output.stdout)

export const run = Effect.fnUntraced(
  function*(
    program: string,
    args: ReadonlyArray<string>,
    options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {}
  ) {
    const plain = Command.make(program, ...args).pipe(Command.env(options.env ?? {}))
    const child = yield* Command.start(
      options.cwd === undefined ? plain : Command.workingDirectory(plain, options.cwd)
    )
    const [chunks, stderr, exitCode] = yield* Effect.all([
      Stream.runCollect(child.stdout),
      Stream.mkString(Stream.decodeText(child.stderr)),
      child.exitCode
    ], { concurrency: "unbounded" })
    const stdout: Uint8Array = Buffer.concat(Chunk.toReadonlyArray(chunks))
    if (exitCode !== 0) {
      return yield* new ProgramFailed({ program, exitCode, stdout: new TextDecoder().decode(stdout), stderr })
    }
    const output: Output = { stdout, stderr }
    return output
  },
  Effect.scoped
)
