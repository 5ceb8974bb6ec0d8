// The engine draws its random numbers from a seed of the time when the plugin was built, so that every instance
// would draw the same. These come from the host. Built in where a plugin uses them.

import { getRandomBytes } from "wasi:random/random";

/** The most that one call may ask for, as on the web. */
const BYTES_MAX = 65_536;

function getRandomValues<T extends ArrayBufferView>(array: T): T {
  const { buffer, byteOffset, byteLength } = array;
  if (byteLength > BYTES_MAX) throw new RangeError(`getRandomValues: at most ${BYTES_MAX} bytes at once`);
  new Uint8Array(buffer, byteOffset, byteLength).set(getRandomBytes(byteLength));
  return array;
}

/** Version 4 of RFC 9562. */
function randomUUID(): string {
  const bytes = getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** 53 random bits, as many as a number from 0 to 1 can have. */
function random(): number {
  const [high = 0, low = 0] = getRandomValues(new Uint32Array(2));
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

Object.assign(globalThis, { crypto: { getRandomValues, randomUUID } });
Math.random = random;
