"""The events of Moncreneau, the appointment service: a dataclass for the payload of each event type.

They hold what stands in the event's `data.object`. Everything that an event may lack is optional. Times
are given as the service sends them: `date_time` is local to the office and without an offset
(`2026-01-25T14:30:00`), all others are RFC 3339 in UTC.
"""

from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, Self

WIT_PACKAGE = "moncreneau:events@1.0.0"


class _Open(StrEnum):
    """An enumeration that takes names which it does not have, as text: the service may add some."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = "OTHER"
        member._value_ = value
        return member

    @property
    def known(self) -> bool:
        """Whether this version has a name for it."""
        return self.name != "OTHER"


class Status(_Open):
    """Where an appointment stands, as the service writes it. A status that this version does not know
    is a `Status` too: `Status("POSTPONED")`, which is not `known`."""

    SCHEDULED = "SCHEDULED"
    """Booked, and not yet taken place."""
    CANCELLED = "CANCELLED"
    """Called off."""
    VALIDATED = "VALIDATED"
    """The visitor is here, and an agent has checked them in."""
    COMPLETED = "COMPLETED"
    """Over."""
    NO_SHOW = "NO_SHOW"
    """The visitor did not come."""


class Canceller(_Open):
    """Who called an appointment off, as the service writes it."""

    USER = "user"
    """The visitor."""
    DEPARTMENT = "department"
    """The office."""
    AGENT = "agent"
    """Somebody who works there."""
    SYSTEM = "system"
    """The service itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A public body."""

    id: int
    name: str
    """`Ministry of Interior`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """An office that gives appointments."""

    id: int
    name: str
    """`Passport Service`."""
    organization: Organization | None = None
    """The body it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Somebody who works at an office."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field before and after. Values that are no text are JSON."""

    from_: str | None = None
    """What it was; `None` where it was not set."""
    to: str | None = None
    """What it is; `None` where it is not set any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Appointment:
    """What every event tells about its appointment."""

    id: int
    """The service's id of the appointment."""
    department_id: int
    """The office's id."""
    department: Department | None = None
    """The office."""
    date_time: str
    """When it takes place, local to the office."""
    status: Status
    """Where it stands now."""
    name: str
    """The visitor's name."""
    phone: str | None = None
    """The visitor's phone number, with the country's prefix: `+224621234567`."""
    email: str | None = None
    """The visitor's email address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCreated(_Appointment):
    """`appointment.created`: somebody has booked."""

    qr_code: str | None = None
    """Where the code that the visitor shows at the desk can be had."""
    created_at: str | None = None
    """When it was booked."""
    credits_used: int | None = None
    """Credits that the office paid for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentUpdated(_Appointment):
    """`appointment.updated`: an appointment as it is now, and what was different before."""

    updated_at: str | None = None
    """When it was changed."""
    changes: dict[str, Change] | None = None
    """The fields that have changed, by the service's name for them (`dateTime`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCancelled(_Appointment):
    """`appointment.cancelled`: an appointment was called off."""

    cancelled_at: str | None = None
    """When it was called off."""
    cancelled_by: Canceller | None = None
    """Who called it off."""
    cancel_reason: str | None = None
    """Why, in their words."""
    credits_refunded: int | None = None
    """Credits given back to the office."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentValidated(_Appointment):
    """`appointment.validated`: the visitor is here."""

    validated_at: str | None = None
    """When they were checked in."""
    validated_by: Agent | None = None
    """Who checked them in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCompleted(_Appointment):
    """`appointment.completed`: an appointment is over."""

    completed_at: str | None = None
    """When it was over."""
    duration: int | None = None
    """How long it took, in minutes."""
    notes: str | None = None
    """What the office noted."""


Payload = (
    AppointmentCreated
    | AppointmentUpdated
    | AppointmentCancelled
    | AppointmentValidated
    | AppointmentCompleted
)

PAYLOADS: dict[str, type[Payload]] = {
    "appointment.created": AppointmentCreated,
    "appointment.updated": AppointmentUpdated,
    "appointment.cancelled": AppointmentCancelled,
    "appointment.validated": AppointmentValidated,
    "appointment.completed": AppointmentCompleted,
}
"""By event type."""


def as_json(payload: Payload) -> dict[str, Any]:
    """A payload as what JSON can hold, by the service's own names; what is absent is `None`."""
    return {_camel_case(field.name): _plain(getattr(payload, field.name)) for field in fields(payload)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {_camel_case(field.name): _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return value


def _camel_case(name: str) -> str:
    first, *others = name.rstrip("_").split("_")
    return first + "".join(other.capitalize() for other in others)
