"""Exceptions that a handler raises if it cannot handle an event. After a failure, the host discards the
handler's writes and effects."""

from datetime import timedelta


class Retry(Exception):
    """Requests another attempt. After the last attempt, the delivery becomes a dead letter."""

    def __init__(self, reason: str, after: timedelta | int | None = None) -> None:
        """`reason` is for the operator. `after` (a timedelta, or milliseconds) is the shortest delay before
        the next attempt. Without it, the operator's backoff decides."""
        super().__init__(reason)
        self.reason = reason
        self.after_ms = _milliseconds(after)


class Reject(Exception):
    """Makes the delivery a dead letter at once, because another attempt would not help."""

    def __init__(self, reason: str) -> None:
        """`reason` is for the operator."""
        super().__init__(reason)
        self.reason = reason


def _milliseconds(after: timedelta | int | None) -> int | None:
    if isinstance(after, timedelta):
        after = after // timedelta(milliseconds=1)
    return None if after is None else max(after, 0)
