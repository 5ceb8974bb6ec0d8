import { get as read, getAll } from "wasi:config/store";

import { text } from "./convert.ts";
import { Reject } from "./failure.ts";

/** The value of a key in the plugin's `config` or `secrets`, if the operator has set it. */
export function get(key: string): string | undefined {
  return read(text(key, "a config key")) ?? undefined;
}

/** The value of a required key. If it is missing, the event is rejected with a reason that names the key. */
export function require(key: string): string {
  const value = get(key);
  if (value === undefined) throw new Reject(`the plugin's config has no ${key}`);
  return value;
}

/** All keys and values, including secrets. */
export function all(): Record<string, string> {
  return Object.fromEntries(getAll());
}
