import { utf8 } from "../convert.ts";
import { Reject, Retry } from "../failure.ts";
import type { Context } from "../generated/types.ts";
import { Answer } from "../http.ts";
import { parse, stringify } from "../json.ts";
import type { EventHandler, Events, Handler } from "../on.ts";
import { within, type Buckets, type Call } from "./call.ts";
import type { EffectRequest, Email, EmittedEvent } from "./effects.ts";
import { outside } from "./engine.ts";
import { fromCanonical } from "./canonical.ts";
import { attempt, built, Trapped, type Asked, type Reply } from "./component.ts";
import { decode } from "./decode.ts";
import { context, sample, typedHandler } from "./samples.ts";
import { sentJson } from "./sent.ts";

/** A server's response to `http.fetch`. */
export interface Answered {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface Settings {
  /** The operator's `config` and `secrets`. */
  config?: Record<string, string>;
  /** The media type of the content that the payloads of the events were made of, if that is no JSON. */
  contentType?: string;
  /** The attributes of the events, which are CloudEvents. */
  attributes?: Record<string, string>;
  /** Responds to `http.fetch`. Without it, every request fails. The handler gets its exceptions. */
  answer?: (request: Asked) => Answered;
  /** Returns the reason to refuse an effect, given its URL, its recipient or its event type. */
  refuse?: (destination: string) => string | undefined;
}

/** The outcome of a delivery. An exception other than a failure ends the test. */
export type Delivered =
  | { outcome: "done" }
  | { outcome: "retry"; reason: string; afterMs: number | undefined }
  | { outcome: "rejected"; reason: string };

/**
 * An in-memory host. As on a real host, a handler's writes and effects are kept only if it succeeds. Log lines are
 * always kept.
 */
export class FakeHost {
  /** Tests may change this between deliveries. */
  config: Record<string, string>;
  /** Tests may change it between deliveries. */
  contentType: string | undefined;
  /** Tests may change these between deliveries. */
  attributes: Record<string, string>;
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
    this.contentType = settings.contentType;
    this.attributes = { ...settings.attributes };
    this.#settings = settings;
  }

  /** Runs a typed handler on its event type's sample, with your changes to the payload and the context. */
  deliver<E extends keyof Events>(handler: Handler<E>, changes?: Partial<Events[E]>, ctx?: Partial<Context>): Delivered;
  /** Runs the generic handler on a payload. */
  deliver<Data>(handler: EventHandler<Data>, data: Data, ctx: Partial<Context> & { eventType: string }): Delivered;
  deliver(handler: Handler<any> | EventHandler, payload: any, ctx: Partial<Context> = {}): Delivered {
    const eventType = "event" in handler ? handler.event : (ctx.eventType ?? "");
    const args = "event" in handler ? [sample(handler.event as keyof Events, payload)] : generic(payload);
    return this.#run(handler, args, eventType, ctx);
  }

  /**
   * Runs a handler on a whole event, as its sender posts it: JSON text or a value. The program `hookyard` decodes the payload
   * of a typed handler, so that values and errors are those of a real host. The environment variable `HOOKYARD` names the
   * program if it is not in the path.
   */
  deliverEvent(handler: Handler<any> | EventHandler, event: unknown, ctx: Partial<Context> = {}): Delivered {
    const body = typeof event === "string" ? event : (stringify(event) ?? "");
    const { id, type, created, data } = parse(body);
    const sent = { ...(id !== undefined && { eventId: String(id) }), ...(created !== undefined && { created: String(created) }), ...ctx };
    if (!("event" in handler)) return this.#run(handler, generic(data?.object ?? data), type, sent);
    if (type !== handler.event) throw new TypeError(`the event has the type ${type}, and the handler ${handler.event}`);
    const { handler: typed, types, package: name } = typedHandler(handler.event);
    const decoded = decode(handler.event, name, body);
    if ("reason" in decoded) return { outcome: "rejected", reason: decoded.reason };
    this.logs.push(...decoded.notes.map((note) => `WARN hookyard: ${note}`));
    return this.#run(handler, [fromCanonical(decoded.canonical, typed.payload, types)], handler.event, sent);
  }

  #run(handler: Handler<any> | EventHandler, args: unknown[], eventType: string, ctx: Partial<Context>): Delivered {
    const made = context(eventType, { idempotencyKey: this.#nextKey(), ...ctx });
    const file = built();
    if (file !== undefined) return this.#attempt(file, handler, args, made);
    try {
      this.#commit(made.idempotencyKey, () => handler.handle(made, ...(args as [never, never])));
      return { outcome: "done" };
    } catch (error) {
      if (error instanceof Retry) return { outcome: "retry", reason: error.message, afterMs: error.afterMs };
      if (error instanceof Reject) return { outcome: "rejected", reason: error.message };
      throw error;
    }
  }

  /** Delivers to the built component. */
  #attempt(file: string, handler: Handler<any> | EventHandler, args: unknown[], made: Context): Delivered {
    const delivery = { context: made, package: null as string | null, payload: args[1] as string };
    if ("event" in handler) {
      const { handler: typed, types, package: name } = typedHandler(handler.event);
      delivery.package = name.replace(/@.*/, "");
      delivery.payload = sentJson(args[0], typed.payload, types);
    }
    const { outcome, reason, afterMs, ...did } = attempt(file, delivery, {
      config: this.config,
      contentType: this.contentType,
      attributes: this.attributes,
      buckets: this.#buckets,
      reply: (request) => this.#reply(request),
      refuse: (destination) => this.#settings.refuse?.(destination),
    });
    this.logs.push(...did.logs);
    if (outcome === "trapped") throw new Trapped(reason);
    if (outcome === "retry") return { outcome, reason, afterMs };
    if (outcome === "rejected") return { outcome, reason };
    this.#buckets = did.buckets;
    this.requests.push(...did.requests);
    this.emails.push(...did.emails);
    this.events.push(...did.events);
    return { outcome };
  }

  /** Runs any code with the capabilities, such as parts of a plugin or reads of its store. */
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
      contentType: this.contentType,
      attributes: this.attributes,
      buckets: new Map([...this.#buckets].map(([name, values]) => [name, new Map(values)])),
      requests: [],
      emails: [],
      events: [],
      logs: this.logs,
      key,
      answer: (request) => this.#answer(request),
      refuse: (effect) => outside(() => this.#settings.refuse?.(effect)),
    };
    const result = within(call, run);
    if (result instanceof Promise) throw new TypeError("the handler returned a promise: handlers are synchronous");
    this.#buckets = call.buckets;
    this.requests.push(...call.requests);
    this.emails.push(...call.emails);
    this.events.push(...call.events);
    return result;
  }

  #answer({ method, url, headers, body = new Uint8Array() }: Parameters<Call["answer"]>[0]): Answer {
    const named = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), utf8(value)]));
    return outside(() => this.#respond({ method, url, headers: named, body }));
  }

  #respond(request: Asked): Answer {
    const { answer } = this.#settings;
    if (!answer) throw new Error(`${request.url}: the test has nothing that answers (new FakeHost({ answer }))`);
    const { status = 200, headers = {}, body = "" } = answer(request);
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    return new Answer(status, lower, typeof body === "string" ? new TextEncoder().encode(body) : body);
  }

  #reply(request: Asked): Reply {
    try {
      return this.#respond(request);
    } catch (error) {
      // A wrong expectation of the test is no failure of a server.
      if (!this.#settings.answer || (error as { code?: unknown }).code === "ERR_ASSERTION") throw error;
      return { failure: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** The payload and its text, as the generic handler gets them. */
function generic(payload: unknown): [unknown, string] {
  const text = stringify(payload);
  if (text === undefined) throw new TypeError("the payload has no JSON");
  return [parse(text), text];
}

/** Bytes as text. */
export function text(bytes: Uint8Array): string {
  return utf8(bytes);
}

/** Bytes decoded from JSON. */
export function json(bytes: Uint8Array): any {
  return parse(utf8(bytes));
}
