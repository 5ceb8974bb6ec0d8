import { stringify } from "./json.ts";
import { mapStack } from "./stack.ts";

/** Formats the parts of a log line: text unchanged, errors with their stack, other values as JSON. */
export function format(parts: readonly unknown[]): string {
  return parts.map(formatOne).join(" ").toWellFormed();
}

function formatOne(part: unknown): string {
  if (typeof part === "string") return part;
  if (part instanceof Error) return describe(part);
  try {
    return stringify(part) ?? String(part);
  } catch {
    return String(part); // the value contains itself
  }
}

/** An error's name, message and stack, and those of its causes. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${formatOne(error)}`;
  const head = error.message ? `${error.name}: ${error.message}` : error.name;
  const stack = mapStack(error.stack ?? "").trimEnd();
  // Some engines begin the stack with the error's name and message. QuickJS does not.
  const own = stack.startsWith(error.name) ? stack : `${head}\n${stack}`.trimEnd();
  return error.cause === undefined ? own : `${own}\ncaused by ${describe(error.cause)}`;
}
