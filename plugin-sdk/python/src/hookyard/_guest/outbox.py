"""`outbox` over `hookyard:plugin/outbox`."""

from collections.abc import Callable
from typing import Any

from componentize_py_types import Err
from wit_world.imports import outbox as host

from hookyard import outbox
from hookyard.request import HttpRequest


class _Outbox:
    def send_http(self, request: HttpRequest) -> str:
        headers = list(request.headers.items())
        asked = host.HttpRequest(method=request.method, url=request.url, headers=headers, body=request.body)
        return _ask(lambda: host.send_http(asked))

    def send_email(self, email: outbox.Email) -> str:
        attachments = [
            host.Attachment(filename=file.filename, content_type=file.content_type, content=file.content)
            for file in email.attachments
        ]
        asked = host.Email(
            to=list(email.to),
            cc=list(email.cc),
            bcc=list(email.bcc),
            reply_to=email.reply_to,
            subject=email.subject,
            text=email.text,
            html=email.html,
            attachments=attachments,
        )
        return _ask(lambda: host.send_email(asked))

    def emit_event(self, event: outbox.Event) -> str:
        return _ask(lambda: host.emit_event(event.event_type, event.data))


def _ask(effect: Callable[[], Any]) -> str:
    try:
        return effect()
    except Err as refusal:
        raise outbox.Refused(refusal.value) from None


outbox.seam.install(_Outbox())
