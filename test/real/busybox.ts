/**
 * Debian's `busybox-static` packages of four architectures, from the archive by `apt-get download`. That needs
 * `dpkg --add-architecture` and `apt-get update` to have been run, which takes root, so a test does not do it.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { find } from "./tools.js"

/** Debian's name of each architecture, and the platform it is to an image. */
export const architectures = {
  amd64: { os: "linux", architecture: "amd64" },
  arm64: { os: "linux", architecture: "arm64", variant: "v8" },
  armhf: { os: "linux", architecture: "arm", variant: "v7" },
  s390x: { os: "linux", architecture: "s390x" }
} as const

export type Architecture = keyof typeof architectures

export interface Packages {
  /** The `.deb` file of each architecture; empty where they cannot be had. */
  readonly files: Partial<Readonly<Record<Architecture, string>>>
  /** Why they cannot be had. */
  readonly lacks: string | undefined
}

const execute = promisify(execFile)

const download = async (architecture: Architecture): Promise<string> => {
  const cache = join(tmpdir(), `effect-oci-busybox-${userInfo().uid}`)
  await mkdir(cache, { recursive: true, mode: 0o700 })
  const cached = (await readdir(cache)).find((name) => name.endsWith(`_${architecture}.deb`))
  if (cached !== undefined) return join(cache, cached)
  // Into a folder of its own first: other test processes may look at the same time.
  const partial = await mkdtemp(join(cache, "partial-"))
  try {
    await execute("apt-get", ["download", "--quiet", `busybox-static:${architecture}`], {
      cwd: partial,
      timeout: 120_000
    })
    const [name] = await readdir(partial)
    if (name === undefined) throw new Error("apt-get download left no file")
    await rename(join(partial, name), join(cache, name))
    return join(cache, name)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

/** To be awaited while a test file is loaded, so that what cannot be had shows as skipped. Never rejects. */
export const obtain = async (): Promise<Packages> => {
  const absent = ["apt-get", "dpkg-deb", "tar"].filter((tool) => find(tool) === undefined)
  if (absent.length > 0) return { files: {}, lacks: `no ${absent.join(", ")} on the PATH` }
  const files: Partial<Record<Architecture, string>> = {}
  for (const architecture of Object.keys(architectures) as Array<Architecture>) {
    try {
      files[architecture] = await download(architecture)
    } catch {
      return {
        files: {},
        lacks: `apt-get cannot download busybox-static:${architecture} (dpkg --add-architecture, apt-get update?)`
      }
    }
  }
  return { files, lacks: undefined }
}
