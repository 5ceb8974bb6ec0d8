"""Updates a calendar: writes each changed appointment to a CalDAV server as an iCalendar object."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

from hookyard import Context, Reject, config, log, on, outbox
from hookyard.moncreneau import AppointmentUpdated, Status
from hookyard.store import Bucket

from ics import Event, calendar

sequences = Bucket("sequences")  # the number of revisions by appointment


@on("appointment.updated")
def update(ctx: Context, appointment: AppointmentUpdated) -> None:
    sequence = sequences.increment(str(appointment.id))
    event = Event(
        uid=f"appointment-{appointment.id}@moncreneau.gn",
        stamp=datetime.fromtimestamp(ctx.received_at // 1000, UTC),
        sequence=sequence,
        start=moment(appointment.date_time),
        duration=timedelta(minutes=minutes()),
        summary=f"Rendez-vous : {appointment.name}",
        location=location(appointment),
        description=description(appointment),
        cancelled=appointment.status is Status.CANCELLED,
    )
    url = f"{config.require('caldav_url').rstrip('/')}/{appointment.id}.ics"
    headers = {"Content-Type": "text/calendar; charset=utf-8", "Authorization": credentials()}
    outbox.send_http("PUT", url, headers=headers, body=calendar(event))
    log.info(f"appointment {appointment.id} goes to the calendar, revision {sequence}")


def moment(text: str) -> datetime:
    """Parses the service's local date and time. Guinea uses UTC all year. A calendar shows UTC in its
    reader's time zone, so the object needs no definition of a time zone."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Reject(f"dateTime {text!r} is no date and time") from None


def minutes() -> int:
    text = config.get("appointment_minutes", "30")
    if not text.isdecimal() or int(text) == 0:
        raise Reject(f"the config key appointment_minutes is {text!r}: give a whole number of minutes")
    return int(text)


def location(appointment: AppointmentUpdated) -> str | None:
    department = appointment.department
    if department is None:
        return None
    names = [department.name, department.organization.name if department.organization else None]
    return ", ".join(name for name in names if name)


def description(appointment: AppointmentUpdated) -> str:
    lines = [f"Rendez-vous n° {appointment.id}"]
    if appointment.phone:
        lines.append(f"Téléphone : {appointment.phone}")
    for field, change in (appointment.changes or {}).items():
        lines.append(f"{field} : {change.from_ or '-'} → {change.to or '-'}")
    return "\n".join(lines)


def credentials() -> str:
    pair = f"{config.require('caldav_user')}:{config.require('caldav_password')}"
    return f"Basic {b64encode(pair.encode()).decode()}"
