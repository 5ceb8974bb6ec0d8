import unittest

from hookyard import Reject
from hookyard.moncreneau import Status
from hookyard.outbox import HttpRequest
from hookyard.test import Host, appointment_completed

import plugin

CONFIG = {"archive_url": "https://archive.example.gn/appointments/", "archive_token": "t0ken"}


class ArchiveFile(unittest.TestCase):
    def archived(self, **changes: object) -> HttpRequest:
        host = Host(config=CONFIG, http=["https://archive.example.gn"])
        host.deliver(plugin.archive, appointment_completed(**changes), event_id="evt_mno345")
        [request] = host.requests
        return request

    def test_the_full_record_is_put_under_the_appointments_id(self) -> None:
        request = self.archived()
        self.assertEqual(request.method, "PUT")
        self.assertEqual(request.url, "https://archive.example.gn/appointments/12345.json")
        self.assertEqual(request.headers["Authorization"], "Bearer t0ken")
        self.assertEqual(
            request.json(),
            {
                "event": {
                    "id": "evt_mno345",
                    "type": "appointment.completed",
                    "source": "moncreneau",
                    "created": "2026-01-21T14:30:00Z",
                },
                "appointment": {
                    "id": 12345,
                    "departmentId": 5,
                    "department": None,
                    "dateTime": "2026-01-25T14:30:00",
                    "status": "COMPLETED",
                    "name": "Jean Dupont",
                    "phone": "+224621234567",
                    "email": None,
                    "completedAt": "2026-01-25T15:00:00Z",
                    "duration": 30,
                    "notes": "Document issued",
                },
            },
        )

    def test_names_and_statuses_are_archived_as_they_came(self) -> None:
        record = self.archived(name="Aïssatou Diallo", status=Status("HANDED_OVER")).json()
        self.assertEqual(record["appointment"]["name"], "Aïssatou Diallo")
        self.assertEqual(record["appointment"]["status"], "HANDED_OVER")

    def test_a_missing_key_of_the_config_rejects_and_is_named(self) -> None:
        for key in CONFIG:
            host = Host(config={other: value for other, value in CONFIG.items() if other != key})
            with self.assertRaisesRegex(Reject, key):
                host.deliver(plugin.archive, appointment_completed())
