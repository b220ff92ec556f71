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
    "[2002:7f00:1::]"
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
    "10.example.com"
  ]
  for (const name of outside) it(`leaves ${name}`, () => assert.isFalse(isInternal(host(name))))
})
