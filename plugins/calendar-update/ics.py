"""Writes iCalendar objects (RFC 5545) with one event."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

LINE_MAX_OCTETS = 75


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event in a calendar."""

    uid: str
    """The id, which is the same in every revision."""
    stamp: datetime
    """The time of this revision, in UTC."""
    sequence: int
    """The number of the revision. A greater number replaces a smaller one."""
    start: datetime
    """The start of the event, in UTC."""
    duration: timedelta
    summary: str
    location: str | None
    description: str
    cancelled: bool


def calendar(event: Event) -> bytes:
    """The iCalendar object of an event."""
    return b"".join(fold(line) for line in lines(event))


def lines(event: Event) -> Iterator[str]:
    yield from (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//hookyard//calendar-update//FR",
        "CALSCALE:GREGORIAN",
    )
    yield "BEGIN:VEVENT"
    yield f"UID:{escape(event.uid)}"
    yield f"DTSTAMP:{event.stamp:%Y%m%dT%H%M%SZ}"
    yield f"SEQUENCE:{event.sequence}"
    yield f"DTSTART:{event.start:%Y%m%dT%H%M%SZ}"
    yield f"DURATION:PT{event.duration // timedelta(minutes=1)}M"
    yield f"SUMMARY:{escape(event.summary)}"
    if event.location:
        yield f"LOCATION:{escape(event.location)}"
    yield f"DESCRIPTION:{escape(event.description)}"
    yield f"STATUS:{'CANCELLED' if event.cancelled else 'CONFIRMED'}"
    yield "END:VEVENT"
    yield "END:VCALENDAR"


def escape(text: str) -> str:
    """A value of type TEXT, without control characters, for which TEXT has no escape."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text)
    return re.sub(r"([\\;,])", r"\\\1", text).replace("\n", r"\n")


def fold(line: str) -> bytes:
    """Folds a content line: at most 75 octets, then a line break and a space. It never splits a character."""
    folded, octets = bytearray(), 0
    for character in line:
        encoded = character.encode()
        if octets + len(encoded) > LINE_MAX_OCTETS:
            folded += b"\r\n "
            octets = 1
        folded += encoded
        octets += len(encoded)
    return bytes(folded + b"\r\n")
