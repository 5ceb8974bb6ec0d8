// Made from the WIT by `npm run generate`; changes belong there.

/** The event and the attempt that a call is about. */
export interface Context {
  /** The sender's id of the event, unique within its source. */
  eventId: string;
  /** The event's type as the sender writes it, such as `appointment.created`. */
  eventType: string;
  /** The operator's name for the sender. */
  source: string;
  /** When the sender says that it happened, RFC 3339. */
  created: string;
  /** When the host received it, in milliseconds since the Unix epoch. */
  receivedAt: number;
  /**
   * The same on every attempt of this delivery, and on no other delivery: 32 hexadecimal
   * digits. Hand it to whatever must not do the same thing twice.
   */
  idempotencyKey: string;
  /** Which attempt at this delivery this is, from 1. */
  attempt: number;
}

/** A failure that may pass. */
export interface Retry {
  /** For the operator: what went wrong. */
  reason: string;
  /**
   * Not before so many milliseconds; `null` leaves it to the operator's backoff, which also
   * limits how long it can be.
   */
  afterMs: number | null;
}

/** Why an event was not handled. */
export type Failure =
  /** Try again later. After the operator's last attempt the delivery becomes a dead letter. */
  | { tag: "retry"; val: Retry }
  /**
   * Trying again would not help: the delivery becomes a dead letter at once. The text is
   * for the operator.
   */
  | { tag: "reject"; val: string };
