import type { Events } from "./generated/events.ts";
import type { Context } from "./generated/types.ts";

/** Handlers are synchronous: each call has an instance of its own, and there is nothing else to do while it waits. */
type Done = void | undefined;

/** A handler for one event type. */
export interface Handler<E extends keyof Events> {
  readonly event: E;
  readonly handle: (ctx: Context, payload: Events[E]) => Done;
}

/** A handler for events of any type. */
export interface EventHandler<Data = any> {
  /** The event types that it wants: `appointment.created`, `appointment.*`, `*`. */
  readonly subscriptions: readonly string[];
  /** `text` is the JSON that `data` was read from. */
  readonly handle: (ctx: Context, data: Data, text: string) => Done;
}

/**
 * Makes a handler for an event type. The entry module exports it under the type's name in camel case,
 * `appointmentCreated` for `appointment.created`: what a plugin exports is what it handles.
 */
export function on<E extends keyof Events>(event: E, handle: Handler<E>["handle"]): Handler<E>;
/**
 * Makes the generic handler, for the event types that these patterns match: `appointment.created` alone,
 * `appointment.*` for all that begin so, `*` for all. The entry module exports it as `eventHandler`. A typed
 * handler of the same plugin for the same event is called in place of this one.
 */
export function on<Data = any>(patterns: readonly string[], handle: EventHandler<Data>["handle"]): EventHandler<Data>;
export function on(events: string | readonly string[], handle: unknown): unknown {
  if (typeof handle !== "function") throw new TypeError(`on(${JSON.stringify(events)}, …) needs a function`);
  return typeof events === "string" ? { event: events, handle } : { subscriptions: events, handle };
}
