/**
 * The names of operating systems and processors, and their aliases (image-spec, "Platform Variants", and
 * containerd/platforms).
 *
 * @internal
 */

// What Go knows, as the field names platforms after GOOS and GOARCH.
const systems = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos"
    .split(" ")
)

const architectures = new Set(
  ("386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 " +
    "ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm").split(" ")
)

export const system = (os: string): string => {
  const name = os.toLowerCase()
  return name === "macos" ? "darwin" : name
}

export interface Processor {
  readonly architecture: string
  /** Empty where there is none. */
  readonly variant: string
}

export const processor = (architecture: string, variant: string): Processor => {
  const name = architecture.toLowerCase()
  const version = variant.toLowerCase()
  switch (name) {
    case "i386":
      return { architecture: "386", variant: "" }
    case "x86_64":
    case "x86-64":
    case "amd64":
      return { architecture: "amd64", variant: version === "v1" ? "" : version }
    case "aarch64":
    case "arm64":
      return { architecture: "arm64", variant: arm64(version) }
    case "armhf":
      return { architecture: "arm", variant: "v7" }
    case "armel":
      return { architecture: "arm", variant: "v6" }
    case "arm":
      return { architecture: "arm", variant: version === "" ? "v7" : /^[5-8]$/.test(version) ? `v${version}` : version }
    default:
      return { architecture: name, variant: version }
  }
}

const arm64 = (variant: string): string => {
  switch (variant) {
    case "8":
    case "v8":
    case "v8.0":
      return ""
    case "9":
    case "9.0":
    case "v9.0":
      return "v9"
    default:
      return variant
  }
}

export const isSystem = (name: string): boolean => systems.has(system(name))

export const isArchitecture = (name: string): boolean => architectures.has(processor(name, "").architecture)
