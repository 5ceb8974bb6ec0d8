"""Arguments, and what is printed."""

import argparse
import sys
import time
from pathlib import Path

from hookyard._build import BuildError
from hookyard._build.component import componentize
from hookyard._build.discover import Discovery, discover
from hookyard._build.inputs import digest


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m hookyard", description="Builds hookyard plugins.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser(
        "build",
        help="build a plugin to dist/NAME.wasm, NAME being its folder's",
        description="Builds FOLDER/plugin.py, and what it imports, to FOLDER/dist/NAME.wasm, NAME being the"
        " folder's name. Nothing is done if nothing has changed since.",
        epilog="example: python -m hookyard build plugins/crm-entry",
    )
    build.add_argument("folder", nargs="?", default=".", type=Path, help="the plugin's folder [default: .]")
    build.add_argument("--force", action="store_true", help="build though nothing has changed")
    options = parser.parse_args(arguments)
    try:
        _build(options.folder.resolve(), options.force)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _build(folder: Path, force: bool) -> None:
    started = time.monotonic()
    found = discover(folder)
    output = folder / "dist" / f"{folder.name}.wasm"
    stamp = output.with_suffix(".inputs")
    inputs = digest(found)
    if not force and output.exists() and stamp.exists() and stamp.read_text() == inputs:
        return print(f"{output} is up to date")
    componentize(found, output)
    stamp.write_text(inputs)
    size, seconds = output.stat().st_size / 1e6, time.monotonic() - started
    print(f"built {output} ({size:.1f} MB in {seconds:.1f} s): {_summary(found)}")


def _summary(found: Discovery) -> str:
    handled = [*found.event_types, *found.subscriptions]
    asked = f", asks for {', '.join(found.capabilities)}" if found.capabilities else ""
    return f"handles {', '.join(handled)}{asked}"
