"""Decodes events by the host's own program, so that a test gets the same values and errors as the plugin."""

import json
import sys
from pathlib import Path
from typing import Any

from hookyard.events import EventType
from hookyard.failure import Reject
from hookyard.test import program
from hookyard.test.canonical import decode


def decode_event(event_type: EventType, body: str) -> tuple[Any, list[str]]:
    """The payload of a whole event, and notes about optional fields that do not fit. Raises `Reject` if the
    payload does not fit, as a host rejects it."""
    arguments = ["wit", "decode", "--type", event_type.name]
    if (wit := _wit_folder(event_type)) is not None:
        arguments += ["--wit", str(wit)]
    done = program.run(arguments, body, "an event is decoded by")
    lines = done.stderr.decode().splitlines()
    if done.returncode == 0:
        notes = [line.removeprefix("warning: ") for line in lines]
        return decode(json.loads(done.stdout), event_type.payload), notes
    reason = "\n".join(lines).removeprefix("error: ")
    if reason.startswith("payload"):
        raise Reject(reason)
    raise RuntimeError(f"hookyard wit decode: {reason}")


def _wit_folder(event_type: EventType) -> Path | None:
    """The folder `wit` of the plugin, if the package is the plugin's own: beside its module."""
    package, _, interface = event_type.interface.partition("/")
    name = f"{package.replace(':', '-')}-{interface.partition('@')[2]}".rstrip("-")
    plugin = getattr(sys.modules.get("plugin"), "__file__", None)
    places = [Path(), *([Path(plugin).parent] if plugin else [])]
    return next((place / "wit" for place in places if (place / "wit" / name).is_dir()), None)
