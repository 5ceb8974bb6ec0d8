// Made from the WIT by `npm run generate`; changes belong there.

/** The event and the attempt of a call. */
export interface Context {
  /** The id that the sender gave the event, unique within its source. */
  eventId: string;
  /** The event's type as the sender writes it, such as `appointment.created`. */
  eventType: string;
  /** The operator's name for the sender. */
  source: string;
  /** The time of the event according to the sender, RFC 3339. */
  created: string;
  /** The time of receipt, in milliseconds since the Unix epoch. */
  receivedAt: number;
  /**
   * A key that is the same on every attempt of this delivery, and on no other delivery: 32
   * hexadecimal digits. Pass it to systems that must not act twice.
   */
  idempotencyKey: string;
  /** The number of this attempt of the delivery, from 1. */
  attempt: number;
}

/** A failure that may pass. */
export interface Retry {
  /** The text for the operator. */
  reason: string;
  /**
   * The shortest delay before the next attempt, in milliseconds. The operator's backoff limits it,
   * and with `null` decides alone.
   */
  afterMs: number | null;
}

/** The reason why an event was not handled. */
export type Failure =
  /** Requests another attempt. After the last attempt the delivery becomes a dead letter. */
  | { tag: "retry"; val: Retry }
  /**
   * Makes the delivery a dead letter at once, because another attempt would not help. The
   * text is for the operator.
   */
  | { tag: "reject"; val: string };
