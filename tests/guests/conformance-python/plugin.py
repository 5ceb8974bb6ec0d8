"""The conformance suite's plugin in Python: does what an event's payload tells it to, with every
capability and every failure. The same suite runs one such plugin for each language."""

from typing import Any

from hookyard import Context, on, on_event
from hookyard.moncreneau import (
    AppointmentCancelled,
    AppointmentCompleted,
    AppointmentCreated,
    AppointmentUpdated,
    AppointmentValidated,
    Payload,
    as_json,
)
from hookyard.store import Bucket

from actions import ACTIONS


@on_event("conformance.*")
def perform(ctx: Context, data: dict[str, Any]) -> None:
    ACTIONS[data["do"]](ctx, data)


@on("appointment.created")
def appointment_created(ctx: Context, appointment: AppointmentCreated) -> None:
    keep(appointment)


@on("appointment.updated")
def appointment_updated(ctx: Context, appointment: AppointmentUpdated) -> None:
    keep(appointment)


@on("appointment.cancelled")
def appointment_cancelled(ctx: Context, appointment: AppointmentCancelled) -> None:
    keep(appointment)


@on("appointment.validated")
def appointment_validated(ctx: Context, appointment: AppointmentValidated) -> None:
    keep(appointment)


@on("appointment.completed")
def appointment_completed(ctx: Context, appointment: AppointmentCompleted) -> None:
    keep(appointment)


def keep(appointment: Payload) -> None:
    """Stores every field as it was received, by the name that it has in JSON."""
    Bucket("typed").set_json(str(appointment.id), as_json(appointment))
