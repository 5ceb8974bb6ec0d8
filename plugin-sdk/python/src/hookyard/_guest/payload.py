"""Converts the argument types of componentize-py to the SDK's types.

Both have the same fields and cases, which a test checks. The SDK has enumerations for variants of names,
dictionaries for lists of pairs, and no wrapper for an option in an option. The conversions are made of the
annotations before the snapshot of the interpreter is taken.
"""

import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from typing import Any

from hookyard.context import Context
from hookyard.events import Case, OpenEnum

Convert = Callable[[Any], Any]


def context(value: Any) -> Context:
    """The context of a call."""
    return Context(**vars(value))


def _same(value: Any) -> Any:
    return value


def converter(kind: Any) -> Convert:
    """The conversion to a type. `kind` is an annotation of a generated module."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _union(arguments)
    if origin is list:
        item = converter(arguments[0])
        return _same if item is _same else lambda value: [item(one) for one in value]
    if origin is tuple:
        items = [converter(argument) for argument in arguments]
        return lambda value: tuple(item(one) for item, one in zip(items, value, strict=True))
    if origin is dict:
        member = converter(arguments[1])
        return lambda value: {name: member(one) for name, one in value}
    if isinstance(kind, type) and issubclass(kind, enum.Flag):
        return lambda value: kind(value.value)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enumerated(kind)
    return _record(kind) if dataclasses.is_dataclass(kind) else _same


def _union(arguments: tuple[Any, ...]) -> Convert:
    """An optional value, a variant, or an optional variant."""
    others = [argument for argument in arguments if argument is not types.NoneType]
    present = converter(others[0]) if len(others) == 1 else _variant(others)

    def convert(value: Any) -> Any:
        while type(value).__name__ == "Some":  # an option of an option
            value = value.value
        return None if value is None else present(value)

    return convert if len(others) < len(arguments) else present


def _case_name(value: Any) -> str:
    """`noshow` for a value of the generated class `Status_NoShow`."""
    return type(value).__name__.partition("_")[2].lower()


def _variant(cases: list[type[Case]]) -> Convert:
    made: dict[str, Convert] = {}
    for case in cases:
        made[case.case.replace("-", "").lower()] = _case(case)
    return lambda value: made[_case_name(value)](value)


def _case(case: Any) -> Convert:
    hints = typing.get_type_hints(case)
    if "value" not in hints:
        return lambda _: case()
    content = converter(hints["value"])
    return lambda value: case(content(value.value))


def _enumerated(kind: Any) -> Convert:
    """An enumeration, or a variant without payloads but that of `other`."""
    members = {member.name.replace("_", "").lower(): member for member in kind}

    def convert(value: Any) -> Any:
        if isinstance(value, enum.Enum):
            return members[value.name.replace("_", "").lower()]
        name = _case_name(value)
        if name == "other" and issubclass(kind, OpenEnum) and "other" not in members:
            return kind(value.value)
        return members[name]

    return convert


def _record(kind: Any) -> Convert:
    hints = typing.get_type_hints(kind)
    fields = [(field.name, converter(hints[field.name])) for field in dataclasses.fields(kind)]
    return lambda value: kind(**{name: convert(_attribute(value, name)) for name, convert in fields})


def _attribute(value: Any, name: str) -> Any:
    """A field. Both sides put `_` behind keywords, and the SDK also behind the names of built-in types."""
    return getattr(value, name if hasattr(value, name) else name.rstrip("_"))
