/**
 * A payload as it was sent: the engine's bindings take a `u32` for a signed number. No event has numbers
 * below zero, so those that seem to be are 2³² too small. It is changed in place.
 */
export function unsigned(payload: unknown): void {
  if (typeof payload !== "object" || payload === null) return;
  const fields = payload as Record<string, unknown>; // of an array as well
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "number" && value < 0) fields[name] = value + 2 ** 32;
    else unsigned(value);
  }
}
