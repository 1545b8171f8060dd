// Makes visitors nameless: an address becomes a number that is the same all day and another one the next day. Without the
// day's salt nobody finds the way back, nor from one day to another.
import { createHmac, hkdfSync } from "node:crypto";

const SALT_BYTES = 32;

/** `day`: "2026-05-04", UTC. Undefined: this one is not known here. */
export type SaltOf = (day: string) => Buffer | undefined;

/** All salts come from one key, so every process of the control plane has the same ones and none is stored. */
export function saltFromKey(key: Buffer, day: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", `edgewright client hash ${day}`, SALT_BYTES));
}

/** 64 bits, in decimal digits: ten million visitors of a day collide once in 400,000. */
export function clientHash(salt: Buffer, address: string): string {
  return createHmac("sha256", salt).update(address).digest().readBigUInt64BE().toString();
}
