"""Which function handles which event: what `@on` and `@on_event` write down when a plugin is imported.

The build reads it to know what the component exports.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from hookyard.context import Context
from hookyard.moncreneau import (
    PAYLOADS,
    AppointmentCancelled,
    AppointmentCompleted,
    AppointmentCreated,
    AppointmentUpdated,
    AppointmentValidated,
)

_Payload = TypeVar("_Payload")
Handler = Callable[[Context, _Payload], None]
_Decorator = Callable[[Handler[_Payload]], Handler[_Payload]]


@dataclass(frozen=True, slots=True)
class Generic:
    """The handler for events of any type."""

    subscriptions: tuple[str, ...]
    handle: Handler[Any]
    raw: bool


typed: dict[str, Handler[Any]] = {}
"""By event type."""
generic: Generic | None = None


@overload
def on(event_type: Literal["appointment.created"]) -> _Decorator[AppointmentCreated]: ...
@overload
def on(event_type: Literal["appointment.updated"]) -> _Decorator[AppointmentUpdated]: ...
@overload
def on(event_type: Literal["appointment.cancelled"]) -> _Decorator[AppointmentCancelled]: ...
@overload
def on(event_type: Literal["appointment.validated"]) -> _Decorator[AppointmentValidated]: ...
@overload
def on(event_type: Literal["appointment.completed"]) -> _Decorator[AppointmentCompleted]: ...
def on(event_type: str) -> _Decorator[Any]:
    """Handles events of one type, with their payload as a dataclass of `hookyard.moncreneau`."""
    if event_type not in PAYLOADS:
        known = ", ".join(PAYLOADS)
        raise ValueError(
            f'@on("{event_type}"): there are types for {known}; use @on_event("{event_type}") for any other'
        )

    def register(handler: Handler[Any]) -> Handler[Any]:
        _check(handler)
        if (other := typed.get(event_type)) is not None:
            raise ValueError(f"{event_type} has two handlers: {_name(other)} and {_name(handler)}")
        typed[event_type] = handler
        return handler

    return register


@overload
def on_event(*subscriptions: str, raw: Literal[True]) -> _Decorator[str]: ...
@overload
def on_event(*subscriptions: str, raw: Literal[False] = False) -> _Decorator[Any]: ...
def on_event(*subscriptions: str, raw: bool = False) -> _Decorator[Any]:
    """Handles events of any type, with their payload read from JSON, or as JSON text if `raw`.

    `subscriptions` are the event types it wants: `appointment.created` alone, `appointment.*` for all
    that begin so, `*` for all. A typed handler for the same event goes before this one.
    """
    if not subscriptions or not all(isinstance(pattern, str) and pattern for pattern in subscriptions):
        raise ValueError('@on_event needs the event types it wants, such as @on_event("appointment.*")')

    def register(handler: Handler[Any]) -> Handler[Any]:
        global generic
        _check(handler)
        if generic is not None:
            raise ValueError(
                f"a plugin has one @on_event handler: {_name(generic.handle)} and {_name(handler)} are two"
            )
        generic = Generic(subscriptions, handler, raw)
        return handler

    return register


def find(handler: Handler[Any]) -> str | Generic:
    """What a handler was registered for: an event type, or as the generic handler."""
    for event_type, other in typed.items():
        if other is handler:
            return event_type
    if generic is not None and generic.handle is handler:
        return generic
    raise ValueError(f"{_name(handler)} is no handler: it has neither @on nor @on_event")


def _check(handler: Handler[Any]) -> None:
    """What would otherwise come to light with the first event."""
    if inspect.iscoroutinefunction(handler) or inspect.isgeneratorfunction(handler):
        raise TypeError(f"{_name(handler)} has to be a plain function: nothing would run an async one")
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        raise TypeError(f"{_name(handler)} has to take two arguments: context and payload") from None


def _name(handler: Callable[..., Any]) -> str:
    return getattr(handler, "__qualname__", repr(handler))
