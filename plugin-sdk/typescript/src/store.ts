import { Cas, increment, swap } from "wasi:keyvalue/atomics";
import { deleteMany, getMany, setMany } from "wasi:keyvalue/batch";
import { Bucket as HostBucket, open, type Error as StoreFailure } from "wasi:keyvalue/store";

import { bytes, json, refusal, text, utf8 } from "./convert.ts";
import { parse } from "./json.ts";

/**
 * Returns a bucket of the plugin's own store. Reads see committed values and the call's own writes. The host commits
 * the writes together with the effects if the handler succeeds.
 */
export function bucket(name: string): Bucket {
  return new Bucket(text(name, "a bucket's name"));
}

/** An error of the host, usually a limit. */
export class StoreError extends Error {
  override name = "StoreError";
}

/** A set of keys and values. Text is stored as UTF-8. */
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

  /** The value decoded from JSON. An integer that a number would round is a `bigint`. */
  getJson<T = any>(key: string): T | undefined {
    const value = this.getText(key);
    return value === undefined ? undefined : parse(value);
  }

  set(key: string, value: string | Uint8Array): void {
    this.#open((bucket) => bucket.set(text(key, "a key"), bytes(value, "a value")));
  }

  setJson(key: string, value: unknown): void {
    this.set(key, json(value, "a value"));
  }

  /** Deletes a key if it exists. */
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

  /**
   * Adds to a number and returns the sum. The number is stored as decimal text; a missing key counts as 0. The sum has to
   * be at most 2⁵³ - 1, because the engine would round it.
   */
  increment(key: string, by = 1): number {
    if (!Number.isSafeInteger(by)) throw new RangeError(`increment by a whole number, not by ${by}`);
    const sum = this.#open((bucket) => increment(bucket, text(key, "a key"), by));
    if (!Number.isSafeInteger(sum)) throw new RangeError(`increment: ${key} has more digits than a number; use getText and set`);
    return sum;
  }

  /** Sets a value if the current value is `expected` (`undefined`: no value). Returns whether it did. */
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

  /** The existing values by key. */
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

  /** Opens the bucket for each use, because a module's top level can name a bucket without a host. */
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
