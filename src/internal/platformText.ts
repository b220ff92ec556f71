/**
 * Platforms as people write them: `os/arch[/variant]`, `os(version+feature)/arch/variant`, or a lone word
 * (containerd/platforms).
 *
 * @internal
 */
import type { Platform } from "../Platform.js"
import * as names from "./platformNames.js"
import { printable } from "./text.js"

const plainWord = /^[A-Za-z0-9_.-]+$/
const system = /^([^()]*)\(([^()]*)\)$/

/**
 * The platform, its fields as given, or what is wrong with the string. `word` is what the operating system, the
 * architecture and the variant are made of.
 */
export const read = (input: string, word: RegExp = plainWord): Platform | string => {
  if (typeof input !== "string") return `it is ${input === null ? "null" : `of type ${typeof input}`}, not a string`
  if (input === "") return "it is empty"
  const [first = "", architecture, variant, ...more] = input.split("/")
  if (more.length > 0) return "it has too many parts: os/arch or os/arch/variant"
  const os = readSystem(first)
  if (typeof os === "string") return os
  for (const part of [os.os, architecture, variant]) {
    if (part === "") return "one of its parts is empty: os/arch or os/arch/variant"
    if (part !== undefined && !word.test(part)) {
      return `${
        JSON.stringify(printable(part, 64))
      } holds a character that no platform has; it is os/arch or os/arch/variant, ` +
        "with a version as in windows(10.0.17763.1)/amd64"
    }
  }
  if (architecture !== undefined) {
    return { ...os, architecture, ...(variant === undefined ? {} : { variant }) }
  }
  if (names.isSystem(os.os)) return { ...os, architecture: "amd64" }
  if (first === os.os && names.isArchitecture(first)) return { os: "linux", architecture: first }
  return `${JSON.stringify(os.os)} is neither an operating system nor an architecture that is known; write os/arch`
}

type System = Pick<Platform, "os" | "os.version" | "os.features">

const readSystem = (text: string): System | string => {
  const parts = system.exec(text)
  if (parts === null) return { os: text }
  const [, os = "", options = ""] = parts
  const [version, ...features] = options.split("+").map(percentDecoded)
  if (version === undefined || features.some((feature) => feature === undefined || feature === "")) {
    return "what is in the brackets is not version+feature, with % + ( ) / written as %25 %2B %28 %29 %2F"
  }
  if (version === "" && features.length === 0) return "there is nothing in its brackets"
  return {
    os,
    ...(version === "" ? {} : { "os.version": version }),
    ...(features.length === 0 ? {} : { "os.features": features.filter((feature) => feature !== undefined) })
  }
}

const percentDecoded = (text: string): string | undefined => {
  try {
    const decoded = decodeURIComponent(text)
    return printable(decoded, 256) === decoded ? decoded : undefined
  } catch {
    return undefined
  }
}
