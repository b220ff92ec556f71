import { assert, describe, it } from "@effect/vitest"
import { isInternal, isLoopback } from "../../../src/internal/http/address.js"

const host = (authority: string) => new URL(`http://${authority}/`).hostname

describe("isLoopback", () => {
  for (
    const name of ["localhost", "LOCALHOST", "a.localhost", "localhost.", "127.0.0.1", "127.8.9.1", "[::1]", "127.1"]
  ) {
    it(`knows ${name}`, () => assert.isTrue(isLoopback(host(name))))
  }
  for (const name of ["localhost.example.com", "mylocalhost", "10.0.0.1", "128.0.0.1", "[::2]", "example.com"]) {
    it(`does not take ${name} for it`, () => assert.isFalse(isLoopback(host(name))))
  }
})

describe("isInternal", () => {
  const inside = [
    "localhost",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "2130706433",
    "0x7f.1",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a00:1]",
    "[::10.0.0.1]",
    "[fe80::1]",
    "[fd00::1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[64:ff9b:1::808:808]",
    // IPv4-translated (RFC 2765) and Teredo (RFC 4380): what they lead to is decided on the way
    "[::ffff:0:8.8.8.8]",
    "[::ffff:0:7f00:1]",
    "[2001::1]",
    "[2001:0:808:808::1]",
    // 6to4 (RFC 3056) of each range
    "[2002:a01:203::1]",
    "[2002:6440:1::]",
    "[2002:a9fe:a9fe::]",
    "[2002:ac1f:ffff::]",
    "[2002:c000:1::]",
    "[2002:c0a8:101::]",
    "[2002:c612:1::]",
    "[2002:e000:1::]",
    "[2002:ffff:ffff::]",
    // multicast, and what is reserved for the future
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[ff02::1]",
    "[ff0e::1]"
  ]
  for (const name of inside) it(`knows ${name}`, () => assert.isTrue(isInternal(host(name))))
  const outside = [
    "example.com",
    "8.8.8.8",
    "172.32.0.1",
    "172.15.0.1",
    "100.128.0.1",
    "192.169.0.1",
    "[2606:4700::1111]",
    "[::ffff:8.8.8.8]",
    "[64:ff9b::8.8.8.8]",
    "[2002:808:808::]",
    "[2001:1::1]",
    "[2001:db8::1]",
    "[::fffe:0:8.8.8.8]",
    "223.255.255.255",
    "198.20.0.1",
    "10.example.com"
  ]
  for (const name of outside) it(`leaves ${name}`, () => assert.isFalse(isInternal(host(name))))
  it("takes an address with a zone, as a look-up may give", () => {
    assert.isTrue(isInternal("fe80::1%eth0"))
    assert.isFalse(isInternal("2606:4700::1111%eth0"))
  })
})
