"""Tests the template of `hookyard plugin new`: the new plugin builds, and its own tests pass."""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import hookyard

TEMPLATE = Path(hookyard.__file__).parents[2] / "template"
APPOINTMENT_EVENTS = ("appointment.created", "appointment.completed")


def fill(text: str, **values: str) -> str:
    """Fills in the placeholders, as the host does for a plugin without packages of its own."""
    text = text.replace('{{"hookyard." if is_in_sdk else ""}}', "hookyard.")
    text = re.sub(r"{% for module in modules %}.*?{% endfor %}", "", text, flags=re.DOTALL)
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def snippet(name: str, **values: str) -> str:
    return fill((TEMPLATE / f"{name}.snippet").read_text(), **values)


class Template(unittest.TestCase):
    def make(self, typed: tuple[str, ...], subscriptions: str) -> Path:
        """Makes a folder from the template, as the host does."""
        handlers, tests = [], []
        for event_type in typed:
            words = event_type.split(".")
            values = {
                "event": event_type,
                "snake_event": "_".join(words),
                "Pascal": "".join(word.capitalize() for word in words),
                "module": "moncreneau",
            }
            handlers.append(snippet("handler", **values))
            tests.append(snippet("test", **values))
        if subscriptions:
            handlers.append(snippet("generic", subscriptions=subscriptions))
            tests.append(snippet("generic-test", event="order.paid"))
        folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "my-plugin"
        shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("*.snippet"))
        for file in folder.iterdir():
            text = fill(file.read_text(), handlers="\n".join(handlers), tests="\n".join(tests))
            file.write_text(fill(text, name="my-plugin", snake="my_plugin", sample="appointment.created"))
        return folder

    def test_its_own_tests_pass(self) -> None:
        for typed, subscriptions, count in (
            (APPOINTMENT_EVENTS[:1], "", 1),
            (APPOINTMENT_EVENTS, '"order.*", "invoice.paid"', 3),
            ((), '"*"', 1),
        ):
            folder = self.make(typed, subscriptions)
            ran = subprocess.run(
                [sys.executable, "-m", "unittest"], cwd=folder, capture_output=True, text=True
            )
            self.assertIn(f"Ran {count} test", ran.stderr)
            self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_nothing_is_left_to_fill_in(self) -> None:
        for file in self.make(APPOINTMENT_EVENTS, '"*"').iterdir():
            self.assertNotIn("{{", file.read_text(), file.name)
