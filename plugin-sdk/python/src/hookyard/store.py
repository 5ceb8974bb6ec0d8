"""The plugin's own store, kept by the host.

Reads see what is committed plus the call's own writes. Writes are held back, and commit together with the
mark that the event was handled: after a failure nothing was written. What a call has read cannot
change under it, so reading and then writing needs no lock.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hookyard import _host, _text

seam: _host.Seam[_host.Store] = _host.Seam("store")


class StoreError(Exception):
    """What the host says of a key, a value or a limit."""


class Bucket:
    """A part of the store: keys in one bucket do not meet those in another. It needs no creation and
    can be made once, at the top of a module. Text is stored as UTF-8."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: str) -> bytes | None:
        """The value of a key, or `None`."""
        return seam.host().get(self.name, key)

    def get_text(self, key: str) -> str | None:
        """The value of a key as text."""
        value = self.get(key)
        return None if value is None else value.decode()

    def get_json(self, key: str, default: Any = None) -> Any:
        """The value of a key, read from JSON."""
        value = self.get(key)
        return default if value is None else json.loads(value)

    def set(self, key: str, value: bytes | str) -> None:
        """Sets the value of a key."""
        seam.host().set(self.name, key, _bytes(value))

    def set_json(self, key: str, value: Any) -> None:
        """Sets the value of a key to JSON."""
        self.set(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def delete(self, key: str) -> None:
        """Deletes a key, if it is there."""
        seam.host().delete(self.name, key)

    def exists(self, key: str) -> bool:
        """Whether a key is there; `key in bucket` is the same."""
        return seam.host().exists(self.name, key)

    __contains__ = exists

    def keys(self) -> list[str]:
        """All keys, sorted."""
        return sorted(seam.host().keys(self.name))

    def increment(self, key: str, by: int = 1) -> int:
        """Adds to a number, which is kept as decimal text and begins at 0. Returns the sum."""
        return seam.host().increment(self.name, key, by)

    def compare_and_swap(self, key: str, expected: bytes | str | None, value: bytes | str) -> bool:
        """Sets the value of a key if it is what is expected (`None`: not there). Says whether it was."""
        expected = None if expected is None else _bytes(expected)
        return seam.host().swap(self.name, key, expected, _bytes(value))

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values of the keys that are there."""
        return seam.host().get_many(self.name, list(keys))

    def set_many(self, values: Mapping[str, bytes | str]) -> None:
        """Sets the values of several keys."""
        seam.host().set_many(self.name, {key: _bytes(value) for key, value in values.items()})

    def delete_many(self, keys: Iterable[str]) -> None:
        """Deletes several keys."""
        seam.host().delete_many(self.name, list(keys))


def _bytes(value: bytes | str) -> bytes:
    return _text.utf8(value) if isinstance(value, str) else bytes(value)
