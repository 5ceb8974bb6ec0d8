"""The in-memory host."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlsplit

from hookyard import config, events, handlers, http, log, metadata, outbox, store
from hookyard.context import Context
from hookyard.http import Response
from hookyard.request import HttpRequest
from hookyard.test import component
from hookyard.test.decode import decode_event
from hookyard.test.transaction import Transaction


class Host:
    """Delivers events to handlers as hookyard does. A handler's writes and effects are kept only if it
    returns; its log lines are always kept."""

    def __init__(
        self,
        *,
        config: Mapping[str, str] | None = None,
        http: Iterable[str] | None = None,
        email: Iterable[str] | None = None,
        respond: Callable[[HttpRequest], Response] | None = None,
        content_type: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """`config` is the operator's config and secrets. `http` (origins) and `email` (recipients, `*` for
        any part) are the operator's grants. The default grants everything. `respond` returns the responses
        to the handler's requests. `content_type` is the media type of the content that the payloads of the
        events were made of, if that is no JSON, and `attributes` are those of the events, which are
        CloudEvents."""
        self.config = dict(config or {})
        self.http = None if http is None else set(http)
        self.email = None if email is None else set(email)
        self.respond = respond
        self.content_type = content_type
        self.attributes = dict(attributes or {})
        self.store: dict[str, dict[str, bytes]] = {}
        """The written values by bucket and key."""
        self.effects: list[outbox.Effect] = []
        """The effects, in order."""
        self.logs: list[str] = []
        """The log lines: `INFO text`, or `INFO name: text` from a named logger."""
        self._deliveries = 0

    def deliver(
        self,
        handler: handlers.Handler[Any],
        payload: Any,
        *,
        event_type: str | None = None,
        event_id: str = "evt_sample",
        source: str | None = None,
        created: str = "2026-01-21T14:30:00Z",
        received_at: int = 1_769_005_801_000,
        attempt: int = 1,
    ) -> None:
        """Calls a handler with an event, and commits its writes and effects. Raises the handler's exception:
        `Retry`, `Reject`, or one that would be a trap in the host. The generic handler needs an
        `event_type`, and its payload is any JSON value."""
        registered = handlers.find(handler)
        if isinstance(registered, handlers.Generic):
            text = json.dumps(payload, ensure_ascii=False)
            payload = text if registered.raw or component.built() else json.loads(text)
            if event_type is None:
                raise TypeError("the generic handler has many event types: say which, event_type=…")
        else:
            event_type = registered
            kind = events.by_name[registered].payload
            if isinstance(kind, type) and not isinstance(payload, kind):
                raise TypeError(f"{registered} has a payload of {kind.__name__}")
        self._deliveries += 1
        made = Context(
            event_id=event_id,
            event_type=event_type,
            source=source or _source_of(event_type),
            created=created,
            received_at=received_at,
            idempotency_key=f"{self._deliveries:032x}",
            attempt=attempt,
        )
        if (built := component.built()) is not None:
            return self._attempt(built, made, registered, payload)
        transaction = Transaction(self, made)
        with _Installed(transaction):
            handler(made, payload)
        self.store = transaction.written
        self.effects += transaction.asked

    def _attempt(self, built: str, made: Context, registered: str | handlers.Generic, payload: Any) -> None:
        """Delivers to the built component."""
        if isinstance(registered, handlers.Generic):
            package, text = None, payload
        else:
            package = events.by_name[registered].interface.partition("/")[0]
            text = json.dumps(events.as_json(payload))
        result = component.attempt(built, made, package, text, self, self.store)
        self.logs += result.logs
        if result.failure is not None:
            raise result.failure
        self.store = result.store
        self.effects += result.effects

    def answer(self, request: HttpRequest) -> Response:
        """The response to a handler's own request."""
        if self.respond is None:
            raise AssertionError(
                f"no answer to {request.method} {request.url}: give the test Host(respond=…)"
            )
        return self.respond(request)

    def deliver_event(
        self, handler: handlers.Handler[Any], event: str | bytes | Mapping[str, Any], **context: Any
    ) -> None:
        """Calls a handler with a whole event, as its sender posts it: JSON, or a value. The program
        `hookyard` decodes the payload of a typed handler, so that values and errors are those of a real
        host: a payload that does not fit raises `Reject`. `context` is as in `deliver`."""
        body = json.dumps(event, ensure_ascii=False) if isinstance(event, Mapping) else event
        text = body.decode() if isinstance(body, bytes) else body
        sent = json.loads(text)
        fields = {
            name: str(sent[key]) for name, key in (("event_id", "id"), ("created", "created")) if key in sent
        }
        registered = handlers.find(handler)
        if isinstance(registered, handlers.Generic):
            data = sent.get("data")
            payload = data["object"] if isinstance(data, dict) and "object" in data else data
            return self.deliver(handler, payload, **{"event_type": sent["type"], **fields, **context})
        if sent.get("type") != registered:
            raise TypeError(f"the event has the type {sent.get('type')}, and the handler {registered}")
        payload, notes = decode_event(events.by_name[registered], text)
        self.logs += [f"WARN hookyard: {note}" for note in notes]
        self.deliver(handler, payload, **{**fields, **context})

    @property
    def requests(self) -> list[HttpRequest]:
        """The HTTP requests among the effects."""
        return [effect for effect in self.effects if isinstance(effect, HttpRequest)]

    @property
    def emails(self) -> list[outbox.Email]:
        """The emails among the effects."""
        return [effect for effect in self.effects if isinstance(effect, outbox.Email)]

    @property
    def events(self) -> list[outbox.Event]:
        """The emitted events among the effects."""
        return [effect for effect in self.effects if isinstance(effect, outbox.Event)]

    def text(self, bucket: str, key: str) -> str | None:
        """The value of a key as text."""
        value = self.store.get(bucket, {}).get(key)
        return None if value is None else value.decode()

    def json(self, bucket: str, key: str) -> Any:
        """The value of a key, decoded from JSON."""
        text = self.text(bucket, key)
        return None if text is None else json.loads(text)

    def refusal(self, effect: outbox.Effect) -> str | None:
        """The reason why an effect is not granted, if it is not."""
        if isinstance(effect, HttpRequest):
            return self.refusal_of_url(effect.url)
        if isinstance(effect, outbox.Email) and self.email is not None:
            for recipient in [*effect.to, *effect.cc, *effect.bcc]:
                address = recipient.rpartition("<")[2].rstrip("> ")
                if not any(fnmatch(address.lower(), granted.lower()) for granted in self.email):
                    return f"the recipient {address} is not granted"
        return None

    def refusal_of_url(self, url: str) -> str | None:
        """The reason why a URL is not granted, if it is not."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return f"{url} is not an absolute http or https URL"
        origin = f"{parts.scheme}://{parts.netloc}".lower()
        if self.http is not None and origin not in self.http:
            return f"the origin {origin} is not granted"
        return None


def _source_of(event_type: str) -> str:
    """The name that a source has unless the test says another: the namespace of the event type's package."""
    known = events.by_name.get(event_type)
    return known.interface.partition(":")[0] if known else "moncreneau"


class _Installed:
    """Connects every capability and the standard library's `logging` to a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._handler = log.LogHandler()
        self._level = logging.NOTSET

    def __enter__(self) -> None:
        config.seam.install(self._transaction.config)
        store.seam.install(self._transaction.store)
        outbox.seam.install(self._transaction.outbox)
        http.seam.install(self._transaction.http)
        log.seam.install(self._transaction.log)
        metadata.seam.install(self._transaction.metadata)
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(logging.NOTSET)
        root.addHandler(self._handler)

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.setLevel(self._level)
        root.removeHandler(self._handler)
        config.seam.install(None)
        store.seam.install(None)
        outbox.seam.install(None)
        http.seam.install(None)
        log.seam.install(None)
        metadata.seam.install(None)
