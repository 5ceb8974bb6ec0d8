import { log, type Level } from "wasi:logging/logging";

import { format } from "./format.ts";

// Lines are kept with the attempt, and repeated in the host's own log. Parts are joined by a space: text as
// it is, errors with their stack, anything else as JSON. `console` writes here too.

export const trace = at("trace");
export const debug = at("debug");
export const info = at("info");
export const warn = at("warn");
export const error = at("error");
export const critical = at("critical");

/* @__NO_SIDE_EFFECTS__ */
function at(level: Level): (...parts: unknown[]) => void {
  return (...parts) => log(level, "", format(parts));
}
