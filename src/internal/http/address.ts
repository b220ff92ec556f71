/**
 * Which hosts are loopback, and which are not on the public network at all.
 *
 * @internal
 */
import { BlockList, isIP } from "node:net"

const subnets = (list: ReadonlyArray<readonly [string, number]>): BlockList => {
  const blocks = new BlockList()
  for (const [address, prefix] of list) blocks.addSubnet(address, prefix, isIP(address) === 4 ? "ipv4" : "ipv6")
  return blocks
}

const loopback = subnets([["127.0.0.0", 8], ["::1", 128]])

/** Loopback, link-local, private, shared and unspecified addresses; IPv4 ones in IPv6 notation (`::ffff:…`) included. */
const internal = subnets([
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["255.255.255.255", 32],
  // ::, ::1 and the IPv4-compatible addresses of old
  ["::", 96],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  // translations: what they lead to is decided by a gateway
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2002:0a00::", 24],
  ["2002:7f00::", 24],
  ["2002:a9fe::", 32],
  ["2002:ac10::", 28],
  ["2002:c0a8::", 32]
])

const within = (blocks: BlockList, hostname: string): boolean => {
  const address = hostname.replace(/^\[|\]$/g, "")
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
 * A loopback, link-local or private address, or a name that always leads to one. Names are not looked up.
 *
 * @internal
 */
export const isInternal = (hostname: string): boolean => isLocalName(hostname) || within(internal, hostname)
