import { stringify } from "./json.ts";

// Checks the types of values that are passed to the host. With a wrong type, the engine's bindings end the call
// without a stack.

/** A string without lone surrogates (such as `"😀".slice(0, 1)`), which UTF-8 cannot encode. */
export function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw new TypeError(`${what} has to be a string, not ${kind(value)}`);
  return value.toWellFormed();
}

/** Bytes unchanged, or a string as UTF-8. */
export function bytes(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return new TextEncoder().encode(value);
  throw new TypeError(`${what} has to be a string or a Uint8Array, not ${kind(value)}`);
}

export function utf8(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

/** JSON text. Values such as `undefined` and functions have none. */
export function json(value: unknown, what: string): string {
  const made = stringify(value);
  if (made === undefined) throw new TypeError(`${what} has no JSON: it is ${kind(value)}`);
  return made.toWellFormed();
}

function kind(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
}

/** The host's error value, which the engine's bindings throw. */
export function refusal(error: unknown): unknown {
  return error instanceof Error && "payload" in error ? error.payload : undefined;
}
