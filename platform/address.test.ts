import { expect, test } from "vitest";
import { type AddressClass, addressClass } from "./address.ts";

const expected: Record<AddressClass, readonly string[]> = {
  public: ["8.8.8.8", "203.1.112.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
  private: [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
  ],
  never: [
    "169.254.169.254",
    "fe80::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "255.255.255.255",
    "origin",
    "",
  ],
};

for (const [kind, addresses] of Object.entries(expected)) {
  test.each(addresses)(`%s is ${kind}`, (address) => {
    expect(addressClass(address)).toBe(kind);
  });
}
