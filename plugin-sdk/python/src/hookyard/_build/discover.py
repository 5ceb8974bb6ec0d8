"""Finds a plugin's handlers and capabilities: imports it here, before componentize-py does.

Most mistakes therefore appear as Python errors, in a fraction of a build's time.
"""

import importlib
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hookyard import handlers
from hookyard._build import BuildError
from hookyard._build.dependencies import install
from hookyard._build.late_imports import late_imports

MODULE = "plugin"
SDK = Path(__file__).resolve().parents[2]

CAPABILITIES = ("config", "store", "outbox", "http", "log", "metadata")
"""The modules that need a host."""


@dataclass(frozen=True)
class Discovery:
    """The handlers, capabilities and sources of a plugin."""

    folder: Path
    event_types: list[str]
    """The event types of the typed handlers."""
    subscriptions: list[str]
    """The patterns of the generic handler, if there is one."""
    capabilities: list[str]
    """The imported modules among `CAPABILITIES`."""
    paths: list[Path]
    """The folders of its modules and of the SDK's modules, its own folder first."""
    files: list[Path]
    """The sources of all imported modules outside the standard library."""
    zones: bool = False
    """Whether the plugin uses time zones."""


def discover(folder: Path) -> Discovery:
    """Imports the plugin in a folder."""
    if not (folder / f"{MODULE}.py").is_file() and not (folder / MODULE / "__init__.py").is_file():
        raise BuildError(f"{folder} has no {MODULE}.py, which is where a plugin begins")
    packages = install(folder)
    sys.path[:0] = [str(folder), *([str(packages)] if packages else [])]
    sys.dont_write_bytecode = True
    before = set(sys.modules)
    _import(folder)
    if not handlers.typed and handlers.generic is None:
        raise BuildError(
            f"{folder / MODULE}.py has no handler: it imports no function with @on or @on_event"
        )
    places = _places(set(sys.modules) - before)
    own = [file for file in places if file.is_relative_to(folder) and not file.is_relative_to(sys.prefix)]
    for place, module in late_imports(own):
        print(
            f"warning: {place}: {module} is imported when the function is called, and there are no files then;"
            " import it at the top",
            file=sys.stderr,
        )
    return Discovery(
        folder=folder,
        event_types=sorted(handlers.typed),
        subscriptions=list(handlers.generic.subscriptions) if handlers.generic else [],
        capabilities=[name for name in CAPABILITIES if _asks_for(name)],
        paths=sorted({*places.values(), SDK}, key=lambda path: (path != folder, path)),
        files=sorted(places),
        zones="zoneinfo" in sys.modules,
    )


def _import(folder: Path) -> None:
    try:
        importlib.import_module(MODULE)
    except Exception as error:
        trace = error.__traceback__
        while trace and not Path(trace.tb_frame.f_code.co_filename).is_relative_to(folder):
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace)).rstrip()
        raise BuildError(f"{MODULE} cannot be imported\n{text}") from None


def _asks_for(capability: str) -> bool:
    return f"hookyard.{capability}" in sys.modules or (capability == "log" and "logging" in sys.modules)


def _places(names: Iterable[str]) -> dict[Path, Path]:
    """The sources of modules outside the standard library, each with its folder."""
    places = {}
    for name in names:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin is None or _is_standard(file := Path(origin).resolve()):
            continue
        package = file.parent if file.name == "__init__.py" else file
        places[file] = package.parents[name.count(".")]
    return places


def _is_standard(file: Path) -> bool:
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    return file.is_relative_to(standard) and not {"site-packages", "dist-packages"}.intersection(file.parts)
