import type {} from "./moncreneau.ts";
import type { Context } from "./generated/types.ts";

/** The payloads of handlers, by event type. Generated files add those of their package. */
export interface Events {}

/** Handlers are synchronous: each call has its own instance, which has no other work while the call waits. */
type Done = void | undefined;

/** A handler for one event type. */
export interface Handler<E extends keyof Events> {
  readonly event: E;
  readonly handle: (ctx: Context, payload: Events[E]) => Done;
}

/** A handler for events of any type. */
export interface EventHandler<Data = any> {
  /** The event type patterns: `appointment.created`, `appointment.*`, `*`. */
  readonly subscriptions: readonly string[];
  /** `text` is the JSON text of `data`. In `data`, an integer that a number would round is a `bigint`. */
  readonly handle: (ctx: Context, data: Data, text: string) => Done;
}

/**
 * Makes a handler for an event type. The entry module exports it under the type's name in camel case, such as
 * `appointmentCreated` for `appointment.created`. A plugin handles only the events of its exports.
 */
export function on<E extends keyof Events>(event: E, handle: Handler<E>["handle"]): Handler<E>;
/**
 * Makes the generic handler for event type patterns: `appointment.created` for one type, `appointment.*` for all
 * types with that prefix, `*` for all. The entry module exports it as `eventHandler`. A typed handler of the same
 * plugin for the same event has precedence.
 */
export function on<Data = any>(patterns: readonly string[], handle: EventHandler<Data>["handle"]): EventHandler<Data>;
export function on(events: string | readonly string[], handle: unknown): unknown {
  if (typeof handle !== "function") throw new TypeError(`on(${JSON.stringify(events)}, …) needs a function`);
  return typeof events === "string" ? { event: events, handle } : { subscriptions: events, handle };
}
