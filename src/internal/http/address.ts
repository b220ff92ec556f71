/**
 * Which hosts are loopback, and which are not on the public network at all.
 *
 * @internal
 */
import { BlockList, isIP } from "node:net"

type Subnet = readonly [address: string, prefix: number]

const blockList = (subnets: ReadonlyArray<Subnet>): BlockList => {
  const blocks = new BlockList()
  for (const [address, prefix] of subnets) blocks.addSubnet(address, prefix, isIP(address) === 4 ? "ipv4" : "ipv6")
  return blocks
}

const loopback = blockList([["127.0.0.0", 8], ["::1", 128]])

/** Unspecified, private, shared, loopback, link-local, protocol, benchmarking, multicast and reserved (RFC 6890). */
const internal4: ReadonlyArray<Subnet> = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4]
]

const internal6: ReadonlyArray<Subnet> = [
  // ::, ::1 and the IPv4-compatible addresses (RFC 4291 §2.5.5.1)
  ["::", 96],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
  // Translators decide where these lead: IPv4-translated (RFC 2765), local NAT64 (RFC 8215), Teredo (RFC 4380).
  ["::ffff:0:0:0", 96],
  ["64:ff9b:1::", 48],
  ["2001::", 32]
]

/**
 * The IPv6 notations that lead to exactly the IPv4 address in them: mapped (RFC 4291 §2.5.5.2), NAT64 (RFC 6052 §2.1) and
 * 6to4 (RFC 3056 §2). NAT64 is not internal as a whole: where DNS64 is in use, public names resolve to it.
 */
const embedded = ([address, prefix]: Subnet): ReadonlyArray<Subnet> => {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number)
  const high = ((a << 8) | b).toString(16)
  const low = ((c << 8) | d).toString(16)
  return [
    [`::ffff:${high}:${low}`, 96 + prefix],
    [`64:ff9b::${high}:${low}`, 96 + prefix],
    [`2002:${high}:${low}::`, 16 + prefix]
  ]
}

const internal = blockList([...internal4, ...internal6, ...internal4.flatMap(embedded)])

const within = (blocks: BlockList, hostname: string): boolean => {
  const address = hostname.replace(/^\[|\]$/g, "").replace(/%.*$/s, "")
  const family = isIP(address)
  return family !== 0 && blocks.check(address, family === 4 ? "ipv4" : "ipv6")
}

const isLocalName = (hostname: string): boolean => /^(?:.+\.)?localhost\.?$/i.test(hostname)

/**
 * `localhost`, a name below it, or a loopback address. Of a `URL`'s hostname, brackets and all.
 *
 * @internal
 */
export const isLoopback = (hostname: string): boolean => isLocalName(hostname) || within(loopback, hostname)

/**
 * An address that is not on the public network, or a name that always leads to one. Names are not looked up. Takes a
 * `URL`'s hostname, brackets and all, or an address as a look-up gives it.
 *
 * @internal
 */
export const isInternal = (hostname: string): boolean => isLocalName(hostname) || within(internal, hostname)
