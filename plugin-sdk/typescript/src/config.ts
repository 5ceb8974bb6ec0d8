import { get as read, getAll } from "wasi:config/store";

import { text } from "./convert.ts";
import { Reject } from "./failure.ts";

/** What the operator set in the plugin's `config` or `secrets`. */
export function get(key: string): string | undefined {
  return read(text(key, "a config key")) ?? undefined;
}

/** The same where the plugin cannot do without: rejects the event with a reason that names the key. */
export function require(key: string): string {
  const value = get(key);
  if (value === undefined) throw new Reject(`the plugin's config has no ${key}`);
  return value;
}

/** All of it, secrets too. */
export function all(): Record<string, string> {
  return Object.fromEntries(getAll());
}
