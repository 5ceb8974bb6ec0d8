"""The command's arguments and output."""

import argparse
import sys
import time
from pathlib import Path

from hookyard._build import BuildError, ahead, report
from hookyard._build.component import componentize, put
from hookyard._build.discover import Discovery, discover
from hookyard._build.inputs import digest


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m hookyard", description="Builds hookyard plugins.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser(
        "build",
        help="build a plugin to dist/NAME.wasm, NAME being its folder's",
        description="Builds FOLDER/plugin.py, and what it imports, to FOLDER/dist/NAME.wasm, NAME being the"
        " folder's name. Nothing is done if nothing has changed since.",
        epilog="example: python -m hookyard build plugins/archive-file",
    )
    build.add_argument("folder", nargs="?", default=".", type=Path, help="the plugin's folder [default: .]")
    build.add_argument("--force", action="store_true", help="build though nothing has changed")
    begin = commands.add_parser(
        "ahead",
        help="begin the next build of a plugin, for `hookyard dev`",
        description="Begins a build of FOLDER, which waits for the next `build` of it and makes that fast, or for"
        " the end of standard input.",
    )
    begin.add_argument("folder", nargs="?", default=".", type=Path, help="the plugin's folder [default: .]")
    begin.add_argument("--nice", default=0, type=int, metavar="N", help="added to its niceness [default: 0]")
    options = parser.parse_args(arguments)
    try:
        if options.command == "ahead":
            return ahead.run(options.folder.resolve(), options.nice)
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
    if component := ahead.take(found):
        put(component, output)
    else:
        report(f"making the component of {folder.name}, which takes some seconds")
        componentize(found, output)
    stamp.write_text(inputs)
    size, seconds = output.stat().st_size / 1e6, time.monotonic() - started
    print(f"built {output} ({size:.1f} MB in {seconds:.1f} s): {_summary(found)}")


def _summary(found: Discovery) -> str:
    handled = [*found.event_types, *found.subscriptions]
    asked = f", asks for {', '.join(found.capabilities)}" if found.capabilities else ""
    return f"handles {', '.join(handled)}{asked}"
