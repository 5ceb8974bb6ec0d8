"""Tests of the in-memory host, which commits a handler's writes and effects only if the handler returns."""

import logging
import unittest
from collections.abc import Callable
from typing import Any

from hookyard import (
    Context,
    Reject,
    Retry,
    config,
    handlers,
    http,
    log,
    metadata,
    on,
    on_event,
    outbox,
    store,
    test,
)
from hookyard.moncreneau import AppointmentCreated
from hookyard.request import HttpRequest

bucket = store.Bucket("b")


class InMemory(unittest.TestCase):
    def setUp(self) -> None:
        typed, generic = dict(handlers.typed), handlers.generic
        self.addCleanup(setattr, handlers, "generic", generic)
        self.addCleanup(handlers.typed.update, typed)
        self.addCleanup(handlers.typed.clear)
        handlers.typed.clear()
        handlers.generic = None
        self.host = test.Host(config={"key": "value"}, http=["https://a.example"], email=["*@example.gn"])

    def run_in(self, do: Callable[[], Any], host: test.Host | None = None) -> Any:
        """Runs a function as a handler."""
        results: list[Any] = []

        def handler(ctx: Context, appointment: AppointmentCreated) -> None:
            results.append(do())

        handlers.typed.clear()
        on("appointment.created")(handler)
        (host or self.host).deliver(handler, test.appointment_created())
        return results[0]

    def test_what_a_handler_did_is_there_once_it_returned(self) -> None:
        def do() -> list[str]:
            bucket.set("k", "é")
            return [
                outbox.send_json("POST", "https://a.example/x", {"é": 1}, headers={"X-A": "b"}),
                outbox.send_email("a@example.gn", "subject", "text", bcc=["B <b@example.gn>"]),
                outbox.emit_event("thing.done", {"n": 1}),
            ]

        keys = self.run_in(do)
        self.assertEqual(keys, [f"{1:032x}.{n}" for n in (1, 2, 3)])
        request, email, event = self.host.effects
        assert isinstance(request, HttpRequest)
        self.assertEqual(request.json(), {"é": 1})
        self.assertEqual(request.headers, {"Content-Type": "application/json", "X-A": "b"})
        self.assertEqual(
            email,
            outbox.Email(to=("a@example.gn",), bcc=("B <b@example.gn>",), subject="subject", text="text"),
        )
        self.assertEqual(event, outbox.Event(event_type="thing.done", data='{"n": 1}'))
        self.assertEqual(self.host.text("b", "k"), "é")

    def test_a_handler_gets_the_content_type_and_the_attributes_of_its_event(self) -> None:
        def do() -> tuple[str | None, str | None, dict[str, str]]:
            return metadata.content_type(), metadata.attribute("subject"), metadata.attributes()

        self.assertEqual(self.run_in(do), (None, None, {}))
        attributes = {"subject": "orders/7", "comexampleext": "1"}
        host = test.Host(content_type="text/xml", attributes=attributes)
        self.assertEqual(self.run_in(do, host), ("text/xml", "orders/7", attributes))

    def test_nothing_a_failing_handler_did_is_there_but_what_it_logged(self) -> None:
        self.run_in(lambda: bucket.set("k", "before"))
        for failure in (Retry("later"), Reject("never"), KeyError("bug")):

            def do(failure: Exception = failure) -> None:
                log.info("trying")
                bucket.set("k", "x")
                bucket.set("new", "x")
                outbox.emit_event("thing.done", None)
                raise failure

            with self.assertRaises(type(failure)):
                self.run_in(do)
        self.assertEqual((self.host.store, self.host.effects), ({"b": {"k": b"before"}}, []))
        self.assertEqual(self.host.logs, ["INFO trying"] * 3)

    def test_the_store(self) -> None:
        def do() -> None:
            self.assertIsNone(bucket.get("k"))
            self.assertEqual(bucket.get_json("k", {}), {})
            bucket.set_json("k", {"é": [1]})
            self.assertEqual((bucket.get_text("k"), bucket.get_json("k")), ('{"é":[1]}', {"é": [1]}))
            self.assertTrue("k" in bucket and not bucket.exists("other"))
            self.assertEqual(
                [bucket.increment("n"), bucket.increment("n", 5), bucket.increment("n", -7)], [1, 6, -1]
            )
            self.assertEqual(bucket.get("n"), b"-1")
            self.assertTrue(bucket.compare_and_swap("s", None, "1"))
            self.assertFalse(bucket.compare_and_swap("s", None, "2"))
            self.assertTrue(bucket.compare_and_swap("s", b"1", "2"))
            bucket.set_many({"x": "1", "y": b"2"})
            self.assertEqual(bucket.get_many(["y", "none", "x"]), {"y": b"2", "x": b"1"})
            bucket.delete_many(["x", "none"])
            bucket.delete("k")
            self.assertEqual(bucket.keys(), ["n", "s", "y"])
            self.assertEqual(store.Bucket("other").keys(), [])
            with self.assertRaisesRegex(store.StoreError, "b/k: b'x' is no decimal number"):
                bucket.set("k", "x")
                bucket.increment("k")

        self.run_in(do)

    def test_config(self) -> None:
        def do() -> None:
            self.assertEqual(
                (config.get("key"), config.get("no"), config.get("no", "d")), ("value", None, "d")
            )
            self.assertEqual((config.require("key"), config.all()), ("value", {"key": "value"}))
            config.require("crm_url")

        with self.assertRaisesRegex(Reject, "lacks the key crm_url"):
            self.run_in(do)

    def test_what_is_not_granted_is_refused_and_rejects_the_event(self) -> None:
        for ask, reason in (
            (lambda: outbox.send_http("GET", "https://b.example/"), "https://b.example is not granted"),
            (lambda: outbox.send_http("GET", "http://a.example/"), "http://a.example is not granted"),
            (lambda: outbox.send_http("GET", "file:///etc"), "not an absolute http or https URL"),
            (lambda: outbox.send_email("A <a@b.example>", "s", "t"), "a@b.example is not granted"),
        ):
            with self.assertRaisesRegex(Reject, reason):
                self.run_in(ask)
        self.run_in(lambda: outbox.send_http("GET", "https://b.example/"), test.Host())

    def test_a_fetch_is_answered_by_the_test(self) -> None:
        def respond(request: HttpRequest) -> http.Response:
            return http.Response(status=404 if request.method == "GET" else 200, body=b'"\xc3\xa9"')

        host = test.Host(respond=respond)
        response = self.run_in(lambda: http.get("https://a.example/"), host)
        self.assertEqual((response.ok, response.text, response.json()), (False, '"é"', "é"))
        self.assertTrue(self.run_in(lambda: http.fetch("PUT", "https://a.example/"), host).ok)
        with self.assertRaisesRegex(AssertionError, "no answer to GET https://a.example/"):
            self.run_in(lambda: http.get("https://a.example/"))
        with self.assertRaisesRegex(Retry, "GET https://b.example/: the origin .* is not granted"):
            self.run_in(lambda: http.get("https://b.example/"))

    def test_the_standard_librarys_logging_is_the_log(self) -> None:
        def do() -> None:
            log.warning("careful")
            logging.info("%d of %d", 1, 2)
            logging.getLogger("desk").debug("detail")

        self.run_in(do)
        self.assertEqual(self.host.logs, ["WARN careful", "INFO 1 of 2", "DEBUG desk: detail"])
        self.assertEqual(logging.getLogger().handlers, [])

    def test_the_generic_handler_gets_json(self) -> None:
        seen: list[Any] = []

        @on_event("thing.*")
        def handle(ctx: Context, data: Any) -> None:
            seen.append((ctx.event_type, ctx.attempt, data))

        self.host.deliver(handle, {"text": "é"}, event_type="thing.done", attempt=2)
        self.assertEqual(seen, [("thing.done", 2, {"text": "é"})])
        with self.assertRaisesRegex(TypeError, "event_type"):
            self.host.deliver(handle, {})

    def test_a_raw_generic_handler_gets_json_text(self) -> None:
        seen: list[str] = []

        @on_event("*", raw=True)
        def handle(ctx: Context, data: str) -> None:
            seen.append(data)

        self.host.deliver(handle, {"text": "é"}, event_type="thing.done")
        self.assertEqual(seen, ['{"text": "é"}'])

    def test_a_capability_outside_a_handler_says_where_it_is_there(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "hookyard.store is there while a handler runs"):
            bucket.get("k")

    def test_a_function_that_is_no_handler_and_a_payload_of_another_event_are_refused(self) -> None:
        def stray(ctx: Context, appointment: AppointmentCreated) -> None: ...

        with self.assertRaisesRegex(ValueError, "stray is no handler"):
            self.host.deliver(stray, test.appointment_created())
        on("appointment.created")(stray)
        with self.assertRaisesRegex(TypeError, "payload of Created"):
            self.host.deliver(stray, test.appointment_updated())
