/// <reference path="./engine.d.ts" />

// Verifiers: they prove who sent a request, where no scheme of the host can. A verifier imports nothing, so that there is
// no clock, no randomness and no log: `Date.now()`, `new Date()` and `Math.random()` end the call.

import { digest } from "./sha256.ts";

/** A header of a request. */
export interface Header {
  /** Its name, in lower case. */
  readonly name: string;
  /** Its value, as it was sent. */
  readonly value: Uint8Array;
}

/** A request as it came. Nothing of it is known to be true. */
export interface Request {
  /** Its method, such as `POST`. */
  readonly method: string;
  /** The URL that the sender called, or its path, with the query as it was sent. */
  readonly url: string;
  /** Its headers. Several values of one name stand in the order in which they came. */
  readonly headers: readonly Header[];
  /** Its body, byte by byte. */
  readonly body: Uint8Array;
}

/** What the verifier knows about a verified request. What it leaves out is read where the source's configuration says. */
export interface Verified {
  /** The index of the secret that matched, among those that the verifier was given. */
  secret: number;
  /** The event's id. */
  id?: string | undefined;
  /** The event's type. */
  eventType?: string | undefined;
  /** The time of the event: RFC 3339, or a number of seconds or milliseconds since 1970. */
  created?: string | undefined;
  /** The place of the payload in the body, as a JSON pointer. */
  payload?: string | undefined;
}

/**
 * Verifies a request. It throws a {@link Refusal} for one that it refuses. Any other exception is a failure: the sender is
 * answered 503, and tries again.
 */
export type Verify = (request: Request, secrets: readonly string[], nowMs: number) => Verified;

/** The reason why a request is refused. The operator sees it, and the sender does not. */
export class Refusal extends Error {
  override name = "Refusal";
}

/** The text of a header, whose name is given in lower case; `undefined` if it is missing. A repeated one is refused. */
export function header(request: Request, name: string): string | undefined {
  const [found, ...more] = request.headers.filter((one) => one.name === name);
  if (more.length > 0) throw new Refusal(`${name} is given more than once`);
  return found && Array.from(found.value, (byte) => String.fromCharCode(byte)).join("");
}

/** The bytes of a text, in UTF-8. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The bytes of a text in base64; `undefined` if it is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** The bytes of a text in hex; `undefined` if it is none. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** The SHA-256 of these parts, one after the other. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return digest(parts);
}

const BLOCK_BYTES = 64;

/** The HMAC-SHA256 of these parts, one after the other. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const padded = new Uint8Array(BLOCK_BYTES);
  padded.set(key.length > BLOCK_BYTES ? sha256(key) : key);
  const inner = sha256(padded.map((byte) => byte ^ 0x36), ...parts);
  return sha256(padded.map((byte) => byte ^ 0x5c), inner);
}

/** Compares two byte strings in a time that tells nothing of where they differ. */
export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  let differences = 0;
  for (let at = 0; at < one.length; at += 1) differences |= (one[at] as number) ^ (other[at] as number);
  return differences === 0;
}
