// Runs deliveries on the built component, so that the same tests test what a host will run.

import type { Context } from "../generated/types.ts";
import { parse } from "../json.ts";
import type { Buckets } from "./call.ts";
import type { EffectRequest, Outbox } from "./effects.ts";
import { run } from "./program.ts";

/** The built component failed in a way that is no failure of the SDK. The message is the reason that an operator would see. */
export class Trapped extends Error {
  override name = "Trapped";
}

/** A handler's own request. */
export type Asked = Omit<EffectRequest, "idempotencyKey">;

/** A server's response, or why there is none. */
export type Reply = { status: number; headers: Readonly<Record<string, string>>; body: Uint8Array } | { failure: string };

/** What an operator and the servers of a test do. */
export interface World {
  config: Readonly<Record<string, string>>;
  contentType: string | undefined;
  attributes: Readonly<Record<string, string>>;
  buckets: Buckets;
  reply: (request: Asked) => Reply;
  refuse: (destination: string) => string | undefined;
}

/** An event to deliver. */
export interface Delivery {
  context: Context;
  /** The package of the typed handler. */
  package: string | null;
  /** JSON. */
  payload: string;
}

/** What an attempt did. */
export interface Attempted extends Outbox {
  outcome: "done" | "retry" | "rejected" | "trapped";
  reason: string;
  afterMs: number | undefined;
  logs: string[];
  buckets: Buckets;
}

/** The component that tests are to run on, if they are. */
export function built(): string | undefined {
  return process.env["HOOKYARD_WASM"] || undefined;
}

/**
 * Makes one attempt. When the handler sends a request of its own, or asks for an effect that is refused, the attempt is
 * made again with the reply or the refusal, as if nothing had happened. What it asks for is decided in its order.
 */
export function attempt(file: string, { context, package: name, payload }: Delivery, world: World): Attempted {
  const { source, eventId: id, eventType: type, created, receivedAt: received_at } = context;
  const { contentType: content_type, attributes } = world;
  const event = { source, id, type, created, received_at, package: name, content_type, attributes, payload, payload_is_text: true };
  const store = Object.fromEntries([...world.buckets].map(([bucket, values]) => [bucket, Object.fromEntries([...values].map(([key, value]) => [key, content(value)]))]));
  const made = { event, attempt: context.attempt, config: world.config, store, answers: [] as unknown[], refusals: [] as (string | null)[] };
  let checked = 0;
  for (;;) {
    const report = runAttempt(file, made);
    let isSame = true;
    while (isSame && checked < report.asked.length) {
      const asked = report.asked[checked];
      checked += 1;
      if (asked.kind === "request") {
        isSame = !(report.is_unanswered && checked === report.asked.length);
        if (!isSame) made.answers.push(answer(world.reply(request(asked))));
      } else {
        const refused = destinations(asked).map(world.refuse).find((reason) => reason !== undefined);
        made.refusals.push(refused ?? null);
        isSame = refused === undefined;
      }
    }
    if (isSame) return attempted(report, world.buckets);
  }
}

function runAttempt(file: string, made: unknown): any {
  const { status, stdout, stderr } = run(["plugin", "attempt", file], JSON.stringify(made), "a component is run by");
  if (status !== 0) throw new Error(`hookyard plugin attempt: ${stderr.trim()}`);
  return JSON.parse(stdout);
}

function answer(reply: Reply): unknown {
  if ("failure" in reply) return reply;
  return { status: reply.status, headers: Object.entries(reply.headers), body: content(reply.body) };
}

function attempted(report: any, before: Buckets): Attempted {
  const { outcome, cause, reason, after_ms, logs, effects } = report;
  const buckets = new Map([...before].map(([name, values]) => [name, new Map(values)]));
  for (const { bucket, key, deleted, ...written } of report.writes) {
    const values = buckets.get(bucket) ?? new Map<string, Uint8Array>();
    buckets.set(bucket, values);
    if (deleted) values.delete(key);
    else values.set(key, bytes(written));
  }
  const of = (kind: string) => effects.filter((effect: any) => effect.kind === kind);
  return {
    outcome: outcome !== "done" && cause !== "handler" && cause !== "payload" ? "trapped" : outcome,
    reason: reason ?? "",
    afterMs: after_ms ?? undefined,
    logs,
    buckets,
    requests: of("http").map((effect: any) => ({ idempotencyKey: effect.key, ...request(effect) })),
    emails: of("email").map(email),
    events: of("event").map((effect: any) => ({ idempotencyKey: effect.key, type: effect.event_type, data: parse(effect.data) })),
  };
}

function destinations(effect: any): string[] {
  switch (effect.kind) {
    case "http":
      return [effect.url];
    case "email":
      return [...effect.to, ...(effect.cc ?? []), ...(effect.bcc ?? [])];
    default:
      return [effect.event_type];
  }
}

function request({ method, url, headers, body }: any): Asked {
  return { method, url, headers: Object.fromEntries(headers), body: bytes(body) };
}

function email({ key, to, cc = [], bcc = [], reply_to, subject, text, html, attachments = [] }: any): Outbox["emails"][number] {
  const files = attachments.map(({ filename, content_type, content }: any) => ({ filename, contentType: content_type, content: bytes(content) }));
  return { idempotencyKey: key, to, cc, bcc, replyTo: reply_to ?? undefined, subject, text, html: html ?? undefined, attachments: files };
}

function content(value: Uint8Array): { base64: string } {
  return { base64: Buffer.from(value).toString("base64") };
}

function bytes(content?: { base64?: string; text?: string; value?: string }): Uint8Array {
  if (content?.base64 !== undefined) return Uint8Array.from(Buffer.from(content.base64, "base64"));
  return new TextEncoder().encode(content?.text ?? content?.value ?? "");
}
