"""None in Python is absence on the wire."""

from typing import TypeVar

from msgspec import UNSET, UnsetType

T = TypeVar("T")


def or_absent(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
