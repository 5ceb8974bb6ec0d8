"""One call's view of the in-memory host: the values that it reads, and its writes and effects so far."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hookyard.context import Context
from hookyard.http import FetchError, Response
from hookyard.outbox import Effect, Email, Event, Refused
from hookyard.request import HttpRequest
from hookyard.store import StoreError

if TYPE_CHECKING:
    from hookyard.test.host import Host


class Transaction:
    """The uncommitted writes and effects of a call."""

    def __init__(self, host: "Host", context: Context) -> None:
        self.host = host
        self.context = context
        self.written = {bucket: dict(values) for bucket, values in host.store.items()}
        self.asked: list[Effect] = []
        self.config = _Config(self)
        self.store = _Store(self)
        self.outbox = _Outbox(self)
        self.http = _Http(self)
        self.log = _Log(self)
        self.metadata = _Metadata(self)


class _Config:
    def __init__(self, transaction: Transaction) -> None:
        self._values = transaction.host.config

    def get(self, key: str) -> str | None:
        return self._values.get(key)

    def all(self) -> dict[str, str]:
        return dict(self._values)


class _Metadata:
    def __init__(self, transaction: Transaction) -> None:
        self._host = transaction.host

    def content_type(self) -> str | None:
        return self._host.content_type

    def attribute(self, name: str) -> str | None:
        return self._host.attributes.get(name)

    def attributes(self) -> dict[str, str]:
        return dict(sorted(self._host.attributes.items()))


class _Log:
    def __init__(self, transaction: Transaction) -> None:
        self._lines = transaction.host.logs

    def line(self, level: str, context: str, message: str) -> None:
        self._lines.append(
            f"{level.upper()} {context}: {message}" if context else f"{level.upper()} {message}"
        )


class _Store:
    def __init__(self, transaction: Transaction) -> None:
        self._buckets = transaction.written

    def _bucket(self, bucket: str) -> dict[str, bytes]:
        return self._buckets.setdefault(bucket, {})

    def get(self, bucket: str, key: str) -> bytes | None:
        return self._bucket(bucket).get(key)

    def set(self, bucket: str, key: str, value: bytes) -> None:
        self._bucket(bucket)[key] = value

    def delete(self, bucket: str, key: str) -> None:
        self._bucket(bucket).pop(key, None)

    def exists(self, bucket: str, key: str) -> bool:
        return key in self._bucket(bucket)

    def keys(self, bucket: str) -> list[str]:
        return list(self._bucket(bucket))

    def increment(self, bucket: str, key: str, by: int) -> int:
        text = self._bucket(bucket).get(key, b"0")
        try:
            number = int(text) + by
        except ValueError:
            raise StoreError(f"store {bucket}/{key}: {text!r} is no decimal number") from None
        self._bucket(bucket)[key] = str(number).encode()
        return number

    def swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        if self._bucket(bucket).get(key) != expected:
            return False
        self._bucket(bucket)[key] = value
        return True

    def get_many(self, bucket: str, keys: Sequence[str]) -> dict[str, bytes]:
        values = self._bucket(bucket)
        return {key: values[key] for key in keys if key in values}

    def set_many(self, bucket: str, values: Mapping[str, bytes]) -> None:
        self._bucket(bucket).update(values)

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        for key in keys:
            self.delete(bucket, key)


class _Outbox:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def _ask(self, effect: Effect) -> str:
        if (reason := self._transaction.host.refusal(effect)) is not None:
            raise Refused(reason)
        self._transaction.asked.append(effect)
        return f"{self._transaction.context.idempotency_key}.{len(self._transaction.asked)}"

    def send_http(self, request: HttpRequest) -> str:
        return self._ask(request)

    def send_email(self, email: Email) -> str:
        return self._ask(email)

    def emit_event(self, event: Event) -> str:
        return self._ask(event)


class _Http:
    def __init__(self, transaction: Transaction) -> None:
        self._host = transaction.host

    def fetch(self, request: HttpRequest, timeout: float | None) -> Response:
        if (reason := self._host.refusal_of_url(request.url)) is not None:
            raise FetchError(f"{request.method} {request.url}: {reason}")
        # As the host passes them on.
        headers = {name.lower(): value for name, value in request.headers.items()}
        return self._host.answer(replace(request, headers=headers))
