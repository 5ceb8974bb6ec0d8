"""The context of a handler's call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The event and the attempt of a call."""

    event_id: str
    """The id that the sender gave the event. It is unique within its source."""
    event_type: str
    """The event's type as the sender writes it, such as `appointment.created`."""
    source: str
    """The operator's name for the sender."""
    created: str
    """The time of the event according to the sender, RFC 3339."""
    received_at: int
    """The time of receipt, in milliseconds since the Unix epoch."""
    idempotency_key: str
    """The key is the same on every attempt of this delivery, and on no other delivery. Pass it to systems
    that must not act twice."""
    attempt: int
    """The number of this attempt of the delivery, from 1."""
