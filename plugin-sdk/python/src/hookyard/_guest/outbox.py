"""Implements `outbox` with `hookyard:plugin/outbox`."""

from collections.abc import Callable
from typing import Any

from componentize_py_types import Err
from wit_world.imports import outbox as host

from hookyard import outbox
from hookyard._text import unicode
from hookyard.request import HttpRequest


class _Outbox:
    def send_http(self, request: HttpRequest) -> str:
        headers = [(unicode(name), unicode(value)) for name, value in request.headers.items()]
        method, url = unicode(request.method), unicode(request.url)
        asked = host.HttpRequest(method=method, url=url, headers=headers, body=request.body)
        return _ask(lambda: host.send_http(asked))

    def send_email(self, email: outbox.Email) -> str:
        attachments = [
            host.Attachment(
                filename=unicode(file.filename),
                content_type=unicode(file.content_type),
                content=file.content,
            )
            for file in email.attachments
        ]
        asked = host.Email(
            to=[unicode(address) for address in email.to],
            cc=[unicode(address) for address in email.cc],
            bcc=[unicode(address) for address in email.bcc],
            reply_to=None if email.reply_to is None else unicode(email.reply_to),
            subject=unicode(email.subject),
            text=unicode(email.text),
            html=None if email.html is None else unicode(email.html),
            attachments=attachments,
        )
        return _ask(lambda: host.send_email(asked))

    def emit_event(self, event: outbox.Event) -> str:
        return _ask(lambda: host.emit_event(unicode(event.event_type), unicode(event.data)))


def _ask(effect: Callable[[], Any]) -> str:
    try:
        return effect()
    except Err as refusal:
        raise outbox.Refused(refusal.value) from None


outbox.seam.install(_Outbox())
