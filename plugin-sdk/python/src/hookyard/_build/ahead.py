"""A build that starts before the next change of a plugin, for `hookyard dev`.

Most of a build compiles the interpreter, which depends on no source of the plugin. So a waiting build does that first,
and imports the plugin when `take` asks for it. Its component is the same as that of any other build.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TextIO

from hookyard._build import component, inputs
from hookyard._build.discover import Discovery, discover
from hookyard._build.wit import world


class Place:
    """The files of the waiting build of a plugin's folder."""

    def __init__(self, folder: Path) -> None:
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        self.work = Path(sys.prefix, ".hookyard", f"ahead-{name}")
        # Locked until the build ends.
        self.lock = self.work.with_suffix(".lock")
        # The digest of what the build began with, until a build takes the result.
        self.key = self.work / "key"
        self.done = self.work / "done"


def run(folder: Path, niceness: int) -> int:
    """Begins a build that waits for `take`, or for the end of standard input. Returns an exit code."""
    os.nice(niceness)
    place = Place(folder)
    place.lock.parent.mkdir(exist_ok=True)
    with open(place.lock, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The build of a killed process ends when its folder is removed.
        shutil.rmtree(place.work, ignore_errors=True)
        place.work.mkdir()
        found = discover(folder)
        command = component.lay_out(place.work, found, waits=True)
        null = subprocess.DEVNULL
        process = subprocess.Popen(command, env=component.environment(), stdin=null, stdout=null, stderr=null)
        threading.Thread(target=_kill_at_end, args=(sys.stdin, process), daemon=True).start()
        _write_whole(place.key, _key(found))
        succeeded = process.wait() == 0
        if succeeded:
            place.done.touch()
        else:
            shutil.rmtree(place.work, ignore_errors=True)
    return 0 if succeeded else 1


def _kill_at_end(stdin: TextIO, process: subprocess.Popen[bytes]) -> None:
    """Ends the build with the process that began it."""
    with contextlib.suppress(OSError):
        stdin.read()
    process.kill()


def take(found: Discovery) -> Path | None:
    """The component from the waiting build of this plugin, if that is ready, began with the same world and tools, and
    succeeds. It lasts until the next `run`."""
    place = Place(found.folder)
    try:
        # One that is not ready may have a low priority: a new build is faster then.
        if place.key.read_text() != _key(found) or not component.is_ready(place.work):
            return None
        # Of several builds at once, one gets the result.
        place.key.rename(place.key.with_suffix(".taken"))
        with open(place.lock) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None  # no build waits
            except BlockingIOError:
                component.go_on(place.work)
            fcntl.flock(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return None
    return component.made(place.work) if place.done.exists() else None


def _key(found: Discovery) -> str:
    """The digest of all that a build is given before it imports the plugin."""
    given = [inputs.tools(found), world(found), component.entry(found), *map(str, found.paths)]
    return hashlib.sha256("\0".join(given).encode()).hexdigest()


def _write_whole(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)
