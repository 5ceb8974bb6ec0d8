"""Runs the README's examples, which are a plugin and its test."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


class Readme(unittest.TestCase):
    def test_the_handler_passes_the_test(self) -> None:
        plugin, test = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "plugin.py").write_text(plugin)
        (folder / "test_plugin.py").write_text(test)
        ran = subprocess.run([sys.executable, "-m", "unittest"], cwd=folder, capture_output=True, text=True)
        self.assertIn("Ran 1 test", ran.stderr)
        self.assertEqual(ran.returncode, 0, ran.stderr)
