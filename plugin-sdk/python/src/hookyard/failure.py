"""Why an event was not handled: raise one of these. After a failure nothing that the handler wrote or
asked for happens."""

from datetime import timedelta


class Retry(Exception):
    """Try again later. After the operator's last attempt the delivery becomes a dead letter."""

    def __init__(self, reason: str, after: timedelta | int | None = None) -> None:
        """`reason` is for the operator. `after` (a timedelta, or milliseconds) is the earliest time of
        the next attempt; without it the operator's backoff decides."""
        super().__init__(reason)
        self.reason = reason
        self.after_ms = _milliseconds(after)


class Reject(Exception):
    """Trying again would not help: the delivery becomes a dead letter at once."""

    def __init__(self, reason: str) -> None:
        """`reason` is for the operator."""
        super().__init__(reason)
        self.reason = reason


def _milliseconds(after: timedelta | int | None) -> int | None:
    if isinstance(after, timedelta):
        after = after // timedelta(milliseconds=1)
    return None if after is None else max(after, 0)
