"""Defines the classes that componentize-py needs: one for each registered handler."""

import json
from typing import Any

from hookyard import events, handlers
from hookyard._guest import attempt, payload


def typed(event_type: str) -> type:
    """The export for a typed handler."""
    handler = handlers.typed[event_type]
    convert = payload.converter(events.by_name[event_type].payload)

    def call(ctx: Any, value: Any) -> None:
        handler(payload.context(ctx), convert(value))

    class Export:
        def handle(self, ctx: Any, value: Any) -> None:
            attempt.run(call, ctx, value)

    return Export


def generic() -> type:
    """The export for the generic handler."""
    registered = handlers.generic
    assert registered is not None, "the build found an @on_event handler"
    subscriptions = list(registered.subscriptions)

    def call(ctx: Any, data: str) -> None:
        registered.handle(payload.context(ctx), data if registered.raw else json.loads(data))

    class Export:
        def subscriptions(self) -> list[str]:
            return subscriptions

        def handle(self, ctx: Any, data: str) -> None:
            attempt.run(call, ctx, data)

    return Export
