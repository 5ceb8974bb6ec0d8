import { Cas, increment, swap } from "wasi:keyvalue/atomics";
import { deleteMany, getMany, setMany } from "wasi:keyvalue/batch";
import { Bucket as HostBucket, open, type Error as StoreFailure } from "wasi:keyvalue/store";

import { bytes, json, refusal, text, utf8 } from "./convert.ts";

/**
 * A bucket of the plugin's own store. Reads see what earlier deliveries left and what this call has written;
 * writes become lasting if and only if the handler succeeds, together with its effects.
 */
export function bucket(name: string): Bucket {
  return new Bucket(text(name, "a bucket's name"));
}

/** The host could not do it: a limit, as a rule. */
export class StoreError extends Error {
  override name = "StoreError";
}

/** Keys and values. Text is kept as UTF-8. */
export class Bucket {
  readonly name: string;

  /** Use {@link bucket}. */
  constructor(name: string) {
    this.name = name;
  }

  /** The value, if there is one. */
  get(key: string): Uint8Array | undefined {
    return this.#open((bucket) => bucket.get(text(key, "a key"))) ?? undefined;
  }

  getText(key: string): string | undefined {
    const value = this.get(key);
    return value && utf8(value);
  }

  getJson<T = any>(key: string): T | undefined {
    const value = this.getText(key);
    return value === undefined ? undefined : JSON.parse(value);
  }

  set(key: string, value: string | Uint8Array): void {
    this.#open((bucket) => bucket.set(text(key, "a key"), bytes(value, "a value")));
  }

  setJson(key: string, value: unknown): void {
    this.set(key, json(value, "a value"));
  }

  /** Nothing happens if there is no such key. */
  delete(key: string): void {
    this.#open((bucket) => bucket.delete(text(key, "a key")));
  }

  exists(key: string): boolean {
    return this.#open((bucket) => bucket.exists(text(key, "a key")));
  }

  /** All keys, sorted. */
  keys(): string[] {
    return this.#open((bucket) => {
      const keys: string[] = [];
      let cursor: string | null = null;
      do {
        const page = bucket.listKeys(cursor);
        keys.push(...page.keys);
        cursor = page.cursor;
      } while (cursor !== null);
      return keys.sort();
    });
  }

  /** Adds to a number, which is 0 where there is none, and returns it. It is kept as decimal text. */
  increment(key: string, by = 1): number {
    if (!Number.isSafeInteger(by)) throw new RangeError(`increment by a whole number, not by ${by}`);
    return this.#open((bucket) => increment(bucket, text(key, "a key"), by));
  }

  /** Writes if what is there now is `expected`, `undefined` for nothing; tells whether it did. */
  compareAndSwap(key: string, expected: string | Uint8Array | undefined, value: string | Uint8Array): boolean {
    const wanted = expected === undefined ? undefined : bytes(expected, "the expected value");
    const next = bytes(value, "a value");
    return this.#open((bucket) => {
      const cas = Cas.new(bucket, text(key, "a key"));
      if (!same(cas.current() ?? undefined, wanted)) {
        cas[Symbol.dispose]();
        return false;
      }
      try {
        swap(cas, next);
        return true;
      } catch (error) {
        const failed = refusal(error) as { tag: string; val: unknown } | undefined;
        if (failed?.tag === "cas-failed") return false;
        throw failed?.tag === "store-error" ? storeError(failed.val as StoreFailure, this.name) : error;
      }
    });
  }

  /** The values that there are, by key. */
  getMany(keys: readonly string[]): Map<string, Uint8Array> {
    const wanted = keys.map((key) => text(key, "a key"));
    return new Map(this.#open((bucket) => getMany(bucket, wanted)).filter((pair) => pair !== null));
  }

  setMany(values: Readonly<Record<string, string | Uint8Array>> | Iterable<readonly [string, string | Uint8Array]>): void {
    const pairs = Symbol.iterator in values ? [...values] : Object.entries(values);
    const made = pairs.map(([key, value]): [string, Uint8Array] => [text(key, "a key"), bytes(value, "a value")]);
    this.#open((bucket) => setMany(bucket, made));
  }

  deleteMany(keys: readonly string[]): void {
    const wanted = keys.map((key) => text(key, "a key"));
    this.#open((bucket) => deleteMany(bucket, wanted));
  }

  /** Opened for each use: a bucket can be named where no host is there yet, in a module's top level. */
  #open<T>(use: (bucket: HostBucket) => T): T {
    let opened: HostBucket | undefined;
    try {
      opened = open(this.name);
      return use(opened);
    } catch (error) {
      const failed = refusal(error) as StoreFailure | undefined;
      throw failed?.tag ? storeError(failed, this.name) : error;
    } finally {
      opened?.[Symbol.dispose]();
    }
  }
}

function storeError(failed: StoreFailure, bucket: string): StoreError {
  return new StoreError(`bucket ${bucket}: ${failed.tag === "other" ? failed.val : failed.tag.replaceAll("-", " ")}`);
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
