import { log, type Level } from "wasi:logging/logging";

import { format } from "./format.ts";

// The host keeps the lines with the attempt and repeats them in its own log. A space joins the parts: text unchanged,
// errors with their stack, other values as JSON. `console` writes here too.

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
