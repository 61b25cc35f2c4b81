"""Bytes that may be text, in the answers of hosts: as whatever is shorter, so that what fits into a frame as bytes fits
as JSON too. A field `name` holds the text, `name_base64` the bytes. Pure."""

from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

T = TypeVar("T", bound=Struct)
_CUT: Final = 3
"""A character that was cut in two has so many bytes left at most."""


def packed(name: str, data: bytes, *, cut: bool) -> dict[str, Any]:
    """One of the two fields. `cut`: the bytes may end in the middle of a character, which is left out then."""
    for less in range(_CUT + 1 if cut else 1):
        try:
            text = data[: len(data) - less].decode()
        except UnicodeDecodeError:
            continue
        short = len(msgspec.json.encode(text)) <= len(msgspec.json.encode(data))
        return {name: text} if short else {f"{name}_base64": data[: len(data) - less]}
    return {f"{name}_base64": data}


def unpacked(told: T, *names: str) -> T:
    """As it is served: all text, with what is none replaced, and then the bytes too."""
    fields: dict[str, Any] = {}
    for name in names:
        data = getattr(told, f"{name}_base64")
        if data is not UNSET:
            text = data.decode(errors="replace")
            fields |= {name: text, f"{name}_base64": UNSET if text.encode() == data else data}
    return replace(told, **fields)
