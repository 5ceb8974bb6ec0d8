import type { Events } from "../generated/events.ts";
import { samples } from "../generated/samples.ts";
import type { Context } from "../generated/types.ts";

/** The provider's own sample of a payload, with what you change in it. */
export function sample<E extends keyof Events>(event: E, changes: Partial<Events[E]> = {}): Events[E] {
  return { ...structuredClone(samples[event]), ...changes };
}

/** The first attempt at an event, with what you change in it. */
export function context(eventType: string, changes: Partial<Context> = {}): Context {
  return {
    eventId: "evt_sample",
    eventType,
    source: "moncreneau",
    created: "2026-01-21T14:30:00Z",
    receivedAt: 1_769_005_801_000,
    idempotencyKey: "0".repeat(32),
    attempt: 1,
    ...changes,
  };
}
