/** Throw it where trying again may help. After the operator's last attempt the delivery becomes a dead letter. */
export class Retry extends Error {
  override name = "Retry";
  /** Not before so many milliseconds; without it, the operator's backoff says when. */
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

/** Throw it where trying again would not help: the delivery becomes a dead letter at once. */
export class Reject extends Error {
  override name = "Reject";
}
