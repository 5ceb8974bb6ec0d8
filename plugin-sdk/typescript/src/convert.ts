// What crosses to the host has to be of the right type: the engine's bindings end the call without a
// stack where it is not.

/** A string, without halves of characters (such as `"😀".slice(0, 1)`), which UTF-8 cannot express. */
export function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw new TypeError(`${what} has to be a string, not ${kind(value)}`);
  return value.toWellFormed();
}

/** Bytes as they are, a string as UTF-8. */
export function bytes(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return new TextEncoder().encode(value);
  throw new TypeError(`${what} has to be a string or a Uint8Array, not ${kind(value)}`);
}

export function utf8(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

/** JSON text; `undefined`, functions and the like have none. */
export function json(value: unknown, what: string): string {
  const made = JSON.stringify(value);
  if (made === undefined) throw new TypeError(`${what} has no JSON: it is ${kind(value)}`);
  return made.toWellFormed();
}

function kind(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
}

/** What the host answered in place of a result; the engine's bindings throw it. */
export function refusal(error: unknown): unknown {
  return error instanceof Error && "payload" in error ? error.payload : undefined;
}
