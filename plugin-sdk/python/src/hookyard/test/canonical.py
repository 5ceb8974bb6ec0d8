"""Converts canonical JSON, the one strict form of a typed value, to the values that handlers get."""

import dataclasses
import enum
import types
import typing
from typing import Any

from hookyard.events import Case, OpenEnum


def decode(json: Any, kind: Any) -> Any:
    """The value of this type. `kind` is an annotation of a generated module."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _union(json, arguments)
    if origin is list:
        return [decode(item, arguments[0]) for item in json]
    if origin is tuple:
        return tuple(decode(item, argument) for item, argument in zip(json, arguments, strict=True))
    if origin is dict:
        return {decode(key, arguments[0]): decode(value, arguments[1]) for key, value in json}
    if kind is bytes:
        return bytes(json)
    if kind in (int, float):  # 64-bit integers, and numbers that JSON lacks, are strings
        return kind(json)
    if isinstance(kind, type) and issubclass(kind, enum.Flag):
        return kind(sum(kind[name.replace("-", "_").upper()].value for name in json))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enumerated(json, kind)
    if dataclasses.is_dataclass(kind):
        return _record(json, kind)
    return json


def _union(json: Any, arguments: tuple[Any, ...]) -> Any:
    """An optional value, a variant, or an optional variant."""
    while isinstance(json, dict) and json.keys() == {"some"}:  # an option of an option
        json = json["some"]
    if json is None:
        return None
    others = [argument for argument in arguments if argument is not types.NoneType]
    if len(others) == 1:
        return decode(json, others[0])
    [(name, content)] = json.items()
    case: Any = next(other for other in others if issubclass(other, Case) and other.case == name)
    fields = typing.get_type_hints(case)
    return case(decode(content, fields["value"])) if "value" in fields else case()


def _enumerated(json: Any, kind: Any) -> Any:
    """An enumeration, or a variant without payloads but that of `other`."""
    if isinstance(json, str):
        return kind(json)
    [(name, content)] = json.items()
    return kind(content if issubclass(kind, OpenEnum) and content is not None else name)


def _record(json: Any, kind: Any) -> Any:
    hints = typing.get_type_hints(kind)
    # The WIT may have capital letters.
    members = {name.lower().replace("-", "_"): value for name, value in json.items()}
    values = {
        field.name: decode(members[field.name.rstrip("_")], hints[field.name])
        for field in dataclasses.fields(kind)
    }
    return kind(**values)
