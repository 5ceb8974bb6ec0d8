"""HTTP requests whose response the handler needs at once.

They are outside the handler's transaction. A request is sent even if the handler fails afterwards, and again
with the next attempt. Use `outbox` for requests that change data.
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
    """There is no response: the server is not granted, unreachable, or too slow. Unless the handler catches
    this, the delivery gets another attempt, with this as the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers by name in lower case. The values of a repeated header are joined by `, `."""
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body, decoded from JSON."""
        return json.loads(self.body)


def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
    timeout: float | None = None,
) -> Response:
    """Sends a request and waits for its response, whatever the status. The timeout is in seconds; the call's
    own deadline also applies. The operator must grant the origin."""
    body = _text.utf8(body) if isinstance(body, str) else bytes(body)
    request = HttpRequest(method=method, url=url, headers=headers or {}, body=body)
    return seam.host().fetch(request, timeout)


def get(url: str, *, headers: Mapping[str, str] | None = None, timeout: float | None = None) -> Response:
    """Sends a `GET` request and waits for its response."""
    return fetch("GET", url, headers=headers, timeout=timeout)
