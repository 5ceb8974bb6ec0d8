"""Effects: HTTP requests, emails and events that the host sends after the event is handled.

No effect leaves while a handler runs. The host sends the effects if and only if the handler returns, after
its transaction is committed. It attempts each effect at least once, with the same idempotency key on every
attempt. Each function returns that key.
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
    """The host refused an effect: it is malformed, not granted, or over a limit. Another attempt would not
    help. If the handler does not catch this, the event is rejected, with the host's text as the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that is attached to an email."""

    filename: str
    """The name that the recipient sees."""
    content_type: str
    """Its media type, such as `application/pdf` or `text/calendar; charset=utf-8`."""
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """An email. The operator configures the sender."""

    to: Sequence[str]
    """Addresses: `aissatou@example.gn` or `Aissatou Diallo <aissatou@example.gn>`."""
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
        """The data, decoded from JSON."""
        return json.loads(self.data)


Effect = HttpRequest | Email | Event


def send_http(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | str = b""
) -> str:
    """Queues an HTTP request. The host sets `Idempotency-Key`. The effect succeeds with a status of 200 to
    299. The operator must grant the origin."""
    body = _text.utf8(body) if isinstance(body, str) else bytes(body)
    return seam.host().send_http(HttpRequest(method=method, url=url, headers=headers or {}, body=body))


def send_json(method: str, url: str, data: Any, *, headers: Mapping[str, str] | None = None) -> str:
    """Queues an HTTP request whose body is JSON."""
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
    """Queues an email, which the operator's server sends. The operator must grant the recipients."""
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
    """Emits an event with `data` as JSON. The host stores it and routes it to plugins like a received event,
    from the source `plugin.NAME`. The operator must grant the type."""
    return seam.host().emit_event(Event(event_type=event_type, data=json.dumps(data, ensure_ascii=False)))


def _addresses(one_or_more: str | Iterable[str]) -> tuple[str, ...]:
    return (one_or_more,) if isinstance(one_or_more, str) else tuple(one_or_more)
