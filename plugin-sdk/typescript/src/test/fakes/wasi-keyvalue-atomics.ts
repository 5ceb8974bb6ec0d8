import type { FakeBucket } from "./wasi-keyvalue-store.ts";

// No other call writes while a call runs, so a swap always succeeds.

export class Cas {
  readonly bucket: FakeBucket;
  readonly key: string;

  private constructor(bucket: FakeBucket, key: string) {
    this.bucket = bucket;
    this.key = key;
  }

  static new(bucket: FakeBucket, key: string): Cas {
    return new Cas(bucket, key);
  }

  current(): Uint8Array | null {
    return this.bucket.get(this.key);
  }

  [Symbol.dispose](): void {}
}

export function swap(cas: Cas, value: Uint8Array): void {
  cas.bucket.set(cas.key, value);
}

export function increment(bucket: FakeBucket, key: string, by: number): number {
  const kept = bucket.get(key);
  const text = kept ? new TextDecoder().decode(kept) : "0";
  if (!/^-?\d+$/.test(text)) {
    throw Object.assign(new Error(), { payload: { tag: "other", val: `${key} is ${JSON.stringify(text)}, which is no number` } });
  }
  const next = Number(text) + by;
  bucket.set(key, new TextEncoder().encode(String(next)));
  return next;
}
