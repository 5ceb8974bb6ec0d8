"""From what componentize-py makes of a call's arguments to the SDK's types.

Both have the same fields, which a test checks; the SDK's are enumerations where WIT has variants of names,
and dictionaries where WIT has lists of pairs.
"""

from collections.abc import Callable
from typing import Any

from hookyard import moncreneau
from hookyard.context import Context

_PLAIN = (str, int, type(None))


def context(value: Any) -> Context:
    """The context of a call."""
    return Context(**vars(value))


def record(target: type, value: Any) -> Any:
    """A record, as the SDK's dataclass for it."""
    return target(**{name: _value(member) for name, member in vars(value).items()})


def _value(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, list):
        return {name: _value(member) for name, member in value}
    return _converter(type(value))(value)


_converters: dict[type, Callable[[Any], Any]] = {}


def _converter(kind: type) -> Callable[[Any], Any]:
    """How to convert a value of a generated class: `Status_NoShow`, `Status_Other`, `Department`."""
    if kind not in _converters:
        name, _, case = kind.__name__.partition("_")
        target = getattr(moncreneau, name)
        if case == "Other":
            _converters[kind] = lambda value: target(value.value)
        elif case:
            member = next(m for m in target if m.name.replace("_", "").lower() == case.lower())
            _converters[kind] = lambda _: member
        else:
            _converters[kind] = lambda value: record(target, value)
    return _converters[kind]
