"""Makes the component with componentize-py: bindings, interpreter and plugin."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hookyard._build import BuildError, zones
from hookyard._build.discover import MODULE, Discovery
from hookyard._build.wit import EVENT_HANDLER, IMPORTS, WORLD, typed_handler, wit_folder, world

ENTRY = "hookyard_entry"
ZONES = "hookyard_zones"
WAIT = "hookyard_wait"

_WAIT = """
import os
import time

_here = os.path.dirname(__file__)
with open(os.path.join(_here, "ready"), "w"):
    pass
# The folder is removed when nobody waits for the component.
while not os.path.exists(os.path.join(_here, "go")):
    if not os.path.exists(__file__):
        raise SystemExit("nobody waits for this build")
    time.sleep(0.02)
"""
"""A module that is imported before the plugin in a build that waits."""


def componentize(found: Discovery, output: Path) -> None:
    """Makes the component."""
    with tempfile.TemporaryDirectory(prefix="hookyard-") as name:
        work = Path(name)
        _run(lay_out(work, found))
        put(made(work), output)


def lay_out(work: Path, found: Discovery, waits: bool = False) -> list[str]:
    """Writes what componentize-py needs into an empty folder, and returns the command that makes the component. A
    build that `waits` imports the plugin after `go_on`."""
    lay_out_contract(work / "wit", found)
    main = _main(work)
    main.mkdir()
    text = entry(found)
    if waits:
        (main / f"{WAIT}.py").write_text(_WAIT)
        text = text.replace(f"\nimport {MODULE}\n", f"\nimport {WAIT}\nimport {MODULE}\n", 1)
    (main / f"{ENTRY}.py").write_text(text)
    if found.zones:
        (main / ZONES).write_bytes(zones.pack())
    command = [sys.executable, "-c", "from componentize_py import script; script()"]
    command += [*contract_options(work / "wit"), "componentize", ENTRY, "--output", str(made(work))]
    for path in [*found.paths, main]:
        command += ["--python-path", str(path)]
    return command


def is_ready(work: Path) -> bool:
    """Whether a build that waits has nothing left to do before it imports the plugin."""
    return (_main(work) / "ready").exists()


def go_on(work: Path) -> None:
    """Lets a build that waits import the plugin."""
    (_main(work) / "go").touch()


def made(work: Path) -> Path:
    """The component that the command of `lay_out` makes."""
    return work / "plugin.wasm"


def _main(work: Path) -> Path:
    return work / "entry"


def put(component: Path, output: Path) -> None:
    """Copies a component. The file appears atomically."""
    output.parent.mkdir(parents=True, exist_ok=True)
    new = output.with_name(f".{output.name}.new")
    shutil.copyfile(component, new)
    new.replace(output)


def lay_out_contract(folder: Path, found: Discovery) -> None:
    """The plugin's world, with every package of the contract as a dependency."""
    (folder / "deps").mkdir(parents=True)
    (folder / "plugin.wit").write_text(world(found))
    own = found.folder / "wit"
    for package in [*wit_folder().iterdir(), *(sorted(own.iterdir()) if own.is_dir() else [])]:
        if package.name == "wasi":
            for file in package.glob("*.wit"):
                shutil.copyfile(file, folder / "deps" / file.name)
        elif package.is_dir():
            shutil.copytree(
                package, folder / "deps" / package.name, ignore=shutil.ignore_patterns("samples"), dirs_exist_ok=True
            )


def entry(found: Discovery) -> str:
    """The module that componentize-py imports: capabilities, plugin, exports."""
    lines = ['"""Made by `python -m hookyard build`."""', ""]
    lines += [f"import hookyard._guest.{capability}" for capability in found.capabilities]
    if found.zones:
        lines += ["from pathlib import Path", "from hookyard._guest import zones"]
        lines.append(f'zones.keep(Path(__file__).with_name("{ZONES}"))')
    lines += ["from hookyard._guest import exports, snapshot", f"import {MODULE}", ""]
    for event_type in found.event_types:
        lines.append(f'{_class(typed_handler(event_type))} = exports.typed("{event_type}")')
    if found.subscriptions:
        lines.append(f"{_class(EVENT_HANDLER)} = exports.generic()")
    return "\n".join([*lines, "snapshot.prepare()", ""])


def _class(interface: str) -> str:
    """`moncreneau:events/appointment-created@1.0.0` is exported as `AppointmentCreated`."""
    name = interface.partition("/")[2].partition("@")[0]
    return "".join(part.capitalize() for part in name.split("-"))


def contract_options(folder: Path) -> list[str]:
    """The options of componentize-py for the world in a folder."""
    options = ["--quiet", "--wit-path", str(folder), "--world", WORLD]
    for interface, module in IMPORTS.items():
        options += ["--import-interface-name", f"{interface}={module}"]
    return options


def environment() -> dict[str, str]:
    """The environment of componentize-py."""
    # Its own backtrace does not show the plugin, but the plugin's output during its import does.
    return {**os.environ, "RUST_BACKTRACE": "0", "RUST_LIB_BACKTRACE": "0"}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildError(f"componentize-py failed\n{(done.stdout + done.stderr).rstrip()}")
