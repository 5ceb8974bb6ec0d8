"""Gives `zoneinfo` the time zones of the snapshot. It is a part of plugins that import `zoneinfo`."""

import io
import zoneinfo
import zoneinfo._common
from pathlib import Path


def keep(packed: Path) -> None:
    """Reads the packed database (`hookyard._build.zones`) before the plugin is imported."""
    index, _, data = packed.read_bytes().partition(b"\n\n")
    zones: dict[str, bytes] = {}
    start = 0
    for line in index.decode().splitlines():
        name, length = line.split(" ")
        zones[name] = data[start : start + int(length)]
        start += int(length)

    def load_tzdata(key: str) -> io.BytesIO:
        if key not in zones:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
        return io.BytesIO(zones[key])

    zoneinfo.reset_tzpath(to=())
    zoneinfo._common.load_tzdata = load_tzdata  # type: ignore[assignment]
    zoneinfo.available_timezones = lambda: set(zones)
