"""The registry of handlers, which `@on` and `@on_event` fill when a plugin is imported.

The build exports the registered handlers from the component.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from hookyard import events
from hookyard.context import Context
from hookyard.moncreneau import (
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
"""The typed handlers by event type."""
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
@overload
def on(event_type: str) -> _Decorator[Any]: ...
def on(event_type: str) -> _Decorator[Any]:
    """Handles events of one type. The payload is a type of `hookyard.moncreneau`, or of a module that
    `hookyard wit generate` made."""
    if event_type not in events.by_name:
        known = ", ".join(events.by_name)
        raise ValueError(
            f'@on("{event_type}"): there are types for {known}, and those of modules that you import;'
            f' use @on_event("{event_type}") for any other'
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
    """Handles events of any type. The payload is decoded from JSON, or is JSON text if `raw`.

    `subscriptions` are event type patterns: `appointment.created` for one type, `appointment.*` for all
    types with that prefix, `*` for all. A typed handler for the same event has precedence.
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
    """The registration of a handler: an event type, or the generic handler."""
    for event_type, other in typed.items():
        if other is handler:
            return event_type
    if generic is not None and generic.handle is handler:
        return generic
    raise ValueError(f"{_name(handler)} is no handler: it has neither @on nor @on_event")


def _check(handler: Handler[Any]) -> None:
    """Checks a handler early, before its first event."""
    if inspect.iscoroutinefunction(handler) or inspect.isgeneratorfunction(handler):
        raise TypeError(f"{_name(handler)} has to be a plain function: nothing would run an async one")
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        raise TypeError(f"{_name(handler)} has to take two arguments: context and payload") from None


def _name(handler: Callable[..., Any]) -> str:
    return getattr(handler, "__qualname__", repr(handler))
