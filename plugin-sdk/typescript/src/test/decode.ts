// Decodes an event by the host's own program, so that a test gets the same values and errors as the plugin.

import { existsSync } from "node:fs";

import { run } from "./program.ts";

/** The decoded payload as canonical JSON, or the reason why the payload does not fit. */
export type Decoded = { canonical: unknown; notes: string[] } | { reason: string };

/**
 * Decodes a body, which is a whole event or a payload. `id` is the package of the handler: the plugin's own are in `wit/`.
 */
export function decode(eventType: string, id: string, body: string): Decoded {
  const wit = existsSync(`wit/${id.replace(/[:@]/g, "-")}`) ? ["--wit", "wit"] : [];
  const args = ["wit", "decode", "--type", eventType, ...wit];
  const { status, stdout, stderr } = run(args, body, "an event is decoded by");
  const lines = stderr.trimEnd().split("\n").filter((line) => line);
  if (status === 0) return { canonical: JSON.parse(stdout), notes: lines.map((line) => line.replace(/^warning: /, "")) };
  const reason = lines.join("\n").replace(/^error: /, "");
  if (!reason.startsWith("payload")) throw new Error(`hookyard wit decode: ${reason}`);
  return { reason };
}
