/// <reference path="../generated/imports.d.ts" />

import { exit } from "wasi:cli/exit";
import { log } from "wasi:logging/logging";

import { Reject, Retry } from "../failure.ts";
import { describe } from "../format.ts";
import type { Context, Failure } from "../generated/types.ts";
import { parse } from "../json.ts";
import type { EventHandler } from "../on.ts";
import type { Shape, Types } from "../shape.ts";
import { converter } from "./numbers.ts";

/** The export for an event type's interface. */
export function typed(name: string, event: string, handler: unknown, payload: Shape, types: Types): object {
  const { handle } = isObject(handler) && handler["event"] === event ? handler : wrong(name, `on("${event}", …)`);
  const convert = converter(payload, types) ?? ((value: unknown) => value);
  return { handle: (ctx: Context, value: unknown) => run(name, () => handle(ctx, convert(value))) };
}

/** The export for events of any type. */
export function generic(handler: unknown): object {
  const usable = isObject(handler) && Array.isArray(handler["subscriptions"]) && typeof handler["handle"] === "function";
  const { subscriptions, handle } = usable ? (handler as unknown as EventHandler) : wrong("eventHandler", "on([…], …)");
  return {
    subscriptions: () => subscriptions,
    handle: (ctx: Context, text: string) => run("eventHandler", () => handle(ctx, parse(text), text)),
  };
}

function isObject(value: unknown): value is Record<string, any> {
  return typeof value === "object" && value !== null;
}

function wrong(name: string, made: string): never {
  throw new TypeError(`the export ${name} has to be made by ${made}`);
}

/** Calls a handler. Throws a failure in the form of the bindings. Logs the stack of any other exception, and traps. */
function run(name: string, handle: () => unknown): void {
  try {
    const result = handle();
    if (isObject(result) && typeof result["then"] === "function") {
      throw new TypeError(`${name} returned a promise: handlers are synchronous`);
    }
  } catch (error) {
    const failure = failureOf(error);
    if (failure) throw { payload: failure };
    log("critical", "", describe(error).toWellFormed());
    exit({ tag: "err" });
  }
}

/** The failure for the host, if the exception is a `Retry` or a `Reject`. */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof Reject) return { tag: "reject", val: error.message.toWellFormed() };
  if (!(error instanceof Retry)) return undefined;
  return { tag: "retry", val: { reason: error.message.toWellFormed(), afterMs: error.afterMs ?? null } };
}
