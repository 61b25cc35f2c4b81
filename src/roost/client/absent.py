"""None in Python is absence on the wire; a dict may stand for a struct of it."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from roost.model.errors import InvalidBody

T = TypeVar("T")
S = TypeVar("S", bound=Struct)


def or_absent(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def as_struct(given: Struct | Mapping[str, Any], wanted: type[S]) -> S:
    """`given` as a struct of this type, checked before it is sent. Raises: InvalidBody."""
    if isinstance(given, wanted):
        return given
    try:
        return msgspec.convert(msgspec.to_builtins(given), wanted)
    except msgspec.ValidationError as error:
        raise InvalidBody(str(error)) from None
