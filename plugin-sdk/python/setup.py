"""Packages the WIT contract with the SDK, from beside it or from hookyard's repository, so that an installed
SDK can build plugins. Everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SDK = Path(__file__).resolve().parent


class BuildWithContract(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            contract = next(folder for folder in (SDK / "wit", SDK.parents[1] / "wit") if folder.is_dir())
            shutil.copytree(contract, Path(self.build_lib, "hookyard", "wit"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithContract})
