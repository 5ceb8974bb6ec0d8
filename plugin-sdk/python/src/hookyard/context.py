"""What a handler is told about its call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The event and the attempt that a call is about."""

    event_id: str
    """The sender's id of the event, unique within its source."""
    event_type: str
    """The event's type as the sender writes it, such as `appointment.created`."""
    source: str
    """The operator's name for the sender."""
    created: str
    """When the sender says that it happened, RFC 3339."""
    received_at: int
    """When the host received it, in milliseconds since the Unix epoch."""
    idempotency_key: str
    """The same on every attempt of this delivery, and on no other delivery. Hand it to whatever must
    not do the same thing twice."""
    attempt: int
    """Which attempt at this delivery this is, from 1."""
