"""The interface between a capability and its implementation: the host's imports in a component
(`hookyard._guest`), or in-memory fakes in a test (`hookyard.test`)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from hookyard.http import Response
    from hookyard.outbox import Email, Event
    from hookyard.request import HttpRequest

_Host = TypeVar("_Host")


class Seam(Generic[_Host]):
    """Holds the implementation of one capability."""

    def __init__(self, capability: str) -> None:
        self._capability = capability
        self._host: _Host | None = None

    def install(self, host: _Host | None) -> None:
        """Sets or removes the implementation."""
        self._host = host

    def host(self) -> _Host:
        """The current implementation."""
        if self._host is None:
            raise RuntimeError(
                f"hookyard.{self._capability} is there while a handler runs:"
                " in the host, or in a test by hookyard.test.Host().deliver(…)"
            )
        return self._host


class Config(Protocol):
    def get(self, key: str) -> str | None: ...
    def all(self) -> dict[str, str]: ...


class Metadata(Protocol):
    def content_type(self) -> str | None: ...
    def attribute(self, name: str) -> str | None: ...
    def attributes(self) -> dict[str, str]: ...


class Log(Protocol):
    def line(self, level: str, context: str, message: str) -> None: ...


class Store(Protocol):
    def get(self, bucket: str, key: str) -> bytes | None: ...
    def set(self, bucket: str, key: str, value: bytes) -> None: ...
    def delete(self, bucket: str, key: str) -> None: ...
    def exists(self, bucket: str, key: str) -> bool: ...
    def keys(self, bucket: str) -> list[str]: ...
    def increment(self, bucket: str, key: str, by: int) -> int: ...
    def swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool: ...
    def get_many(self, bucket: str, keys: Sequence[str]) -> dict[str, bytes]: ...
    def set_many(self, bucket: str, values: Mapping[str, bytes]) -> None: ...
    def delete_many(self, bucket: str, keys: Sequence[str]) -> None: ...


class Outbox(Protocol):
    """Queues effects. Each function returns the effect's idempotency key."""

    def send_http(self, request: "HttpRequest") -> str: ...
    def send_email(self, email: "Email") -> str: ...
    def emit_event(self, event: "Event") -> str: ...


class Http(Protocol):
    def fetch(self, request: "HttpRequest", timeout: float | None) -> "Response": ...
