"""`python -m hookyard build`: what it finds in a plugin, and how it tells an author what is wrong."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import hookyard
from hookyard._build.component import entry
from hookyard._build.discover import Discovery
from hookyard._build.wit import world

GREETER = """
from hookyard import Context, log, on
from hookyard.moncreneau import AppointmentCreated

@on("appointment.created")
def greet(ctx: Context, appointment: AppointmentCreated) -> None:
    log.info(appointment.name)
"""

DISCOVER = """
import dataclasses, json, pathlib, sys
from hookyard._build.discover import discover
from hookyard._build.inputs import digest
found = discover(pathlib.Path(sys.argv[1]).resolve())
print(json.dumps({**dataclasses.asdict(found), "digest": digest(found)}, default=str))
"""


class World(unittest.TestCase):
    def test_it_exports_the_handlers_and_imports_what_is_used(self) -> None:
        found = Discovery(Path(), ["appointment.created"], ["*"], ["config", "outbox"], [], [])
        self.assertEqual(
            [line.strip() for line in world(found).splitlines()[3:-1]],
            [
                "import hookyard:plugin/types@0.1.0;",
                "import wasi:config/store@0.2.0-rc.1;",
                "import hookyard:plugin/outbox@0.1.0;",
                "export moncreneau:events/appointment-created@1.0.0;",
                "export hookyard:plugin/event-handler@0.1.0;",
            ],
        )
        lines = entry(found).splitlines()
        self.assertIn('AppointmentCreated = exports.typed("appointment.created")', lines)
        self.assertIn("EventHandler = exports.generic()", lines)
        self.assertLess(lines.index("import hookyard._guest.outbox"), lines.index("import plugin"))


class Authors(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "greeter"
        self.folder.mkdir()

    def build(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hookyard", "build", str(self.folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def assert_refused(self, source: str, *texts: str) -> None:
        (self.folder / "plugin.py").write_text(source)
        done = self.build()
        self.assertEqual(done.returncode, 1, done.stdout)
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertNotIn("_build", done.stderr, "the SDK's own frames say nothing to an author")
        self.assertFalse((self.folder / "dist").exists())

    def discover(self, source: str) -> dict[str, Any]:
        """What a build finds before it begins, in a process of its own: it imports the plugin."""
        (self.folder / "plugin.py").write_text(source)
        done = subprocess.run(
            [sys.executable, "-c", DISCOVER, str(self.folder)], capture_output=True, text=True, check=True
        )
        return {"warnings": done.stderr, **json.loads(done.stdout)}

    def test_a_component_is_made_and_not_made_again_until_something_changes(self) -> None:
        (self.folder / "plugin.py").write_text(GREETER)
        built = self.build()
        self.assertIn("handles appointment.created, asks for log", built.stdout, built.stderr)
        self.assertTrue((self.folder / "dist" / "greeter.wasm").read_bytes().startswith(b"\0asm"))
        self.assertIn("is up to date", self.build().stdout)

    def test_a_build_depends_on_every_module_that_is_imported(self) -> None:
        (self.folder / "texts.py").write_text("hello = 'bonjour'\n")
        source = f"import texts\n{GREETER}"
        first, again = self.discover(source), self.discover(source)
        self.assertEqual(first["digest"], again["digest"])
        (self.folder / "texts.py").write_text("hello = 'bonsoir'\n")
        self.assertNotEqual(first["digest"], self.discover(source)["digest"])

    def test_only_what_is_imported_is_asked_for(self) -> None:
        bare = GREETER.replace(", log", "").replace("log.info", "print")
        self.assertEqual(self.discover(bare)["capabilities"], [])
        self.assertEqual(self.discover(f"import logging\n{bare}")["capabilities"], ["log"])
        self.assertEqual(self.discover(f"from hookyard import outbox\n{bare}")["capabilities"], ["outbox"])
        self.assertEqual(self.discover(f"from hookyard.http import get\n{bare}")["capabilities"], ["http"])

    def test_only_folders_that_modules_come_from_are_searched(self) -> None:
        paths = self.discover(GREETER)["paths"]
        self.assertEqual(paths, [str(self.folder.resolve()), str(Path(hookyard.__file__).parents[1])])

    def test_a_mistake_shows_as_python_shows_it(self) -> None:
        self.assert_refused(GREETER + "greet(1 / 0)\n", "plugin.py", "line 8", "ZeroDivisionError")
        self.assert_refused(GREETER + "def broken(:\n", "plugin.py", "line 8", "SyntaxError")
        self.assert_refused("import nonexistent\n", "No module named 'nonexistent'")
        self.assert_refused(GREETER.replace("created", "booked"), '@on("appointment.booked")')

    def test_a_plugin_has_a_handler_and_a_module(self) -> None:
        self.assert_refused("import hookyard\n", "has no handler")
        (self.folder / "plugin.py").unlink()
        self.assertIn("has no plugin.py", self.build().stderr)

    def test_an_import_that_would_come_too_late_is_warned_of(self) -> None:
        late = "    import colorsys\n    from xml import sax\n    import json\n"
        warnings = self.discover(f"import json\n{GREETER}{late}")["warnings"]
        self.assertIn("plugin.py:9: colorsys is imported when the function is called", warnings)
        self.assertIn("plugin.py:10: xml.sax", warnings)
        self.assertNotIn("json", warnings)

    def test_wrong_usage_is_2(self) -> None:
        done = subprocess.run([sys.executable, "-m", "hookyard", "bild"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
