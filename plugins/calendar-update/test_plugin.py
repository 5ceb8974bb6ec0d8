import unittest
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar

from hookyard import Reject
from hookyard.moncreneau import Department, Organization, Status
from hookyard.outbox import HttpRequest
from hookyard.test import Host, appointment_updated

import plugin

CONFIG = {"caldav_url": "https://dav.example.gn/desk/", "caldav_user": "desk", "caldav_password": "pàss:word"}

AWKWARD = 'Aïssatou "Aï" Diallo; née Camara, \\ \r\nBEGIN:VALARM\tétage 3\x07' + " à côté 😀" * 20
READ = AWKWARD.replace("\r\n", "\n").replace("\x07", "")


class CalendarUpdate(unittest.TestCase):
    def setUp(self) -> None:
        self.host = Host(config=CONFIG, http=["https://dav.example.gn"])

    def put(self, **changes: Any) -> HttpRequest:
        self.host.deliver(plugin.update, appointment_updated(**changes), received_at=1_769_076_900_999)
        request = self.host.requests[-1]
        return request

    def event(self, **changes: Any) -> Any:
        """The event as another implementation parses it."""
        parsed = icalendar.Calendar.from_ical(self.put(**changes).body)
        [event] = parsed.walk("VEVENT")
        self.assertEqual((parsed.errors, event.errors), ([], []))
        return event

    def test_the_object_is_put_under_the_appointments_id(self) -> None:
        request = self.put()
        self.assertEqual((request.method, request.url), ("PUT", "https://dav.example.gn/desk/12345.ics"))
        basic = b64encode("desk:pàss:word".encode()).decode()
        self.assertEqual(
            request.headers,
            {"Content-Type": "text/calendar; charset=utf-8", "Authorization": f"Basic {basic}"},
        )

    def test_it_says_what_and_when(self) -> None:
        department = Department(id=5, name="Passports", organization=Organization(id=1, name="Interior"))
        event = self.event(department=department)
        self.assertEqual(event["DTSTART"].dt, datetime(2026, 1, 26, 10, 0, tzinfo=UTC))
        self.assertEqual(event["DURATION"].dt, timedelta(minutes=30))
        self.assertEqual(event["DTSTAMP"].dt, datetime(2026, 1, 22, 10, 15, tzinfo=UTC))
        self.assertEqual(event["SUMMARY"], "Rendez-vous : Jean Dupont")
        self.assertEqual(event["LOCATION"], "Passports, Interior")
        self.assertIn("dateTime : 2026-01-25T14:30:00 → 2026-01-26T10:00:00", event["DESCRIPTION"])
        self.assertEqual(event["STATUS"], "CONFIRMED")

    def test_each_revision_has_the_same_uid_and_a_greater_sequence(self) -> None:
        first, second, other = self.event(), self.event(), self.event(id=7)
        self.assertEqual(first["UID"], second["UID"])
        self.assertNotEqual(first["UID"], other["UID"])
        self.assertEqual([event["SEQUENCE"] for event in (first, second, other)], [1, 2, 1])

    def test_a_failed_attempt_uses_no_sequence_number(self) -> None:
        with self.assertRaisesRegex(Reject, "'tomorrow' is no date and time"):
            self.put(date_time="tomorrow")
        self.assertEqual(self.event()["SEQUENCE"], 1)

    def test_a_cancelled_appointment_is_so_in_the_calendar(self) -> None:
        self.assertEqual(self.event(status=Status.CANCELLED)["STATUS"], "CANCELLED")
        self.assertEqual(self.event(status=Status("MOVED"))["STATUS"], "CONFIRMED")

    def test_whatever_a_name_holds_stays_one_value(self) -> None:
        event = self.event(name=AWKWARD, changes=None, phone=None)
        self.assertEqual(event["SUMMARY"], f"Rendez-vous : {READ}")
        self.assertEqual(event.subcomponents, [])

    def test_lines_are_as_rfc_5545_wants_them(self) -> None:
        body = self.put(name=AWKWARD, department=Department(id=5, name="é" * 200)).body
        self.assertTrue(body.endswith(b"\r\n"))
        lines = body[:-2].split(b"\r\n")
        for octets in lines:
            self.assertLessEqual(len(octets), 75)
            self.assertNotRegex(octets, rb"[\x00-\x08\x0a-\x1f\x7f]")
            octets.decode()  # no character is split
        unfolded = body.decode().replace("\r\n ", "").split("\r\n")[:-1]
        self.assertGreater(len(lines), len(unfolded))
        for line in unfolded:
            self.assertRegex(line, r"^[A-Z-]+(;[A-Z]+=[^:;]+)?:")
        names = [line.split(":")[0].split(";")[0] for line in unfolded]
        self.assertEqual((unfolded[0], unfolded[-1]), ("BEGIN:VCALENDAR", "END:VCALENDAR"))
        for name in ("VERSION", "PRODID", "UID", "DTSTAMP", "SEQUENCE", "SUMMARY", "STATUS"):
            self.assertEqual(names.count(name), 1, name)

    def test_the_length_is_the_operators(self) -> None:
        self.host.config["appointment_minutes"] = "45"
        self.assertEqual(self.event()["DURATION"].dt, timedelta(minutes=45))
        self.host.config["appointment_minutes"] = "-1"
        with self.assertRaisesRegex(Reject, "appointment_minutes is '-1'"):
            self.put()

    def test_a_missing_key_of_the_config_rejects_and_is_named(self) -> None:
        for key in CONFIG:
            self.host = Host(config={other: value for other, value in CONFIG.items() if other != key})
            with self.assertRaisesRegex(Reject, key):
                self.put()
