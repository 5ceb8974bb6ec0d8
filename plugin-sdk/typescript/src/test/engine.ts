// Gives code under test the globals of the engine. Node has more: a use of them would pass the test and fail in the
// plugin. Tests themselves keep Node's globals.

import { replacements } from "../locale.ts";
import * as log from "../log.ts";

/** The engine's globals beside those of ECMAScript that both have: src/engine.d.ts. */
const ADDED = ["console", "TextEncoder", "TextDecoder", "atob", "btoa", "performance", "queueMicrotask", "crypto"];

/** ECMAScript 2025 without `Atomics` and `Intl`, and newer names that the engine has. */
const ECMASCRIPT = [
  "AggregateError", "Array", "ArrayBuffer", "AsyncDisposableStack", "BigInt", "BigInt64Array", "BigUint64Array", "Boolean",
  "DataView", "Date", "DisposableStack", "Error", "EvalError", "FinalizationRegistry", "Float16Array", "Float32Array",
  "Float64Array", "Function", "Infinity", "Int16Array", "Int32Array", "Int8Array", "Iterator", "JSON", "Map", "Math", "NaN",
  "Number", "Object", "Promise", "Proxy", "RangeError", "ReferenceError", "Reflect", "RegExp", "Set", "SharedArrayBuffer",
  "String", "SuppressedError", "Symbol", "SyntaxError", "TypeError", "URIError", "Uint16Array", "Uint32Array", "Uint8Array",
  "Uint8ClampedArray", "WeakMap", "WeakRef", "WeakSet", "decodeURI", "decodeURIComponent", "encodeURI",
  "encodeURIComponent", "escape", "eval", "globalThis", "isFinite", "isNaN", "parseFloat", "parseInt", "undefined", "unescape",
];

/** The engine has `DOMException` for `atob` and `btoa` only. */
export const GLOBALS: ReadonlySet<string> = new Set([...ECMASCRIPT, ...ADDED, "DOMException"]);

const node = { TextDecoder, crypto, performance };

class EngineTextDecoder extends node.TextDecoder {
  constructor(label = "utf-8", options: { fatal?: boolean } = {}) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`TextDecoder: only utf-8 is there, not ${label}`);
    super(label, options);
  }
}

const { trace, debug, info, warn, error } = log;

const globals: Record<string, unknown> = {
  console: { log: info, info, trace, debug, warn, error },
  TextDecoder: EngineTextDecoder,
  performance: { now: () => node.performance.now(), timeOrigin: node.performance.timeOrigin },
  crypto: {
    getRandomValues: <T extends Uint8Array>(array: T) => node.crypto.getRandomValues(array),
    randomUUID: () => node.crypto.randomUUID(),
  },
};

/** A replaced or removed property. */
interface Saved {
  owner: object;
  name: string;
  descriptor: PropertyDescriptor;
}

const saved: Saved[] = [];
let depth = 0;

/** Leaves only the engine's globals. Each call needs a {@link leave}. */
export function enter(): void {
  depth += 1;
  if (depth > 1) return;
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!GLOBALS.has(name)) take(globalThis, name);
    else if (name in globals) replace(globalThis, name, globals[name]);
  }
  for (const [prototype, functions] of replacements) {
    for (const [name, value] of Object.entries(functions)) replace(prototype, name, value);
  }
}

/** Restores Node's globals. */
export function leave(): void {
  depth -= 1;
  if (depth > 0) return;
  for (const { owner, name, descriptor } of saved.splice(0).reverse()) Object.defineProperty(owner, name, descriptor);
}

/** Runs a part of the test, such as a function that it passed, with Node's globals. */
export function outside<T>(run: () => T): T {
  const around = depth;
  if (around > 0) {
    depth = 1;
    leave();
  }
  try {
    return run();
  } finally {
    if (around > 0) {
      enter();
      depth = around;
    }
  }
}

/** Removes a property if it can be restored. */
function take(owner: object, name: string): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name);
  if (!descriptor?.configurable) return false;
  saved.push({ owner, name, descriptor });
  return Reflect.deleteProperty(owner, name);
}

function replace(owner: object, name: string, value: unknown): void {
  if (take(owner, name)) Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: false });
}
