"""Makes the component: bindings, interpreter and plugin, by componentize-py."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hookyard._build import BuildError
from hookyard._build.discover import MODULE, Discovery
from hookyard._build.wit import EVENT_HANDLER, IMPORTS, WORLD, typed_handler, wit_folder, world

ENTRY = "hookyard_entry"


def componentize(found: Discovery, output: Path) -> None:
    """Makes the component; the file appears whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="hookyard-") as name:
        work = Path(name)
        lay_out_contract(work / "wit", found)
        main = work / "entry"
        main.mkdir()
        (main / f"{ENTRY}.py").write_text(entry(found))
        made = work / "plugin.wasm"
        _run([*contract_options(work / "wit"), "componentize", ENTRY, "--output", str(made)],
             [*found.paths, main])
        output.parent.mkdir(parents=True, exist_ok=True)
        new = output.with_name(f".{output.name}.new")
        shutil.copyfile(made, new)
        new.replace(output)


def lay_out_contract(folder: Path, found: Discovery) -> None:
    """The plugin's world, and every package of the contract as something that it may depend on."""
    (folder / "deps").mkdir(parents=True)
    (folder / "plugin.wit").write_text(world(found))
    for package in wit_folder().iterdir():
        if package.name == "wasi":
            for file in package.glob("*.wit"):
                shutil.copyfile(file, folder / "deps" / file.name)
        elif package.is_dir():
            shutil.copytree(package, folder / "deps" / package.name, ignore=shutil.ignore_patterns("samples"))


def entry(found: Discovery) -> str:
    """The module that componentize-py imports: capabilities, plugin, exports."""
    lines = ['"""Made by `python -m hookyard build`."""', ""]
    lines += [f"import hookyard._guest.{capability}" for capability in found.capabilities]
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
    """componentize-py's options for the world in a folder."""
    options = ["--quiet", "--wit-path", str(folder), "--world", WORLD]
    for interface, module in IMPORTS.items():
        options += ["--import-interface-name", f"{interface}={module}"]
    return options


def _run(arguments: list[str], paths: list[Path]) -> None:
    command = [sys.executable, "-c", "from componentize_py import script; script()", *arguments]
    for path in paths:
        command += ["--python-path", str(path)]
    # Its own backtrace says nothing of the plugin; what the plugin printed while it was imported does.
    environment = {**os.environ, "RUST_BACKTRACE": "0", "RUST_LIB_BACKTRACE": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildError(f"componentize-py failed\n{(done.stdout + done.stderr).rstrip()}")
