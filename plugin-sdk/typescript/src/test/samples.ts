import { packages } from "hookyard:packages";

import type { Context } from "../generated/types.ts";
import type { Events } from "../on.ts";
import type { Package } from "../shape.ts";
import { fromCanonical } from "./canonical.ts";

/** The provider's own sample of a payload, with your changes. */
export function sample<E extends keyof Events>(event: E, changes: Partial<Events[E]> = {}): Events[E] {
  const { types, handler } = typedHandler(event);
  const payload = fromCanonical(handler.sample, handler.payload, types);
  const isRecord = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  return (isRecord ? { ...payload, ...changes } : payload) as Events[E];
}

/** The typed handler of an event type, and its package. */
export function typedHandler(event: string): Package & { handler: Package["handlers"][number] } {
  for (const one of packages) {
    const handler = one.handlers.find((handler) => handler.event === event);
    if (handler) return { ...one, handler };
  }
  throw new TypeError(`no package here has a typed handler for ${event}`);
}

/** The context of the first attempt, with your changes. */
export function context(eventType: string, changes: Partial<Context> = {}): Context {
  return {
    eventId: "evt_sample",
    eventType,
    source: packages.find(({ handlers }) => handlers.some(({ event }) => event === eventType))?.namespace ?? "moncreneau",
    created: "2026-01-21T14:30:00Z",
    receivedAt: 1_769_005_801_000,
    idempotencyKey: "0".repeat(32),
    attempt: 1,
    ...changes,
  };
}
