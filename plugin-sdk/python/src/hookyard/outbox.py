"""Effects: what is to happen outside once the event is handled.

Nothing leaves while a handler runs. What it asks for here goes out if and only if it returns, after its
writes are committed; the host then tries each effect until it succeeds, at least once, and with the
same idempotency key on every try. Each function returns that key.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hookyard import _host, _text
from hookyard.failure import Reject
from hookyard.request import HttpRequest as HttpRequest

seam: _host.Seam[_host.Outbox] = _host.Seam("outbox")


class Refused(Reject):
    """The host does not take an effect: it is malformed, not granted, or over a limit. Asking again would
    not help, so unless it is caught the event is rejected, with the host's words as the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with an email."""

    filename: str
    """As the recipient sees it."""
    content_type: str
    """Its media type, such as `application/pdf` or `text/calendar; charset=utf-8`."""
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """An email. The sender is the operator's."""

    to: Sequence[str]
    """Addresses, `aissatou@example.gn` or `Aissatou Diallo <aissatou@example.gn>`."""
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    reply_to: str | None = None
    subject: str
    text: str
    html: str | None = None
    attachments: Sequence[Attachment] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that the plugin emits."""

    event_type: str
    data: str
    """JSON text."""

    def json(self) -> Any:
        """The data, read from JSON."""
        return json.loads(self.data)


Effect = HttpRequest | Email | Event


def send_http(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | str = b""
) -> str:
    """Sends an HTTP request. `Idempotency-Key` is set by the host. It has succeeded once it is answered with
    a status of 200 to 299; the origin has to be granted by the operator."""
    body = _text.utf8(body) if isinstance(body, str) else bytes(body)
    return seam.host().send_http(HttpRequest(method=method, url=url, headers=headers or {}, body=body))


def send_json(method: str, url: str, data: Any, *, headers: Mapping[str, str] | None = None) -> str:
    """Sends an HTTP request whose body is JSON."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    return send_http(method, url, headers=headers, body=json.dumps(data, ensure_ascii=False))


def send_email(
    to: str | Iterable[str],
    subject: str,
    text: str,
    *,
    html: str | None = None,
    cc: str | Iterable[str] = (),
    bcc: str | Iterable[str] = (),
    reply_to: str | None = None,
    attachments: Iterable[Attachment] = (),
) -> str:
    """Sends an email by the operator's server. The recipients have to be granted by the operator."""
    email = Email(
        to=_addresses(to),
        cc=_addresses(cc),
        bcc=_addresses(bcc),
        reply_to=reply_to,
        subject=subject,
        text=text,
        html=html,
        attachments=tuple(attachments),
    )
    return seam.host().send_email(email)


def emit_event(event_type: str, data: Any) -> str:
    """Emits an event, whose data becomes JSON: it is stored and routed to plugins like one that was
    received, from the source `plugin.NAME`. Its type has to be granted by the operator."""
    return seam.host().emit_event(Event(event_type=event_type, data=json.dumps(data, ensure_ascii=False)))


def _addresses(one_or_more: str | Iterable[str]) -> tuple[str, ...]:
    return (one_or_more,) if isinstance(one_or_more, str) else tuple(one_or_more)
