"""Installs the packages that a plugin's `pyproject.toml` names, if they are pure Python: a component cannot load
compiled code of this machine."""

import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

from hookyard._build import BuildError, report

OWN = "hookyard-plugin"
GUEST_VERSION = "3.14"
"""The version of Python in components."""


def install(folder: Path) -> Path | None:
    """Installs the dependencies of the plugin in a folder. Returns the folder of the packages, if there are some.
    A second call with the same dependencies installs nothing."""
    requirements = _requirements(folder / "pyproject.toml")
    own = Path(sys.prefix).resolve().is_relative_to(folder)
    kept = Path(sys.prefix, ".hookyard")
    place = kept / ("packages" if own else f"packages-{folder.name}-{_digest([str(folder)])[:8]}")
    stamp = place / ".requirements"
    path_file = Path(sysconfig.get_path("purelib"), "hookyard_packages.pth")
    if not requirements:
        if own:
            path_file.unlink(missing_ok=True)
        return None
    digest = _digest(requirements)
    if not stamp.is_file() or stamp.read_text() != digest:
        report(f"installing {', '.join(requirements)}")
        kept.mkdir(exist_ok=True)
        new = place.with_name(f"{place.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        _pip_install(requirements, new)
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
        stamp.write_text(digest)
    if own:
        # The plugin's own tests import the packages too.
        path_file.write_text(f"{place}\n")
    return place


def _requirements(project: Path) -> list[str]:
    if not project.is_file():
        return []
    try:
        described = tomllib.loads(project.read_text())
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"{project}: {error}") from None
    named = described.get("project", {}).get("dependencies", [])
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise BuildError(f"{project}: project.dependencies has to be a list of strings")
    return [one for one in named if _name(one) != OWN]


def _name(requirement: str) -> str:
    """The normalized name of a package: https://packaging.python.org/en/latest/specifications/name-normalization/"""
    name = re.match(r"[\w.-]*", requirement.strip())
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _pip_install(requirements: list[str], place: Path) -> None:
    pure = ["--only-binary=:all:", "--platform", "any", "--implementation", "py", "--abi", "none"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pure]
    command += ["--python-version", GUEST_VERSION, "--target", str(place), "--", *requirements]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return
    shutil.rmtree(place, ignore_errors=True)
    output = done.stderr.rstrip()
    if missing := re.search(r"No matching distribution found for (\S+)", output):
        raise BuildError(
            f"the dependency {missing[1]} cannot be installed: there is no wheel of it for any platform"
            f" (py3-none-any) and Python {GUEST_VERSION}. A component runs pure Python only: use a package"
            f" without compiled code\n{output}"
        )
    raise BuildError(f"the dependencies cannot be installed\n{output}")
