"""A host in memory."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlsplit

from hookyard import config, handlers, http, log, outbox, store
from hookyard.context import Context
from hookyard.http import Response
from hookyard.moncreneau import PAYLOADS
from hookyard.request import HttpRequest
from hookyard.test.transaction import Transaction


class Host:
    """Delivers events to handlers as hookyard does. What a handler wrote and asked for is there if it
    returned, and not if it raised; what it logged is there in any case."""

    def __init__(
        self,
        *,
        config: Mapping[str, str] | None = None,
        http: Iterable[str] | None = None,
        email: Iterable[str] | None = None,
        respond: Callable[[HttpRequest], Response] | None = None,
    ) -> None:
        """`config` is the operator's config and secrets. `http` (origins) and `email` (recipients, `*` for
        any part) are what the operator grants; everything, if they are not given. `respond` answers what
        the handler fetches."""
        self.config = dict(config or {})
        self.http = None if http is None else set(http)
        self.email = None if email is None else set(email)
        self.respond = respond
        self.store: dict[str, dict[str, bytes]] = {}
        """What was written, by bucket and key."""
        self.effects: list[outbox.Effect] = []
        """What was asked for, in its order."""
        self.logs: list[str] = []
        """Lines, `INFO text`, or `INFO name: text` from a logger with a name."""
        self._deliveries = 0

    def deliver(
        self,
        handler: handlers.Handler[Any],
        payload: Any,
        *,
        event_type: str | None = None,
        event_id: str = "evt_sample",
        source: str = "moncreneau",
        created: str = "2026-01-21T14:30:00Z",
        received_at: int = 1_769_005_801_000,
        attempt: int = 1,
    ) -> None:
        """Calls a handler with an event, and commits what it did. What it raises is passed on: `Retry`,
        `Reject`, or what would be a trap in the host. The generic handler needs an `event_type`, and takes
        what JSON can hold as its payload."""
        registered = handlers.find(handler)
        if isinstance(registered, handlers.Generic):
            text = json.dumps(payload, ensure_ascii=False)
            payload = text if registered.raw else json.loads(text)
            if event_type is None:
                raise TypeError("the generic handler has many event types: say which, event_type=…")
        else:
            event_type = registered
            if not isinstance(payload, PAYLOADS[registered]):
                raise TypeError(f"{registered} has a payload of {PAYLOADS[registered].__name__}")
        self._deliveries += 1
        context = Context(
            event_id=event_id,
            event_type=event_type,
            source=source,
            created=created,
            received_at=received_at,
            idempotency_key=f"{self._deliveries:032x}",
            attempt=attempt,
        )
        transaction = Transaction(self, context)
        with _Installed(transaction):
            handler(context, payload)
        self.store = transaction.written
        self.effects += transaction.asked

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
        """What was written to a key, as text."""
        value = self.store.get(bucket, {}).get(key)
        return None if value is None else value.decode()

    def json(self, bucket: str, key: str) -> Any:
        """What was written to a key, read from JSON."""
        text = self.text(bucket, key)
        return None if text is None else json.loads(text)

    def refusal(self, effect: outbox.Effect) -> str | None:
        """Why an effect is not granted, if it is not."""
        if isinstance(effect, HttpRequest):
            return self.refusal_of_url(effect.url)
        if isinstance(effect, outbox.Email) and self.email is not None:
            for recipient in [*effect.to, *effect.cc, *effect.bcc]:
                address = recipient.rpartition("<")[2].rstrip("> ")
                if not any(fnmatch(address.lower(), granted.lower()) for granted in self.email):
                    return f"the recipient {address} is not granted"
        return None

    def refusal_of_url(self, url: str) -> str | None:
        """Why a URL is not granted, if it is not."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return f"{url} is not an absolute http or https URL"
        origin = f"{parts.scheme}://{parts.netloc}".lower()
        if self.http is not None and origin not in self.http:
            return f"the origin {origin} is not granted"
        return None


class _Installed:
    """Puts a transaction behind every capability, and standard logging into its lines."""

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
