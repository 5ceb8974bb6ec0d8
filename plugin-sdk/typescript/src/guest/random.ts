// Takes random numbers from the host. The engine's own generator has a seed from build time, so every instance would
// get the same numbers. A build includes this module only if the plugin uses it.

import { getRandomBytes } from "wasi:random/random";

/** The maximum bytes of one call, as on the web. */
const BYTES_MAX = 65_536;

function getRandomValues<T extends ArrayBufferView>(array: T): T {
  const { buffer, byteOffset, byteLength } = array;
  if (byteLength > BYTES_MAX) throw new RangeError(`getRandomValues: at most ${BYTES_MAX} bytes at once`);
  new Uint8Array(buffer, byteOffset, byteLength).set(getRandomBytes(byteLength));
  return array;
}

/** A UUID of version 4 (RFC 9562). */
function randomUUID(): string {
  const bytes = getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** A number from 0 to 1 with 53 random bits, its full precision. */
function random(): number {
  const [high = 0, low = 0] = getRandomValues(new Uint32Array(2));
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

Object.assign(globalThis, { crypto: { getRandomValues, randomUUID } });
Math.random = random;
