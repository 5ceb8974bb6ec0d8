import { emitEvent as emit, sendEmail as email, sendHttp as send } from "hookyard:plugin/outbox";

import { bytes, json, refusal, text } from "./convert.ts";
import { Reject } from "./failure.ts";

// Effects: HTTP requests, emails and events that the host sends after the event is handled. No effect leaves while a
// handler runs or if it fails. Each function returns the effect's idempotency key, the same on every attempt.

/**
 * The host refused the effect: it is malformed, not granted, or over a limit. Another attempt would not help. If
 * the handler does not catch this, the event is rejected.
 */
export class EffectRefused extends Reject {
  override name = "EffectRefused";
}

/** An HTTP request. The host sets `Idempotency-Key` unless it is set here. */
export interface HttpEffect {
  /** An absolute URL. The operator grants its origin: `http = ["https://api.example.gn"]`. */
  url: string;
  /** The default is `POST`. */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
}

/** An email. The operator configures the sender. */
export interface EmailEffect {
  /** Addresses, plain or `Aissatou Diallo <aissatou@example.gn>`. The operator grants them: `email = ["*@example.gn"]`. */
  to: string | readonly string[];
  cc?: string | readonly string[];
  bcc?: string | readonly string[];
  /** The address for replies. The default is the sender. */
  replyTo?: string;
  subject: string;
  text: string;
  /** The same text as HTML. */
  html?: string;
  attachments?: readonly Attachment[];
}

export interface Attachment {
  filename: string;
  /** The media type, such as `application/pdf` or `text/calendar; charset=utf-8`. */
  contentType: string;
  content: string | Uint8Array;
}

/** Queues an HTTP request. It succeeds with a status of 200 to 299. 408, 425, 429 and 5xx lead to another attempt. */
export function sendHttp({ url, method = "POST", headers = {}, body = "" }: HttpEffect): string {
  const request = {
    method: text(method, "method"),
    url: text(url, "url"),
    headers: Object.entries(headers).map(([name, value]): [string, string] => [name, text(value, `header ${name}`)]),
    body: bytes(body, "body"),
  };
  return ask(() => send(request));
}

/** Queues an HTTP request with a JSON body and its content type. */
export function sendJson({ json: value, headers, ...rest }: Omit<HttpEffect, "body"> & { json: unknown }): string {
  return sendHttp({ ...rest, headers: { "Content-Type": "application/json", ...headers }, body: json(value, "json") });
}

/** Queues an email. */
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
 * Emits an event, which the host stores and routes like a received one. The operator must grant the
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
