import type { Attachment, Email as Message } from "hookyard:plugin/outbox";

export type { Attachment };

interface Effect {
  /** The key is the same on every attempt of this effect, and no other effect has it. */
  idempotencyKey: string;
}

/** An HTTP request that a handler queued. */
export interface EffectRequest extends Effect {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** An email that a handler queued. */
export interface Email extends Effect, Message {}

/** An event that a handler emitted. */
export interface EmittedEvent extends Effect {
  type: string;
  data: any;
}

/** The effects of a call, in order. */
export interface Outbox {
  requests: EffectRequest[];
  emails: Email[];
  events: EmittedEvent[];
}
