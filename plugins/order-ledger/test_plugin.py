import dataclasses
import json
import unittest

from hookyard import Reject
from hookyard.test import Host, sample

import plugin
from acme import Line, Order, OrderStatus, Stock

CONFIG = {
    "ledger_url": "https://ledger.example.com/bookings",
    "purchasing": "purchasing@example.com",
    "zone": "Pacific/Auckland",
}


class OrderLedger(unittest.TestCase):
    def setUp(self) -> None:
        self.host = Host(config=CONFIG, http=["https://ledger.example.com"], email=["*@example.com"])

    def test_a_paid_order_is_booked_with_exact_ids_amounts_and_the_local_day(self) -> None:
        self.host.deliver(plugin.book, sample("order.paid", placed_at="2026-03-02T11:12:41Z"))
        [request] = self.host.requests
        self.assertEqual(request.url, "https://ledger.example.com/bookings/9007199254740993")
        self.assertEqual(
            request.json(),
            {
                "order": "9007199254740993",
                "customer": "18446744073709551615",
                "day": "2026-03-03",
                "channel": "web",
                "goods": "129.90",
                "other": "0.00",
                "total": "129.90",
                "currency": "EUR",
            },
        )
        self.assertEqual(self.host.text("counters", "orders/web"), "1")
        self.assertEqual(self.host.logs, ["INFO order 9007199254740993 is booked: number 1 of web"])

    def test_cents_do_not_drift(self) -> None:
        lines = [Line(sku=f"A-{number}", quantity=3, unit_price="0.1") for number in range(1000)]
        self.host.deliver(plugin.book, sample("order.paid", lines=lines, total="300.01"))
        booking = self.host.requests[0].json()
        self.assertEqual((booking["goods"], booking["other"]), ("300.00", "0.01"))

    def test_an_order_that_is_not_paid_is_rejected(self) -> None:
        with self.assertRaisesRegex(Reject, "order 9007199254740993 is returned, not paid"):
            self.host.deliver(plugin.book, sample("order.paid", status=OrderStatus.RETURNED))

    def test_what_is_no_amount_of_money_is_rejected(self) -> None:
        for text in ["much", "", "NaN", "-Infinity", "1e999999"]:
            with self.subTest(text), self.assertRaisesRegex(Reject, "is no (decimal number|amount of money)"):
                self.host.deliver(plugin.book, sample("order.paid", total=text))
        self.assertEqual((self.host.effects, self.host.store), ([], {}))

    def test_an_order_without_a_channel_is_counted_as_unknown(self) -> None:
        order: Order = dataclasses.replace(sample("order.paid"), metadata={})
        self.host.deliver(plugin.book, order)
        self.assertEqual(self.host.text("counters", "orders/unknown"), "1")

    def test_an_article_of_which_little_is_left_is_ordered_again(self) -> None:
        self.host.deliver(plugin.reorder, Stock(sku="A-100", left=2, threshold=5))
        [email] = self.host.emails
        self.assertEqual((email.to, email.subject), (("purchasing@example.com",), "Order A-100 again"))
        self.assertEqual(email.text, "2 of A-100 are left; the threshold is 5.\n")

    def test_a_whole_event_has_the_values_that_a_host_decodes(self) -> None:
        event = {"id": "evt_1", "type": "stock.low", "data": {"sku": "B-7", "left": 0, "threshold": 3}}
        self.host.deliver_event(plugin.reorder, json.dumps(event))
        self.assertIn("0 of B-7 are left", self.host.emails[0].text or "")
        event["data"] = {"sku": "B-7", "left": -1, "threshold": 3}
        with self.assertRaisesRegex(Reject, r"payload\.left: expected u32, found number -1"):
            self.host.deliver_event(plugin.reorder, event)
