"""Tests of the arguments that `@on` and `@on_event` accept and reject."""

import unittest
from datetime import timedelta
from typing import Any

from hookyard import Context, Retry, handlers, on, on_event
from hookyard.moncreneau import AppointmentCreated


class Registration(unittest.TestCase):
    def setUp(self) -> None:
        typed, generic = dict(handlers.typed), handlers.generic
        handlers.typed.clear()
        handlers.generic = None

        def restore() -> None:
            handlers.typed.update(typed)
            handlers.generic = generic

        self.addCleanup(restore)
        self.addCleanup(handlers.typed.clear)

    def test_a_typed_and_a_generic_handler(self) -> None:
        @on("appointment.created")
        def greet(ctx: Context, appointment: AppointmentCreated) -> None: ...

        @on_event("invoice.*", "*")
        def note(ctx: Context, data: Any) -> None: ...

        self.assertEqual(handlers.find(greet), "appointment.created")
        self.assertEqual(handlers.find(note), handlers.Generic(("invoice.*", "*"), note, raw=False))

    def test_an_event_type_without_types_names_those_that_have_some(self) -> None:
        with self.assertRaisesRegex(ValueError, r"appointment\.created, .*@on_event\(\"invoice\.paid\"\)"):
            on("invoice.paid")

    def test_two_handlers_for_one_event_are_both_named(self) -> None:
        @on("appointment.created")
        def first(ctx: Context, appointment: AppointmentCreated) -> None: ...

        with self.assertRaisesRegex(ValueError, "appointment.created has two handlers: .*first and .*second"):

            @on("appointment.created")
            def second(ctx: Context, appointment: AppointmentCreated) -> None: ...

        on_event("*")(first)
        with self.assertRaisesRegex(ValueError, "one @on_event handler"):
            on_event("invoice.*")(first)

    def test_what_could_never_run_is_refused_at_once(self) -> None:
        async def later(ctx: Context, appointment: AppointmentCreated) -> None: ...

        def short(appointment: AppointmentCreated) -> None: ...

        with self.assertRaisesRegex(TypeError, "later has to be a plain function"):
            on("appointment.created")(later)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "short has to take two arguments"):
            on("appointment.created")(short)  # type: ignore[arg-type]
        for patterns in ((), ("",)):
            with self.assertRaisesRegex(ValueError, "needs the event types"):
                on_event(*patterns)

    def test_a_retry_may_say_when(self) -> None:
        self.assertEqual(Retry("later").after_ms, None)
        self.assertEqual(Retry("later", 250).after_ms, 250)
        self.assertEqual(Retry("later", after=timedelta(seconds=1.5)).after_ms, 1500)
        self.assertEqual(Retry("later", after=timedelta(seconds=-1)).after_ms, 0)
