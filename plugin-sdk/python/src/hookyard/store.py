"""The plugin's own key-value store in the host's database.

Reads see committed values and the call's own writes. The host commits the writes together with the delivery's
done mark, and discards them after a failure. Two calls that touch the same keys cannot both commit, so a read
followed by a write needs no lock.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hookyard import _host, _text

seam: _host.Seam[_host.Store] = _host.Seam("store")


class StoreError(Exception):
    """The host's error about a key, a value or a limit."""


class Bucket:
    """A namespace of keys in the store. It needs no creation, and a module can define it once at its top.
    Text is stored as UTF-8."""

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
        """The value of a key, decoded from JSON."""
        value = self.get(key)
        return default if value is None else json.loads(value)

    def set(self, key: str, value: bytes | str) -> None:
        """Sets the value of a key."""
        seam.host().set(self.name, key, _bytes(value))

    def set_json(self, key: str, value: Any) -> None:
        """Sets the value of a key, encoded as JSON."""
        self.set(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def delete(self, key: str) -> None:
        """Deletes a key if it exists."""
        seam.host().delete(self.name, key)

    def exists(self, key: str) -> bool:
        """Whether a key exists. `key in bucket` is the same."""
        return seam.host().exists(self.name, key)

    __contains__ = exists

    def keys(self) -> list[str]:
        """All keys, sorted."""
        return sorted(seam.host().keys(self.name))

    def increment(self, key: str, by: int = 1) -> int:
        """Adds to a number, which is stored as decimal text and starts at 0. Returns the sum."""
        return seam.host().increment(self.name, key, by)

    def compare_and_swap(self, key: str, expected: bytes | str | None, value: bytes | str) -> bool:
        """Sets a key if its current value is as expected (`None`: no value). Returns whether it did."""
        expected = None if expected is None else _bytes(expected)
        return seam.host().swap(self.name, key, expected, _bytes(value))

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values of the existing keys."""
        return seam.host().get_many(self.name, list(keys))

    def set_many(self, values: Mapping[str, bytes | str]) -> None:
        """Sets the values of several keys."""
        seam.host().set_many(self.name, {key: _bytes(value) for key, value in values.items()})

    def delete_many(self, keys: Iterable[str]) -> None:
        """Deletes several keys."""
        seam.host().delete_many(self.name, list(keys))


def _bytes(value: bytes | str) -> bytes:
    return _text.utf8(value) if isinstance(value, str) else bytes(value)
