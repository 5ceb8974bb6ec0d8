"""A payload of each event type: the provider's own samples, with what the test wants otherwise, as in
`appointment_created(phone=None, status=Status("POSTPONED"))`."""

from typing import Any

from hookyard.moncreneau import (
    Agent,
    AppointmentCancelled,
    AppointmentCompleted,
    AppointmentCreated,
    AppointmentUpdated,
    AppointmentValidated,
    Canceller,
    Change,
    Department,
    Organization,
    Status,
)

_APPOINTMENT: dict[str, Any] = {
    "id": 12345,
    "department_id": 5,
    "date_time": "2026-01-25T14:30:00",
    "name": "Jean Dupont",
    "phone": "+224621234567",
}


def appointment_created(**changes: Any) -> AppointmentCreated:
    """`appointment.created`."""
    sample = {
        **_APPOINTMENT,
        "department": Department(
            id=5, name="Passport Service", organization=Organization(id=1, name="Ministry of Interior")
        ),
        "status": Status.SCHEDULED,
        "email": "jean.dupont@example.gn",
        "qr_code": "https://moncreneau.gn/qr/12345",
        "created_at": "2026-01-21T14:30:00Z",
        "credits_used": 1,
    }
    return AppointmentCreated(**{**sample, **changes})


def appointment_updated(**changes: Any) -> AppointmentUpdated:
    """`appointment.updated`."""
    sample = {
        **_APPOINTMENT,
        "date_time": "2026-01-26T10:00:00",
        "status": Status.SCHEDULED,
        "updated_at": "2026-01-22T10:15:00Z",
        "changes": {"dateTime": Change(from_="2026-01-25T14:30:00", to="2026-01-26T10:00:00")},
    }
    return AppointmentUpdated(**{**sample, **changes})


def appointment_cancelled(**changes: Any) -> AppointmentCancelled:
    """`appointment.cancelled`."""
    sample = {
        **_APPOINTMENT,
        "status": Status.CANCELLED,
        "cancelled_at": "2026-01-23T16:45:00Z",
        "cancelled_by": Canceller.USER,
        "cancel_reason": "Last minute impediment",
        "credits_refunded": 1,
    }
    return AppointmentCancelled(**{**sample, **changes})


def appointment_validated(**changes: Any) -> AppointmentValidated:
    """`appointment.validated`."""
    sample = {
        **_APPOINTMENT,
        "status": Status.VALIDATED,
        "validated_at": "2026-01-25T14:35:00Z",
        "validated_by": Agent(id=42, name="Agent Martin"),
    }
    return AppointmentValidated(**{**sample, **changes})


def appointment_completed(**changes: Any) -> AppointmentCompleted:
    """`appointment.completed`."""
    sample = {
        **_APPOINTMENT,
        "status": Status.COMPLETED,
        "completed_at": "2026-01-25T15:00:00Z",
        "duration": 30,
        "notes": "Document issued",
    }
    return AppointmentCompleted(**{**sample, **changes})
