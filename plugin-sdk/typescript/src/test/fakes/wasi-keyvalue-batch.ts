import type { FakeBucket } from "./wasi-keyvalue-store.ts";

export function getMany(bucket: FakeBucket, keys: string[]): ([string, Uint8Array] | null)[] {
  return keys.map((key) => {
    const value = bucket.get(key);
    return value && [key, value];
  });
}

export function setMany(bucket: FakeBucket, values: [string, Uint8Array][]): void {
  for (const [key, value] of values) bucket.set(key, value);
}

export function deleteMany(bucket: FakeBucket, keys: string[]): void {
  for (const key of keys) bucket.delete(key);
}
