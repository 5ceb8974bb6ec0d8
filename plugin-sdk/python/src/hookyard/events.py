"""Types of events, for the modules that `hookyard wit generate` makes, such as `hookyard.moncreneau`."""

import dataclasses
import enum
from typing import Any, ClassVar, Self


class OpenEnum(enum.StrEnum):
    """An enumeration that keeps unknown names as text, because the service may add names. As in the host,
    case and separators do not count: `Status("NO_SHOW")` is `Status.NO_SHOW`."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        for known in cls:
            if _normalized(known.value) == _normalized(value):
                return known
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member

    @property
    def known(self) -> bool:
        """Whether this version has a name for it."""
        return self.value in type(self)._value2member_map_


class Case:
    """A case of a variant. A case with a payload has it in `value`."""

    __slots__ = ()
    case: ClassVar[str]
    """The case's name in the WIT."""

    def __init_subclass__(cls, case: str | None = None) -> None:
        # A dataclass with slots is made twice, the second time without the argument.
        if case is not None:
            cls.case = case


@dataclasses.dataclass(frozen=True, slots=True)
class EventType:
    """An event type with a typed handler."""

    name: str
    interface: str
    """The handler's interface: `acme:events/order-paid@1.0.0`."""
    payload: Any
    """The annotation of payloads."""
    sample: str
    """A sample payload as canonical JSON: the form of `hookyard wit decode`."""


by_name: dict[str, EventType] = {}
"""The event types of all imported modules."""


def register(*, event_type: str, interface: str, payload: Any, sample: str) -> None:
    """Adds an event type. Generated modules call it."""
    known = by_name.get(event_type)
    if known is not None and known.interface != interface:
        raise ValueError(f"{event_type} has two types of payloads: {known.interface} and {interface}")
    by_name[event_type] = EventType(event_type, interface, payload, sample)


def as_json(value: Any) -> Any:
    """Converts a payload to JSON values: fields in camel case, and cases by their names in the WIT. An absent
    field is `None`."""
    if isinstance(value, Case):
        return {value.case: as_json(value.value)} if hasattr(value, "value") else value.case
    if dataclasses.is_dataclass(value):
        return {
            _camel_case(field.name): as_json(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, enum.Flag):
        return [_camel_case((flag.name or "").lower()) for flag in value]
    if isinstance(value, dict):
        return {name: as_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple | bytes):
        return [as_json(item) for item in value]
    return value


def _normalized(name: str) -> str:
    return name.translate({ord(separator): None for separator in "-_. "}).lower()


def _camel_case(name: str) -> str:
    first, *others = name.replace("-", "_").rstrip("_").split("_")
    return first + "".join(other.capitalize() for other in others)
