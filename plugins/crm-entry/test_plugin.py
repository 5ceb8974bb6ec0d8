import unittest

from hookyard import Reject
from hookyard.test import Host, appointment_created

import plugin

CONFIG = {"crm_url": "https://crm.example.gn/entries", "crm_token": "t0ken"}


class CrmEntry(unittest.TestCase):
    def test_contact_and_appointment_are_posted(self) -> None:
        host = Host(config=CONFIG, http=["https://crm.example.gn"])
        host.deliver(plugin.enter, appointment_created())
        [request] = host.requests
        self.assertEqual((request.method, request.url), ("POST", "https://crm.example.gn/entries"))
        self.assertEqual(request.headers["Authorization"], "Bearer t0ken")
        self.assertEqual(
            request.json(),
            {
                "contact": {
                    "name": "Jean Dupont",
                    "phone": "+224621234567",
                    "email": "jean.dupont@example.gn",
                },
                "appointment": {
                    "id": 12345,
                    "dateTime": "2026-01-25T14:30:00",
                    "status": "SCHEDULED",
                    "office": {
                        "id": 5,
                        "name": "Passport Service",
                        "organization": "Ministry of Interior",
                    },
                    "bookedAt": "2026-01-21T14:30:00Z",
                },
                "source": "moncreneau",
            },
        )

    def test_what_the_event_lacks_is_left_open(self) -> None:
        host = Host(config=CONFIG)
        host.deliver(plugin.enter, appointment_created(phone=None, department=None, created_at=None))
        [request] = host.requests
        entry = request.json()
        self.assertIsNone(entry["contact"]["phone"])
        self.assertEqual(entry["appointment"]["office"], {"id": 5})
        self.assertEqual(entry["appointment"]["bookedAt"], "2026-01-21T14:30:00Z")

    def test_a_missing_key_of_the_config_rejects_and_is_named(self) -> None:
        for key in CONFIG:
            host = Host(config={other: value for other, value in CONFIG.items() if other != key})
            with self.assertRaisesRegex(Reject, key):
                host.deliver(plugin.enter, appointment_created())
            self.assertEqual(host.effects, [])
