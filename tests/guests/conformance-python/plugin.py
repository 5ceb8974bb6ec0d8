"""The conformance guest in Python; every SDK has one with the same behaviour. The generic handler performs
the action that the payload names (`{"do": …}`), and the typed handlers store their payloads."""

from typing import Any

from hookyard import Context, as_json, on, on_event
from hookyard.moncreneau import (
    AppointmentCancelled,
    AppointmentCompleted,
    AppointmentCreated,
    AppointmentUpdated,
    AppointmentValidated,
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


def keep(appointment: Any) -> None:
    """Stores every received field under its name in JSON, and the status as the service writes it."""
    fields = {**as_json(appointment), "status": appointment.status.name}
    Bucket("typed").set_json(str(appointment.id), fields)
