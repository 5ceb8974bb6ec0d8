import type { Attachment, Email as Message } from "hookyard:plugin/outbox";

export type { Attachment };

interface Effect {
  /** The same on every try, and of no other effect. */
  idempotencyKey: string;
}

/** An HTTP request that a handler asked for. */
export interface EffectRequest extends Effect {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** An email that a handler asked for. */
export interface Email extends Effect, Message {}

/** An event that a handler emitted. */
export interface EmittedEvent extends Effect {
  type: string;
  data: any;
}

/** What a call asks for, in order. */
export interface Outbox {
  requests: EffectRequest[];
  emails: Email[];
  events: EmittedEvent[];
}
