import type * as real from "wasi:keyvalue/store";

import { current } from "../call.ts";

/** Copies the values in both directions, as a real host does. */
export class FakeBucket implements Pick<real.Bucket, keyof real.Bucket> {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get values(): Map<string, Uint8Array> {
    const { buckets } = current();
    const found = buckets.get(this.#name) ?? new Map();
    buckets.set(this.#name, found);
    return found;
  }

  get(key: string): Uint8Array | null {
    return this.values.get(key)?.slice() ?? null;
  }

  set(key: string, value: Uint8Array): void {
    this.values.set(key, value.slice());
  }

  delete(key: string): void {
    this.values.delete(key);
  }

  exists(key: string): boolean {
    return this.values.has(key);
  }

  listKeys(): real.KeyResponse {
    return { keys: [...this.values.keys()], cursor: null };
  }

  [Symbol.dispose](): void {}
}

export const open = (name: string): FakeBucket => new FakeBucket(name);
