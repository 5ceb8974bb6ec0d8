import { utf8 } from "../convert.ts";
import { Reject, Retry } from "../failure.ts";
import type { Events } from "../generated/events.ts";
import type { Context } from "../generated/types.ts";
import { Answer } from "../http.ts";
import type { EventHandler, Handler } from "../on.ts";
import { within, type Buckets, type Call } from "./call.ts";
import type { EffectRequest, Email, EmittedEvent } from "./effects.ts";
import { context, sample } from "./samples.ts";

/** What a server answers to `http.fetch`. */
export interface Answered {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface Settings {
  /** The operator's `config` and `secrets`. */
  config?: Record<string, string>;
  /** Answers `http.fetch`. Without it, nothing can be reached; what it throws is what the handler gets. */
  answer?: (request: { method: string; url: string; headers: Record<string, string>; body: Uint8Array }) => Answered;
  /** Says why the host does not take an effect, given its address, its recipient or its event type. */
  refuse?: (destination: string) => string | undefined;
}

/** How a delivery ended. An exception that is no failure ends the test in place of it. */
export type Delivered =
  | { outcome: "done" }
  | { outcome: "retry"; reason: string; afterMs: number | undefined }
  | { outcome: "rejected"; reason: string };

/**
 * A host in memory. As on a real one, a handler's writes and effects are there once it has succeeded, and not at
 * all where it fails; lines of the log are kept in any case.
 */
export class FakeHost {
  /** May be changed between deliveries. */
  config: Record<string, string>;
  readonly requests: EffectRequest[] = [];
  readonly emails: Email[] = [];
  readonly events: EmittedEvent[] = [];
  /** `INFO welcome, Jean Dupont` */
  readonly logs: string[] = [];
  #buckets: Buckets = new Map();
  #settings: Settings;
  #calls = 0;

  constructor(settings: Settings = {}) {
    this.config = { ...settings.config };
    this.#settings = settings;
  }

  /** Runs a typed handler on its event type's sample, with what you change in it and in the context. */
  deliver<E extends keyof Events>(handler: Handler<E>, changes?: Partial<Events[E]>, ctx?: Partial<Context>): Delivered;
  /** Runs the generic handler on a payload. */
  deliver<Data>(handler: EventHandler<Data>, data: Data, ctx: Partial<Context> & { eventType: string }): Delivered;
  deliver(handler: Handler<any> | EventHandler, payload: any, ctx: Partial<Context> = {}): Delivered {
    const eventType = "event" in handler ? handler.event : (ctx.eventType ?? "");
    const made = context(eventType, { idempotencyKey: this.#nextKey(), ...ctx });
    try {
      this.#commit(made.idempotencyKey, () => {
        if ("event" in handler) return handler.handle(made, sample(handler.event as keyof Events, payload) as never);
        const text = JSON.stringify(payload);
        return handler.handle(made, JSON.parse(text), text);
      });
      return { outcome: "done" };
    } catch (error) {
      if (error instanceof Retry) return { outcome: "retry", reason: error.message, afterMs: error.afterMs };
      if (error instanceof Reject) return { outcome: "rejected", reason: error.message };
      throw error;
    }
  }

  /** Runs any code with the capabilities: parts of a plugin, or a look into its store. */
  call<T>(run: () => T): T {
    return this.#commit(this.#nextKey(), run);
  }

  #nextKey(): string {
    this.#calls += 1;
    return this.#calls.toString(16).padStart(32, "0");
  }

  #commit<T>(key: string, run: () => T): T {
    const call: Call = {
      config: this.config,
      buckets: new Map([...this.#buckets].map(([name, values]) => [name, new Map(values)])),
      requests: [],
      emails: [],
      events: [],
      logs: this.logs,
      key,
      answer: (request) => this.#answer(request),
      refuse: this.#settings.refuse ?? (() => undefined),
    };
    const result = within(call, run);
    if (result instanceof Promise) throw new TypeError("the handler returned a promise: handlers are synchronous");
    this.#buckets = call.buckets;
    this.requests.push(...call.requests);
    this.emails.push(...call.emails);
    this.events.push(...call.events);
    return result;
  }

  #answer(request: Parameters<Call["answer"]>[0]): Answer {
    const { answer } = this.#settings;
    if (!answer) throw new Error(`${request.url}: the test has nothing that answers (new FakeHost({ answer }))`);
    const { method, url, headers, body = new Uint8Array() } = request;
    const named = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), utf8(value)]));
    const { status = 200, headers: answered = {}, body: content = "" } = answer({ method, url, headers: named, body });
    const lower = Object.fromEntries(Object.entries(answered).map(([name, value]) => [name.toLowerCase(), value]));
    return new Answer(status, lower, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }
}

/** Bytes as text. */
export function text(bytes: Uint8Array): string {
  return utf8(bytes);
}

/** Bytes as what the JSON in them says. */
export function json(bytes: Uint8Array): any {
  return JSON.parse(utf8(bytes));
}
