"""HTTP requests whose answer the handler needs now.

They are outside the handler's transaction: a request stays sent when the handler fails afterwards, and is
sent again with the next attempt. Use `outbox` for whatever changes something.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hookyard import _host, _text
from hookyard.failure import Retry
from hookyard.request import HttpRequest as HttpRequest

seam: _host.Seam[_host.Http] = _host.Seam("http")


class FetchError(Retry):
    """There is no answer: not granted, not reached, or not in time. Unless it is caught, the event is tried
    again later, with this as the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case; values of a repeated one are joined by `, `."""
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        """The body as text, UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body, read from JSON."""
        return json.loads(self.body)


def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
    timeout: float | None = None,
) -> Response:
    """Sends a request and waits for its answer, whatever the status: at most so many seconds, and at most
    what is left of the call's own time. The origin has to be granted by the operator."""
    body = _text.utf8(body) if isinstance(body, str) else bytes(body)
    request = HttpRequest(method=method, url=url, headers=headers or {}, body=body)
    return seam.host().fetch(request, timeout)


def get(url: str, *, headers: Mapping[str, str] | None = None, timeout: float | None = None) -> Response:
    """Fetches with `GET`."""
    return fetch("GET", url, headers=headers, timeout=timeout)
