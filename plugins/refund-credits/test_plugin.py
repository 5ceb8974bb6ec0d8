import unittest

from hookyard.test import Host, appointment_cancelled

import plugin

VISITOR = "+224621234567"


class RefundCredits(unittest.TestCase):
    def setUp(self) -> None:
        self.host = Host()

    def cancel(self, event_id: str = "evt_1", **changes: object) -> None:
        self.host.deliver(plugin.refund, appointment_cancelled(**changes), event_id=event_id)

    def test_credits_go_back_to_the_visitor_and_others_are_told(self) -> None:
        self.cancel(credits_refunded=2)
        entry = {"appointment": 12345, "credits": 2, "balance": 2, "at": "2026-01-21T14:30:00Z"}
        self.assertEqual(self.host.text("balances", VISITOR), "2")
        self.assertEqual(self.host.json("ledger", f"{VISITOR}/000001"), entry)
        [event] = self.host.events
        self.assertEqual(event.event_type, "credits.refunded")
        self.assertEqual(event.json(), {"visitor": VISITOR, **entry})

    def test_an_appointment_that_is_cancelled_twice_is_refunded_once(self) -> None:
        self.cancel("evt_1")
        self.cancel("evt_2")
        self.assertEqual(self.host.text("balances", VISITOR), "1")
        self.assertEqual(len(self.host.effects), 1)
        self.assertIn("refunded before, on evt_1", self.host.logs[-1])

    def test_the_ledger_goes_on_with_each_appointment(self) -> None:
        self.cancel("evt_1", id=1, credits_refunded=1)
        self.cancel("evt_2", id=2, credits_refunded=3)
        self.assertEqual(self.host.text("balances", VISITOR), "4")
        self.assertEqual(self.host.json("ledger", f"{VISITOR}/000002")["balance"], 4)

    def test_without_credits_nothing_happens_and_a_later_refund_can(self) -> None:
        for credits in (None, 0):
            self.cancel(credits_refunded=credits)
        self.assertEqual((self.host.store.get("balances"), self.host.effects), (None, []))
        self.cancel(credits_refunded=1)
        self.assertEqual(self.host.text("balances", VISITOR), "1")

    def test_a_visitor_without_a_phone_is_known_by_address_or_name(self) -> None:
        self.cancel(id=1, phone=None, email="jean@example.gn")
        self.cancel(id=2, phone=None, email=None)
        self.assertEqual(self.host.text("balances", "jean@example.gn"), "1")
        self.assertEqual(self.host.text("balances", "Jean Dupont"), "1")
