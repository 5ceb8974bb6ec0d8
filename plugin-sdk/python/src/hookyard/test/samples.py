"""Sample payloads: those of the provider, or made from the types."""

import dataclasses
import json
from typing import Any

from hookyard.events import by_name
from hookyard.moncreneau import (
    AppointmentCancelled,
    AppointmentCompleted,
    AppointmentCreated,
    AppointmentUpdated,
    AppointmentValidated,
)
from hookyard.test.canonical import decode


def sample(event_type: str, **changes: Any) -> Any:
    """A sample payload of an event type, with the test's changes: `sample("order.paid", total="0.00")`."""
    if (known := by_name.get(event_type)) is None:
        names = ", ".join(by_name)
        raise ValueError(
            f"{event_type} has no types: there are {names}, and those of modules that you import"
        )
    payload = decode(json.loads(known.sample), known.payload)
    return dataclasses.replace(payload, **changes) if changes else payload


def appointment_created(**changes: Any) -> AppointmentCreated:
    """`appointment.created`, as in `appointment_created(phone=None, status=Status("POSTPONED"))`."""
    payload: AppointmentCreated = sample("appointment.created", **changes)
    return payload


def appointment_updated(**changes: Any) -> AppointmentUpdated:
    """`appointment.updated`."""
    payload: AppointmentUpdated = sample("appointment.updated", **changes)
    return payload


def appointment_cancelled(**changes: Any) -> AppointmentCancelled:
    """`appointment.cancelled`."""
    payload: AppointmentCancelled = sample("appointment.cancelled", **changes)
    return payload


def appointment_validated(**changes: Any) -> AppointmentValidated:
    """`appointment.validated`."""
    payload: AppointmentValidated = sample("appointment.validated", **changes)
    return payload


def appointment_completed(**changes: Any) -> AppointmentCompleted:
    """`appointment.completed`."""
    payload: AppointmentCompleted = sample("appointment.completed", **changes)
    return payload
