import { emitEvent as emit, sendEmail as email, sendHttp as send } from "hookyard:plugin/outbox";

import { bytes, json, refusal, text } from "./convert.ts";
import { Reject } from "./failure.ts";

// Effects: what is to happen outside once the event is handled. Nothing leaves while a handler runs, and nothing
// leaves if it fails. Each function returns the effect's idempotency key, which is the same on every try.

/**
 * The host does not take the effect: it is malformed, its destination is not granted, or there are too many.
 * Trying again would not help, so a handler that lets it pass rejects the event.
 */
export class EffectRefused extends Reject {
  override name = "EffectRefused";
}

/** A request. `Idempotency-Key` is set by the host unless it is set here. */
export interface HttpEffect {
  /** Absolute. The operator grants its origin: `http = ["https://api.example.gn"]`. */
  url: string;
  /** `POST`, if it is not said. */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
}

/** An email, from the address that the operator has set. */
export interface EmailEffect {
  /** Addresses, plain or `Aissatou Diallo <aissatou@example.gn>`. The operator grants them: `email = ["*@example.gn"]`. */
  to: string | readonly string[];
  cc?: string | readonly string[];
  bcc?: string | readonly string[];
  /** Where answers go, if not to the sender. */
  replyTo?: string;
  subject: string;
  text: string;
  /** The same for those whose program shows it. */
  html?: string;
  attachments?: readonly Attachment[];
}

export interface Attachment {
  filename: string;
  /** `application/pdf`, `text/calendar; charset=utf-8`. */
  contentType: string;
  content: string | Uint8Array;
}

/** Asks for an HTTP request. A status of 200 to 299 ends it; what may pass (408, 425, 429, 5xx) is tried again. */
export function sendHttp({ url, method = "POST", headers = {}, body = "" }: HttpEffect): string {
  const request = {
    method: text(method, "method"),
    url: text(url, "url"),
    headers: Object.entries(headers).map(([name, value]): [string, string] => [name, text(value, `header ${name}`)]),
    body: bytes(body, "body"),
  };
  return ask(() => send(request));
}

/** The same with a JSON body and its content type. */
export function sendJson({ json: value, headers, ...rest }: Omit<HttpEffect, "body"> & { json: unknown }): string {
  return sendHttp({ ...rest, headers: { "Content-Type": "application/json", ...headers }, body: json(value, "json") });
}

/** Asks for an email. */
export function sendEmail(message: EmailEffect): string {
  const { to, cc = [], bcc = [], replyTo, subject, text: plain, html, attachments = [] } = message;
  const made = {
    to: list(to, "to"),
    cc: list(cc, "cc"),
    bcc: list(bcc, "bcc"),
    replyTo: replyTo === undefined ? null : text(replyTo, "replyTo"),
    subject: text(subject, "subject"),
    text: text(plain, "text"),
    html: html === undefined ? null : text(html, "html"),
    attachments: attachments.map(({ filename, contentType, content }) => ({
      filename: text(filename, "filename"),
      contentType: text(contentType, "contentType"),
      content: bytes(content, "content"),
    })),
  };
  return ask(() => email(made));
}

/**
 * Emits an event, which is stored and routed to plugins like one that was received. The operator has to grant its
 * type.
 */
export function emitEvent(type: string, data: unknown): string {
  return ask(() => emit(text(type, "an event's type"), json(data, "an event's data")));
}

function list(value: string | readonly string[], what: string): string[] {
  return (typeof value === "string" ? [value] : value).map((one) => text(one, what));
}

function ask(effect: () => string): string {
  try {
    return effect();
  } catch (error) {
    const reason = refusal(error);
    throw typeof reason === "string" ? new EffectRefused(reason) : error;
  }
}
