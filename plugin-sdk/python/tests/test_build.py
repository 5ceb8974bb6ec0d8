"""Tests of `python -m hookyard build`: the discovered handlers and capabilities, and the error messages."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import zipfile
from pathlib import Path
from typing import Any

import hookyard
from hookyard._build import ahead, component, zones
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
        """Runs the discovery, which imports the plugin, in a separate process."""
        (self.folder / "plugin.py").write_text(source)
        done = subprocess.run(
            [sys.executable, "-c", DISCOVER, str(self.folder)], capture_output=True, text=True, check=True
        )
        return {"warnings": done.stderr, **json.loads(done.stdout)}

    def begin(self) -> subprocess.Popen[bytes]:
        """Begins a build that waits for the next one."""
        command = [sys.executable, "-m", "hookyard", "ahead", str(self.folder)]
        return subprocess.Popen(command, stdin=subprocess.PIPE)

    def test_a_waiting_build_takes_the_newest_source_and_nothing_is_made_again_until_something_changes(
        self,
    ) -> None:
        (self.folder / "plugin.py").write_text(GREETER)
        waiting = self.begin()
        work = ahead.Place(self.folder.resolve()).work
        while waiting.poll() is None and not component.is_ready(work):
            time.sleep(0.05)
        (self.folder / "plugin.py").write_text(GREETER.replace("appointment.name", "'bonsoir'"))
        built = self.build()
        self.assertIn("handles appointment.created, asks for log", built.stdout, built.stderr)
        self.assertNotIn("takes some seconds", built.stderr)
        made = (self.folder / "dist" / "greeter.wasm").read_bytes()
        self.assertTrue(made.startswith(b"\0asm") and b"bonsoir" in made)
        self.assertEqual(waiting.wait(), 0)
        assert waiting.stdin
        waiting.stdin.close()
        self.assertIn("is up to date", self.build().stdout)

    def test_a_waiting_build_ends_with_its_standard_input_and_is_not_taken(self) -> None:
        (self.folder / "plugin.py").write_text(GREETER)
        waiting = self.begin()
        waiting.communicate()
        self.assertEqual(waiting.returncode, 1)
        found = Discovery(self.folder.resolve(), ["appointment.created"], [], ["log"], [], [])
        self.assertIsNone(ahead.take(found))

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

    def test_packages_of_pure_python_are_installed_and_others_are_refused_by_name(self) -> None:
        wheels = Path(self.enterContext(tempfile.TemporaryDirectory()))
        write_wheel(wheels, "greetings", "py3-none-any", "hello = 'bonjour'\n")
        write_wheel(wheels, "compiled", "cp314-cp314-manylinux_2_17_x86_64", "")
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        self.enterContext(unittest.mock.patch.dict(os.environ, offline))
        project = self.folder / "pyproject.toml"
        project.write_text('[project]\ndependencies = ["hookyard-plugin", "greetings==1.0"]\n')
        found = self.discover(f"from greetings import hello\n{GREETER}")
        self.assertIn("installing greetings==1.0\n", found["warnings"])
        self.assertTrue(any(file.endswith("/greetings.py") for file in found["files"]), found["files"])
        self.assertEqual(self.discover(GREETER)["warnings"], "", "installed once")
        project.write_text('[project]\ndependencies = ["greetings", "compiled"]\n')
        self.assert_refused(GREETER, "the dependency compiled cannot be installed", "runs pure Python only")
        project.write_text('[project]\ndependencies = "greetings"\n')
        self.assert_refused(GREETER, "pyproject.toml: project.dependencies has to be a list")

    def test_a_plugin_with_time_zones_gets_them_before_it_is_imported(self) -> None:
        self.assertFalse(self.discover(GREETER)["zones"])
        self.assertTrue(self.discover(f"import zoneinfo\n{GREETER}")["zones"])
        lines = entry(Discovery(Path(), [], ["*"], [], [], [], zones=True)).splitlines()
        kept = lines.index('zones.keep(Path(__file__).with_name("hookyard_zones"))')
        self.assertLess(kept, lines.index("import plugin"))
        index, _, data = zones.pack().partition(b"\n\n")
        lengths = {
            name: int(length) for name, length in (line.split() for line in index.decode().splitlines())
        }
        self.assertIn("Africa/Conakry", lengths)
        self.assertEqual(sum(lengths.values()), len(data))

    def test_wrong_usage_is_2(self) -> None:
        done = subprocess.run([sys.executable, "-m", "hookyard", "bild"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)


def write_wheel(folder: Path, name: str, tag: str, source: str) -> None:
    """Writes a package with one module."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", source)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
