"""Values of records that anybody may have written, as values that an event can hold. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from roost.model import events as e
from roost.model.unreadable import UNREADABLE, too_deep
from roost.natives.records import Record

MAX_FIELD_BYTES: Final = 48 * 1024
"""Of the input or output of a tool and the like, as JSON: an event has three of them at most."""
MAX_COUNT: Final = 2**53
"""A count beyond it is none."""
TRUNCATED: Final = "\n[truncated]"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def table(value: Any) -> Record:
    """An object; empty if it is none."""
    return cast(Record, value) if isinstance(value, dict) else {}


def tables(value: Any) -> list[Record]:
    """The objects of a list."""
    return [table(each) for each in cast("list[Any]", value) if isinstance(each, dict)] if _listed(value) else []


def text(value: Any) -> str:
    """A string; empty if it is none."""
    return _SURROGATE.sub("�", value) if isinstance(value, str) else ""


def count(value: Any) -> int:
    """A number of something; 0 if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT else 0


def amount(value: Any) -> float:
    """US dollars; 0 if it is none."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= MAX_COUNT else 0.0


def moment(value: Any) -> int | UnsetType:
    """Milliseconds since the epoch, of those or of a time in ISO 8601."""
    if isinstance(value, str):
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            return UNSET
        value = int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
    return value if count(value) else UNSET


def cut(words: str, max_bytes: int = MAX_FIELD_BYTES) -> str:
    """As much of a text as may stand in an event: its beginning, and that it was cut."""
    if len(words) * 6 <= max_bytes or _size(words) <= max_bytes:
        return words
    kept = words[:max_bytes]
    while _size(kept) > max_bytes - len(TRUNCATED) - 8:  # JSON may need six bytes for a character
        kept = kept[: len(kept) * 3 // 4]
    return kept + TRUNCATED


def fitting(value: Any) -> Any:
    """A value, or as much of it as an event may hold: as text, if it is too large or nested too deeply."""
    raw = encoded(value)
    if len(raw) <= MAX_FIELD_BYTES and not too_deep(b"[[[[[[[[" + raw + b"]]]]]]]]"):
        return value
    return {"truncated": cut(raw.decode(errors="replace"))}


def encoded(value: Any) -> bytes:
    """As JSON; what cannot be written as it is, as a string."""
    try:
        return msgspec.json.encode(value)
    except (*UNREADABLE, TypeError, ValueError):
        return msgspec.json.encode(repr(value)[:MAX_FIELD_BYTES])


def joined(blocks: Any) -> str:
    """The text of a message: a string, or all texts of its blocks."""
    if isinstance(blocks, str):
        return text(blocks)
    return "\n".join(words for block in tables(blocks) if (words := text(block.get("text"))))


def todos(items: Any, words: str = "content") -> tuple[e.Todo, ...]:
    """A plan. Its items are known by their place, unless they have ids."""
    return tuple(_todo(number, item, words) for number, item in enumerate(tables(items)[:500], 1))


def _todo(number: int, item: Mapping[str, Any], words: str) -> e.Todo:
    status, priority = item.get("status"), item.get("priority")
    return e.Todo(
        id=text(item.get("id"))[:100] or str(number),
        content=text(item.get(words))[:200],
        status=status if status in ("pending", "in_progress", "completed", "cancelled") else "pending",
        priority=priority if priority in ("high", "medium", "low") else "medium",
    )


def _size(words: str) -> int:
    return len(encoded(words))


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
