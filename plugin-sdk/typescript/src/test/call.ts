// The call that is running: what the fake capabilities act on.

import type { Request } from "../wasi/exchange.ts";
import type { Answer } from "../http.ts";
import type { Outbox } from "./effects.ts";

export type Buckets = Map<string, Map<string, Uint8Array>>;

export interface Call extends Outbox {
  config: Readonly<Record<string, string>>;
  buckets: Buckets;
  logs: string[];
  /** The idempotency key of the delivery; those of its effects begin so. */
  key: string;
  answer: (request: Request) => Answer;
  /** Why the host does not take an effect, if it does not. */
  refuse: (effect: string) => string | undefined;
}

let running: Call | undefined;

/** The call that is running. */
export function current(): Call {
  if (!running) throw new Error("no handler is running: call this by host.deliver(…) or host.call(…)");
  return running;
}

/** Runs something as a call. */
export function within<T>(call: Call, run: () => T): T {
  if (running) throw new Error("a handler is running already");
  running = call;
  try {
    return run();
  } finally {
    running = undefined;
  }
}
