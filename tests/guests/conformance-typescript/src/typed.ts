import { store, type Context, type Events } from "@hookyard/plugin";
import type { Status } from "@hookyard/plugin/moncreneau";

const typed = store.bucket("typed");

/** Stores every field of a payload as received. */
export function remember(_ctx: Context, appointment: Events[keyof Events]): void {
  const fields = Object.entries({ ...appointment, status: statusText(appointment.status) }).map(([name, value]) => [name, plain(value)]);
  typed.setJson(String(appointment.id), Object.fromEntries(fields));
}

/** A status as the service writes it. */
function statusText(status: Status): string {
  return status.tag === "other" ? status.val : status.tag.toUpperCase().replace("-", "_");
}

/** Converts a variant to its text, and a list of pairs to an object. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return Object.fromEntries(value);
  if (typeof value !== "object" || value === null || !("tag" in value)) return value;
  return "val" in value ? value.val : value.tag;
}
