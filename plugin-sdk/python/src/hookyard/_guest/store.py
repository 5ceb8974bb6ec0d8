"""Implements `store` with `wasi:keyvalue`."""

from collections.abc import Mapping, Sequence
from typing import Any

from componentize_py_types import Err
from wit_world.imports import keyvalue_atomics, keyvalue_batch, keyvalue_store
from wit_world.imports.keyvalue_atomics import Cas, CasError_CasFailed
from wit_world.imports.keyvalue_store import Error_AccessDenied, Error_NoSuchStore, Error_Other

from hookyard import store
from hookyard._guest import attempt
from hookyard._text import unicode

_handles: dict[str, keyvalue_store.Bucket] = {}
attempt.at_end.append(_handles.clear)


class _Store:
    def get(self, bucket: str, key: str) -> bytes | None:
        with _errors(bucket, key):
            return _open(bucket).get(unicode(key))

    def set(self, bucket: str, key: str, value: bytes) -> None:
        with _errors(bucket, key):
            _open(bucket).set(unicode(key), value)

    def delete(self, bucket: str, key: str) -> None:
        with _errors(bucket, key):
            _open(bucket).delete(unicode(key))

    def exists(self, bucket: str, key: str) -> bool:
        with _errors(bucket, key):
            return _open(bucket).exists(unicode(key))

    def keys(self, bucket: str) -> list[str]:
        keys: list[str] = []
        cursor = None
        with _errors(bucket):
            while True:
                page = _open(bucket).list_keys(cursor)
                keys += page.keys
                cursor = page.cursor
                if cursor is None:
                    return keys

    def increment(self, bucket: str, key: str, by: int) -> int:
        with _errors(bucket, key):
            return keyvalue_atomics.increment(_open(bucket), unicode(key), by)

    def swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        with _errors(bucket, key):
            cas = Cas.new(_open(bucket), unicode(key))
            if cas.current() != expected:
                return False
            keyvalue_atomics.swap(cas, value)
            return True

    def get_many(self, bucket: str, keys: Sequence[str]) -> dict[str, bytes]:
        with _errors(bucket, *keys):
            found = keyvalue_batch.get_many(_open(bucket), [unicode(key) for key in keys])
            return dict(pair for pair in found if pair is not None)

    def set_many(self, bucket: str, values: Mapping[str, bytes]) -> None:
        with _errors(bucket, *values):
            keyvalue_batch.set_many(_open(bucket), [(unicode(key), value) for key, value in values.items()])

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        with _errors(bucket, *keys):
            keyvalue_batch.delete_many(_open(bucket), [unicode(key) for key in keys])


def _open(bucket: str) -> keyvalue_store.Bucket:
    handle = _handles.get(bucket)
    if handle is None:
        handle = _handles[bucket] = keyvalue_store.open(unicode(bucket))
    return handle


class _errors:
    """Adds the bucket and the keys to an error of the host."""

    def __init__(self, bucket: str, *keys: str) -> None:
        self._place = "/".join((bucket, *keys[:1])) + (", …" if len(keys) > 1 else "")

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, Err):
            raise store.StoreError(f"store {self._place}: {_words(error.value)}") from None


def _words(error: Any) -> str:
    match getattr(error, "value", error):
        case Error_NoSuchStore():
            return "there is no such store"
        case Error_AccessDenied():
            return "access denied"
        case Error_Other(text) | str(text):
            return text
        case CasError_CasFailed() | Cas():
            return "it was changed between reading and swapping"
        case other:
            return repr(other)


store.seam.install(_Store())
