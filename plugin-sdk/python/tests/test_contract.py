"""Compares the SDK's types with those that componentize-py generates from the WIT: fields, types, cases."""

import dataclasses
import functools
import importlib
import json
import operator
import subprocess
import sys
import tempfile
import typing
import unittest
from enum import StrEnum
from pathlib import Path
from typing import Any

from hookyard import Context, as_json, events, outbox, test
from hookyard._build.component import contract_options, lay_out_contract
from hookyard._build.discover import CAPABILITIES, Discovery
from hookyard._build.wit import wit_folder
from hookyard.moncreneau import Canceller, Status
from hookyard.request import HttpRequest

EVERYTHING = Discovery(
    folder=Path(),
    event_types=list(events.by_name),
    subscriptions=["*"],
    capabilities=list(CAPABILITIES),
    paths=[],
    files=[],
)


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        lay_out_contract(work / "wit", EVERYTHING)
        bindings = [*contract_options(work / "wit"), "bindings", str(work / "made")]
        command = [sys.executable, "-c", "from componentize_py import script; script()", *bindings]
        subprocess.run(command, check=True, capture_output=True)
        sys.path.insert(0, str(work / "made"))
        cls.addClassCleanup(sys.path.remove, str(work / "made"))

    def module(self, name: str) -> Any:
        return importlib.import_module(f"wit_world.{name}")

    def test_payloads_and_context_have_the_fields_of_the_wit(self) -> None:
        for event_type in events.by_name.values():
            made = self.module(f"exports.{event_type.name.replace('.', '_')}")
            self.assert_same(getattr(made, event_type.payload.__name__), event_type.payload, event_type.name)
        self.assert_same(self.module("imports.plugin_types").Context, Context, "context")

    def test_effects_have_the_fields_of_the_wit(self) -> None:
        made = self.module("imports.outbox")
        for ours in (HttpRequest, outbox.Email, outbox.Attachment):
            self.assertEqual(names(getattr(made, ours.__name__)), names(ours))

    def test_failures_are_made_as_the_wit_has_them(self) -> None:
        made = self.module("imports.plugin_types")
        self.assertEqual(names(made.Retry), ["reason", "after_ms"])
        self.assertEqual(case_names(made.Failure, "Failure"), ["Retry", "Reject"])

    def test_every_interface_has_the_name_that_the_sdk_imports(self) -> None:
        for name in (
            "config_store",
            "keyvalue_store",
            "keyvalue_atomics",
            "keyvalue_batch",
            "outbox",
            "plugin_types",
            "http_types",
            "http_outgoing_handler",
            "io_streams",
            "logging",
        ):
            self.module(f"imports.{name}")

    def test_samples_are_the_providers(self) -> None:
        for event_type in events.by_name:
            file = wit_folder() / "moncreneau-events-1.0.0" / "samples" / f"{event_type}.json"
            sample = json.loads(file.read_text())["data"]["object"]
            sample["status"] = Status(sample["status"])
            made = getattr(test, event_type.replace(".", "_"))()
            self.assertEqual(without_absent(as_json(made)), sample, event_type)

    def assert_same(self, made: Any, ours: Any, place: str) -> None:
        """Asserts that a generated type and the SDK's type are equivalent."""
        if dataclasses.is_dataclass(ours):
            self.assertEqual(names(made), names(ours), place)
            made_types, our_types = typing.get_type_hints(made), typing.get_type_hints(ours)
            for name in names(ours):
                self.assert_same(made_types[name], our_types[name], f"{place}.{name}")
        elif isinstance(ours, type) and issubclass(ours, StrEnum):
            cases = [case.lower() for case in case_names(made, ours.__name__)]
            members = [member.name.replace("_", "").lower() for member in ours]
            self.assertEqual(cases, [*members, "other"], place)
        elif type(None) in typing.get_args(ours):
            self.assertIn(type(None), typing.get_args(made), f"{place} is not optional in the WIT")
            self.assert_same(present(made), present(ours), place)
        elif typing.get_origin(ours) is dict:
            [pair] = typing.get_args(made)
            for inner, our_inner in zip(typing.get_args(pair), typing.get_args(ours), strict=True):
                self.assert_same(inner, our_inner, place)
        else:
            self.assertIs(made, ours, place)


class Names(unittest.TestCase):
    def test_unknown_names_of_the_service_are_kept(self) -> None:
        status = Status("POSTPONED")
        self.assertEqual((status, str(status), status.known), ("POSTPONED", "POSTPONED", False))
        self.assertTrue(Status("NO_SHOW") is Status.NO_SHOW and Status.NO_SHOW.known)
        self.assertEqual(json.dumps([status, Canceller("robot")]), '["POSTPONED", "robot"]')


def names(record: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(record)]


def case_names(variant: Any, name: str) -> list[str]:
    return [case.__name__.removeprefix(f"{name}_") for case in typing.get_args(variant)]


def present(optional: Any) -> Any:
    """Returns `T` of `T | None`. `T` may be a union itself."""
    others = [kind for kind in typing.get_args(optional) if kind is not type(None)]
    return functools.reduce(operator.or_, others)


def without_absent(value: Any) -> Any:
    """The fields that the service sends, with names of cases in the SDK's form."""
    if isinstance(value, dict):
        return {name: without_absent(member) for name, member in value.items() if member is not None}
    return value
