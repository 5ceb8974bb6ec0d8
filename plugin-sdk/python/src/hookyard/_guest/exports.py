"""The classes that componentize-py looks for: one for each handler that was registered."""

import json
from typing import Any

from hookyard import handlers, moncreneau
from hookyard._guest import attempt, payload


def typed(event_type: str) -> type:
    """The export for a typed handler."""
    handler = handlers.typed[event_type]
    target = moncreneau.PAYLOADS[event_type]

    def call(ctx: Any, appointment: Any) -> None:
        handler(payload.context(ctx), payload.record(target, appointment))

    class Export:
        def handle(self, ctx: Any, appointment: Any) -> None:
            attempt.run(call, ctx, appointment)

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
