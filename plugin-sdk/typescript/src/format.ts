import { mapStack } from "./stack.ts";

/** What people read of the parts of a line: text as it is, errors with their stack, the rest as JSON. */
export function format(parts: readonly unknown[]): string {
  return parts.map(formatOne).join(" ").toWellFormed();
}

function formatOne(part: unknown): string {
  if (typeof part === "string") return part;
  if (part instanceof Error) return describe(part);
  try {
    return JSON.stringify(part, (_, value) => (typeof value === "bigint" ? String(value) : value)) ?? String(part);
  } catch {
    return String(part); // it refers to itself
  }
}

/** An error's name, message and stack, and those of what caused it. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${formatOne(error)}`;
  const head = error.message ? `${error.name}: ${error.message}` : error.name;
  const stack = mapStack(error.stack ?? "").trimEnd();
  // Some engines put the head into the stack, QuickJS does not.
  const own = stack.startsWith(error.name) ? stack : `${head}\n${stack}`.trimEnd();
  return error.cause === undefined ? own : `${own}\ncaused by ${describe(error.cause)}`;
}
