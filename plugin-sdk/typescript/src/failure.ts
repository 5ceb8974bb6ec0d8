/** Requests another attempt. After the last attempt, the delivery becomes a dead letter. */
export class Retry extends Error {
  override name = "Retry";
  /** The shortest delay before the next attempt. Without it, the operator's backoff decides. */
  readonly afterMs: number | undefined;

  /** `reason` is for the operator. */
  constructor(reason: string, options: { afterMs?: number; cause?: unknown } = {}) {
    super(reason, options);
    const { afterMs } = options;
    if (afterMs !== undefined && !(afterMs >= 0 && afterMs <= Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`afterMs has to be milliseconds from 0, not ${afterMs}`);
    }
    this.afterMs = afterMs === undefined ? undefined : Math.ceil(afterMs);
  }
}

/** Makes the delivery a dead letter at once, because another attempt would not help. */
export class Reject extends Error {
  override name = "Reject";
}
