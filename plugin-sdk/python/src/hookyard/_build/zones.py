"""Packs the time zone database: a component has no files, so `zoneinfo` gets its data from the snapshot."""

from pathlib import Path

import tzdata


def pack() -> bytes:
    """A line for each zone, with its name and length, an empty line, and the zones' data."""
    root = Path(tzdata.__file__).parent / "zoneinfo"
    names = Path(tzdata.__file__).with_name("zones").read_text().split()
    contents = [root.joinpath(*name.split("/")).read_bytes() for name in names]
    lines = [f"{name} {len(content)}\n" for name, content in zip(names, contents, strict=True)]
    return "".join(lines).encode() + b"\n" + b"".join(contents)
