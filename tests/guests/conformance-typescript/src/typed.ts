import { store, type Context, type Events } from "@hookyard/plugin";

const typed = store.bucket("typed");

/** Keeps every field of a payload as it was received. */
export function remember(_ctx: Context, appointment: Events[keyof Events]): void {
  const fields = Object.entries(appointment).map(([name, value]) => [name, plain(value)]);
  typed.setJson(String(appointment.id), Object.fromEntries(fields));
}

/** Variants as their text, a list of pairs as an object. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return Object.fromEntries(value);
  if (typeof value !== "object" || value === null || !("tag" in value)) return value;
  return "val" in value ? value.val : value.tag;
}
