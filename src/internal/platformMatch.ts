/**
 * Which platforms an image can be for to run on another, and which of them is best (containerd/platforms). All
 * platforms here are normalised.
 *
 * @internal
 */
import type { Platform } from "../Platform.js"

/** Smaller is better, the first number that differs decides. */
export type Rank = readonly [processor: number, version: number, features: number]

export const isBetter = (a: Rank, b: Rank): boolean => {
  const differing = a.findIndex((n, i) => n !== b[i])
  return differing !== -1 && (a[differing] ?? 0) < (b[differing] ?? 0)
}

/** How good a platform is for the wanted one; undefined when it does not run there. */
export const ranking = (wanted: Platform): (candidate: Platform) => Rank | undefined => {
  const order = new Map(processors(wanted).map((name, index) => [name, index]))
  const offered = new Set(wanted["os.features"])
  return (candidate) => {
    if (candidate.os !== wanted.os) return undefined
    const processor = order.get(name(candidate.architecture, candidate.variant))
    if (processor === undefined) return undefined
    const demanded = new Set(candidate["os.features"])
    // Every Windows has or lacks it by its edition; matching leaves it to the host.
    if (wanted.os === "windows") demanded.delete("win32k")
    for (const feature of demanded) if (!offered.has(feature)) return undefined
    const version = wanted.os === "windows" ? windows(wanted["os.version"], candidate["os.version"]) : 0
    return version === undefined ? undefined : [processor, version, -demanded.size]
  }
}

const name = (architecture: string, variant: string | undefined): string =>
  variant === undefined ? architecture : `${architecture}/${variant}`

/** The processors whose programs run on the wanted one, best first. */
const processors = ({ architecture, variant }: Platform): ReadonlyArray<string> => {
  const exact = name(architecture, variant)
  switch (architecture) {
    case "amd64":
      return unique([exact, ...down("amd64/v", number(variant), 2), "amd64", "386"])
    case "arm":
      return unique([exact, ...down("arm/v", number(variant), 5)])
    case "arm64":
      return unique([exact, ...arm64(variant), "arm64", ...down("arm/v", 8, 5)])
    default:
      return [exact]
  }
}

const unique = (items: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(items)]

/** `v8.N` runs all of `v8` up to its own minor version; `v9.M` also what `v8.(M+5)` runs. */
const arm64 = (variant: string | undefined): ReadonlyArray<string> => {
  const [, major, minor = "0"] = /^v([89])(?:\.(\d))?$/.exec(variant ?? "") ?? []
  const n = Number(minor)
  if (major === "8") return down("arm64/v8.", n, 1)
  if (major === "9") return [...down("arm64/v9.", n, 1), "arm64/v9", ...down("arm64/v8.", Math.min(n + 5, 9), 1)]
  return []
}

/** `prefix` with `from`, `from - 1`, … `to`. */
const down = (prefix: string, from: number, to: number): ReadonlyArray<string> =>
  from < to ? [] : Array.from({ length: from - to + 1 }, (_, i) => `${prefix}${from - i}`)

/** The N of `vN`; 0 for none, or one that no processor has, so that a list has an end. */
const number = (variant: string | undefined): number => {
  const digit = /^v(\d)$/.exec(variant ?? "")?.[1]
  return digit === undefined ? 0 : Number(digit)
}

/** Builds of the long-term releases: from the first of them on, a host also runs what came since the one before it. */
const longTerm = [20348, 26100]

/**
 * How good a Windows version is for a host, undefined when it does not run there. A version that is not told fits, and
 * is the last choice beside one that is.
 */
const windows = (host: string | undefined, image: string | undefined): number | undefined => {
  if (host === undefined) return 0
  if (host === image) return -2
  if (image === undefined) return Number.MAX_SAFE_INTEGER
  const [hostRelease, hostBuild] = release(host)
  const [imageRelease, imageBuild] = release(image)
  if (hostRelease === undefined || hostRelease !== imageRelease) return undefined
  const oldest = hostBuild < 20348 ? hostBuild : longTerm.findLast((build) => build < hostBuild) ?? 20348
  return imageBuild >= oldest && imageBuild <= hostBuild ? hostBuild - imageBuild : undefined
}

const release = (version: string): readonly [majorMinor: string | undefined, build: number] => {
  const [, majorMinor, build] = /^(\d{1,5}\.\d{1,5})\.(\d{1,9})(?:\.\d{1,9})?$/.exec(version) ?? []
  return [majorMinor, Number(build)]
}
