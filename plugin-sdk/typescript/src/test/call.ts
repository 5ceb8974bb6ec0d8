// The current call, on which the fake capabilities act.

import type { Request } from "../wasi/exchange.ts";
import type { Answer } from "../http.ts";
import type { Outbox } from "./effects.ts";
import { enter, leave } from "./engine.ts";

export type Buckets = Map<string, Map<string, Uint8Array>>;

export interface Call extends Outbox {
  config: Readonly<Record<string, string>>;
  contentType: string | undefined;
  attributes: Readonly<Record<string, string>>;
  buckets: Buckets;
  logs: string[];
  /** The delivery's idempotency key, which is the prefix of its effects' keys. */
  key: string;
  answer: (request: Request) => Answer;
  /** The reason why the host refuses an effect, if it does. */
  refuse: (effect: string) => string | undefined;
}

let running: Call | undefined;

/** The current call. */
export function current(): Call {
  if (!running) throw new Error("no handler is running: call this by host.deliver(…) or host.call(…)");
  return running;
}

/** Runs a function as a call, with the engine's globals. */
export function within<T>(call: Call, run: () => T): T {
  if (running) throw new Error("a handler is running already");
  running = call;
  enter();
  try {
    return run();
  } finally {
    leave();
    running = undefined;
  }
}
